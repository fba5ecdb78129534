"""What is seeded: developments, their house types, and the houses on their plots."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid5

NAMESPACE = UUID("6f70656e-686f-5573-b520-6c6f61647465")
"""All ids are drawn from it by name (UUID version 5), so that seeding twice makes the same rows."""


@dataclass(frozen=True, slots=True)
class HouseType:
    """A design that is built several times; the documents name its figures."""

    code: str
    name: str
    bedrooms: int
    storeys: int
    area_m2: int
    ber: str
    energy_kwh_m2: float
    """Primary energy per square metre and year."""
    heat_pump_kw: float
    cylinder_l: int
    panels: int
    stopcock: str
    consumer_unit: str
    outdoor_unit: str
    bin_store: str


@dataclass(frozen=True, slots=True)
class Plot:
    """One house."""

    house_id: UUID
    number: int
    lot: str
    house_type: str
    address: str
    email: str
    """A placeholder until the homeowner gives their own."""


@dataclass(frozen=True, slots=True)
class Development:
    """A development and its tenant; each tenant has one development."""

    tenant: str
    tenant_slug: str
    name: str
    town: str
    county: str
    lot_prefix: str
    house_types: tuple[HouseType, ...]
    type_codes: tuple[str, ...]
    """The type of each house, from number 1."""

    @property
    def tenant_id(self) -> UUID:
        """The same whenever the slug is the same."""
        return uuid5(NAMESPACE, self.tenant_slug)

    @property
    def development_id(self) -> UUID:
        """The same whenever slug and name are the same."""
        return uuid5(self.tenant_id, self.name)

    @property
    def address(self) -> str:
        """Without a house number."""
        return f"{self.name}, {self.town}, {self.county}"

    def document_id(self, name: str) -> UUID:
        """The id of the document that a file called *name* becomes in this development."""
        return uuid5(self.development_id, f"document {name}")

    def plot(self, number: int) -> Plot:
        """The house with *number*, counted from 1."""
        lot = f"{self.lot_prefix}-{number:03}"
        return Plot(
            house_id=uuid5(self.development_id, f"house {number}"),
            number=number,
            lot=lot,
            house_type=self.type_codes[number - 1],
            address=f"{number} {self.address}",
            email=f"{lot.lower()}@{self.tenant_slug}.invalid",
        )
