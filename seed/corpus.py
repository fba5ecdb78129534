"""The documents of one development: placeholders filled, sections cut into chunks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from seed.chunking import cut
from seed.document import Scope, load_documents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from seed.document import Document, Section
    from seed.estate import Development, HouseType, Plot

_PANEL_KW = 0.44
_HEATING_EURO_PER_KWH = 0.28
_PRIMARY_ENERGY_FACTOR = 1.75
"""Primary energy per unit of electricity drawn from the Irish grid, as the BER counts it."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One row of ``doc_chunks``, but for its vector."""

    chunk_id: UUID
    document_id: UUID
    chunk_index: int
    content: str
    """Begins with the document's title and the section's heading, which a question is likely to name."""
    house_type_code: str | None
    source_type: str
    is_important: bool
    metadata: Mapping[str, str] = field(default_factory=dict)


def build_chunks(development: Development) -> Iterator[Chunk]:
    """
    Every chunk of every document, in order; ``chunk_index`` counts from 0 within a document.

    Raises:
        KeyError: A document names a placeholder that does not exist.
    """
    for document in load_documents():
        yield from _document_chunks(development, document)


def _document_chunks(development: Development, document: Document) -> Iterator[Chunk]:
    document_id = development.document_id(document.name)
    index = 0
    for section in document.sections:
        for house_type_code, metadata, words in _readers(development, section):
            heading = section.heading.format_map(words)
            for piece in cut(section.text.format_map(words)):
                yield Chunk(
                    chunk_id=uuid5(document_id, f"chunk {index}"),
                    document_id=document_id,
                    chunk_index=index,
                    content=f"{document.title}: {heading}\n\n{piece}",
                    house_type_code=house_type_code,
                    source_type=document.document_type,
                    is_important=document.is_important,
                    metadata={"section": heading, **metadata},
                )
                index += 1


def _readers(
    development: Development, section: Section
) -> Iterator[tuple[str | None, dict[str, str], dict[str, object]]]:
    """House type, metadata and placeholders, for each copy of the section."""
    place = _place_words(development)
    types = {house_type.code: house_type for house_type in development.house_types}
    match section.scope:
        case Scope.DEVELOPMENT:
            yield None, {}, place
        case Scope.HOUSE_TYPE:
            for code, house_type in types.items():
                yield code, {}, place | _type_words(house_type)
        case Scope.HOUSE:
            for number in range(1, len(development.type_codes) + 1):
                plot = development.plot(number)
                words = place | _type_words(types[plot.house_type]) | _house_words(plot)
                yield plot.house_type, {"houseId": str(plot.house_id)}, words


def _place_words(development: Development) -> dict[str, object]:
    return {
        "development": development.name,
        "tenant": development.tenant,
        "town": development.town,
        "county": development.county,
        "council": f"{development.county.removeprefix('Co. ')} County Council",
        "parking": "two side by side",
    }


def _type_words(house_type: HouseType) -> dict[str, object]:
    peak_kw = house_type.panels * _PANEL_KW
    heating_kwh = round(house_type.energy_kwh_m2 * house_type.area_m2 / _PRIMARY_ENERGY_FACTOR * 0.7, -1)
    return {
        "type": house_type.code,
        "type_name": house_type.name,
        "bedrooms": house_type.bedrooms,
        "storeys": house_type.storeys,
        "area": house_type.area_m2,
        "ber": house_type.ber,
        "energy": house_type.energy_kwh_m2,
        "energy_total": f"{house_type.energy_kwh_m2 * house_type.area_m2:.0f}",
        "carbon": f"{house_type.energy_kwh_m2 * 0.19:.1f}",
        "airtightness": f"{2.4 + house_type.bedrooms * 0.1:.1f}",
        "heat_pump": house_type.heat_pump_kw,
        "cylinder": house_type.cylinder_l,
        "showers": house_type.cylinder_l // 45,
        "heating_kwh": f"{heating_kwh:.0f}",
        "heating_cost": f"{heating_kwh * _HEATING_EURO_PER_KWH:.0f}",
        "panels": house_type.panels,
        "solar_peak": f"{peak_kw:.2f}",
        "solar_kwh": f"{round(peak_kw * 880, -1):.0f}",
        "air_flow": house_type.bedrooms * 35 + 60,
        "stopcock": house_type.stopcock,
        "consumer_unit": house_type.consumer_unit,
        "outdoor_unit": house_type.outdoor_unit,
        "bin_store": house_type.bin_store,
    }


def _house_words(plot: Plot) -> dict[str, object]:
    """Numbers that look like those of a real record, drawn from the house's id."""
    drawn = plot.house_id.int
    return {
        "number": plot.number,
        "lot": plot.lot,
        "address": plot.address,
        "mprn": f"10{drawn % 10**9:09}",
        "meter": drawn % 97,
        "water": f"{drawn // 10**9 % 10**8:08}",
        "serial": f"{drawn // 10**17 % 10**7:07}",
    }
