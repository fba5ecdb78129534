"""The houses a QR code can open: looked up, and claimed once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

from seed.fixture import House

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from portal.database import Database

_COLUMNS = """
    h.id, h.tenant_id, t.slug AS tenant_slug, h.development_id, d.name AS development, h.house_type, h.address,
    (h.metadata->>'houseNumber')::int AS house_number, h.metadata->>'lotNumber' AS lot,
    h.metadata->>'onboardingStatus' = 'completed' AS onboarded
"""
_PARENTS = "developments AS d JOIN tenants AS t ON t.id = d.tenant_id"

_BY_TOKEN = f"""
    SELECT {_COLUMNS} FROM homeowners AS h JOIN {_PARENTS} ON d.id = h.development_id
    WHERE h.unique_qr_token = $1
"""  # noqa: S608 - constants of this file

_BY_ID = f"""
    SELECT {_COLUMNS} FROM homeowners AS h JOIN {_PARENTS} ON d.id = h.development_id
    WHERE h.id = $1
"""  # noqa: S608 - constants of this file

_CLAIM = f"""
    UPDATE homeowners AS h
    SET metadata = h.metadata || jsonb_build_object('onboardingStatus', 'completed', 'onboardedAt', $2::text)
    FROM {_PARENTS}
    WHERE h.unique_qr_token = $1 AND d.id = h.development_id
      AND h.metadata->>'onboardingStatus' IS DISTINCT FROM 'completed'
    RETURNING {_COLUMNS}
"""  # noqa: S608 - constants of this file


class RegisteredHouse(NamedTuple):
    """A house as the portal's pages and answers show it."""

    house_id: UUID
    tenant_id: UUID
    tenant_slug: str
    development_id: UUID
    development: str
    house_type: str | None
    address: str
    house_number: int
    lot: str
    onboarded: bool

    @classmethod
    def from_row(cls, row: asyncpg.Record) -> Self:
        """Read a row of ``_COLUMNS``."""
        return cls(*row.values())

    def summary(self) -> dict[str, Any]:
        """What a resolved QR code answers with."""
        return {
            "id": str(self.house_id),
            "tenantId": str(self.tenant_id),
            "tenantSlug": self.tenant_slug,
            "developmentId": str(self.development_id),
            "development": self.development,
            "houseType": self.house_type,
            "houseNumber": self.house_number,
            "lotNumber": self.lot,
            "address": self.address,
        }

    def fixture(self, qr_token: str) -> House:
        """The same house as the seed knows it, not yet given a JWT."""
        return House(
            house_id=str(self.house_id),
            tenant_id=str(self.tenant_id),
            tenant_slug=self.tenant_slug,
            development_id=str(self.development_id),
            house_type=self.house_type,
            house_number=self.house_number,
            lot=self.lot,
            qr_token=qr_token,
            jwt="",
        )


async def find_house(database: Database, house_id: UUID) -> RegisteredHouse | None:
    """The house with this id."""
    row = await database.fetch_row(_BY_ID, house_id)
    return row and RegisteredHouse.from_row(row)


async def find_house_by_token(database: Database, qr_token: str) -> RegisteredHouse | None:
    """The house whose QR code says *qr_token*, onboarded or not."""
    if "\0" in qr_token:  # PostgreSQL refuses to look for it
        return None
    row = await database.fetch_row(_BY_TOKEN, qr_token)
    return row and RegisteredHouse.from_row(row)


async def claim_house(database: Database, qr_token: str, now: datetime) -> RegisteredHouse | None:
    """
    Mark the house as onboarded; None when no house has the token, or it was onboarded before.

    One statement: when two requests claim a house at the same moment, the second waits for the row lock of the first,
    and then finds the row changed.
    """
    row = await database.fetch_row(_CLAIM, qr_token, now.isoformat())
    return row and RegisteredHouse.from_row(row)
