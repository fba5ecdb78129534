"""Finds the sections that answer a question with the database's own function, as the contract of 2026 does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from pgvector import Vector

from portal.chunk import FoundChunk
from portal.ranking import rank
from seed.embedding import embed

if TYPE_CHECKING:
    from uuid import UUID

    from portal.database import Database
    from portal.units import HouseUnit

USED = 8
_SEARCH = "SELECT id, content, metadata, similarity FROM match_document_sections($1, $2)"


class FoundSection(NamedTuple):
    """A section, and the document it is of."""

    chunk: FoundChunk
    date: str
    """Of the document: month and year."""


async def find_sections(database: Database, question: str, unit: HouseUnit) -> list[FoundSection]:
    """The best sections of the unit's project, best first; none that is written for another house or house type."""
    vector = Vector(embed([question])[0])
    rows = await database.fetch(_SEARCH, vector, unit.development_id)
    found = {row["id"]: (row, json.loads(row["metadata"])) for row in rows}
    own = {id_: pair for id_, pair in found.items() if _is_for(unit, pair[1])}
    chunks = [_chunk(row, metadata, unit.development_id) for row, metadata in own.values()]
    return [FoundSection(chunk, own[chunk.id][1]["date"]) for chunk in rank(question, chunks)[:USED]]


def _is_for(unit: HouseUnit, metadata: dict[str, Any]) -> bool:
    return (
        metadata.get("houseId") in {None, str(unit.id)}
        and metadata.get("houseType") in {None, unit.house_type_code}
    )  # fmt: skip


def _chunk(row: Any, metadata: dict[str, Any], development_id: UUID) -> FoundChunk:
    return FoundChunk(
        row["id"],
        metadata["title"],
        metadata["documentType"],
        development_id,
        0,
        row["content"],
        row["similarity"],
    )
