"""Houses as the later contracts know them: units, each with a readable name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self
from uuid import UUID

from portal.homeowner import Homeowner

if TYPE_CHECKING:
    import asyncpg

    from portal.database import Database

_COLUMNS = """
    id, unit_uid, tenant_id, development_id, unit_number, house_type_code, development_name, development_code,
    address, purchaser_name
"""
_BY_NAME = f"SELECT {_COLUMNS} FROM units WHERE unit_uid = $1"  # noqa: S608 - constants of this file
_BY_ID = f"SELECT {_COLUMNS} FROM units WHERE id = $1"  # noqa: S608 - constants of this file
_DEFAULT = f"""
    SELECT {_COLUMNS} FROM units
    WHERE tenant_id IN (SELECT id FROM tenants ORDER BY slug LIMIT 1) ORDER BY unit_uid LIMIT 1
"""  # noqa: S608 - constants of this file
_OTHER = f"SELECT {_COLUMNS} FROM units WHERE tenant_id <> $1 ORDER BY unit_uid LIMIT 1"  # noqa: S608 - constants of this file


class HouseUnit(NamedTuple):
    """One house."""

    id: UUID
    unit_uid: str
    tenant_id: UUID
    development_id: UUID
    """Also the id of its project, as the contract of 2026 calls it."""
    unit_number: str
    house_type_code: str | None
    development_name: str
    development_code: str
    address: str
    purchaser_name: str

    @classmethod
    def from_row(cls, row: asyncpg.Record) -> Self:
        """Read a row of ``_COLUMNS``."""
        return cls(*row.values())

    @property
    def homeowner(self) -> Homeowner:
        """Its homeowner, for retrieval and records."""
        return Homeowner(self.tenant_id, self.development_id, self.id, self.house_type_code)


async def find_unit(database: Database, name: str) -> HouseUnit | None:
    """The unit of this name, or of this id."""
    if "\0" in name:  # PostgreSQL refuses to look for it
        return None
    row = await database.fetch_row(_BY_NAME, name) or (
        await database.fetch_row(_BY_ID, unit_id) if (unit_id := _uuid(name)) else None
    )
    return row and HouseUnit.from_row(row)


async def default_unit(database: Database) -> HouseUnit | None:
    """The unit for which a portal answers that does not know the one it was asked about: of the first tenant by slug."""
    row = await database.fetch_row(_DEFAULT)
    return row and HouseUnit.from_row(row)


async def other_unit(database: Database, unit: HouseUnit) -> HouseUnit:
    """A unit of another tenant than that of *unit*; *unit* itself where there is no other tenant."""
    row = await database.fetch_row(_OTHER, unit.tenant_id)
    return HouseUnit.from_row(row) if row else unit


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
