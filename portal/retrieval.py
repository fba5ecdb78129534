"""Finds the chunks that answer a question: production's tiers, one after the other, then one ranking of all chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pgvector import Vector

from portal.chunk import FoundChunk
from portal.homeowner import Homeowner
from portal.ranking import rank
from seed.embedding import embed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from portal.database import Database


class Tier(NamedTuple):
    """One search of a homeowner's development, among the chunks that *condition* lets through."""

    name: str
    condition: str
    """SQL over the chunk ``c``."""
    subject: str | None
    """The homeowner's attribute that the condition knows as ``$4``; the tier is left out where it is None."""
    max_distance: float
    """Cosine distance, 0..2; farther rows are dropped."""
    limit: int
    within: str = "c.tenant_id = $2 AND c.development_id = $3"
    """SQL over the chunk ``c``: where it may be from."""

    def query(self) -> str:
        """
        The search as SQL: $1 question, $2 tenant, $3 development, $4 subject.

        The distance is cut off outside the ordered search, so that a vector index can serve the inside.
        """
        return f"""
            SELECT near.id, document.title, document.document_type, near.development_id, near.chunk_index,
                   near.content, 1 - near.distance AS similarity
            FROM (
                SELECT c.id, c.document_id, c.development_id, c.chunk_index, c.content, c.embedding <=> $1 AS distance
                FROM doc_chunks AS c
                WHERE {self.within} AND {self.condition}
                ORDER BY c.embedding <=> $1
                LIMIT {self.limit}
            ) AS near
            JOIN documents AS document ON document.id = near.document_id
            WHERE near.distance <= {self.max_distance}
        """  # noqa: S608 - the condition and the numbers are constants of this file


_NOBODYS = "c.metadata->>'houseId' IS NULL"
"""Leaves out chunks about one house, such as its handover record: only the tier of that house may find them."""

TIERS = (
    Tier("unit", "c.metadata->>'houseId' = $4::uuid::text", "house_id", max_distance=0.80, limit=20),
    Tier(
        "house_type",
        f"c.house_type_code = $4::text AND {_NOBODYS}",
        "house_type",
        max_distance=0.75,
        limit=30,
    ),
    Tier(
        "important",
        f"c.is_important AND c.house_type_code IS NULL AND {_NOBODYS}",
        None,
        max_distance=0.70,
        limit=20,
    ),
    Tier("development", f"c.house_type_code IS NULL AND {_NOBODYS}", None, max_distance=0.65, limit=25),
)
"""The tiers, in order: unit, house type, important, development."""

GLOBAL = Tier("global", _NOBODYS, None, max_distance=0.60, limit=15)
"""Searches the whole development, with all house types, when the other tiers found fewer chunks than ``ENOUGH``."""

WHOLE_TENANT = GLOBAL._replace(within="c.tenant_id = $2 AND $3::uuid IS NOT NULL")
"""In place of `GLOBAL`, where a portal searches all developments of the tenant."""

ENOUGH = 5

_QUERIES = {tier: tier.query() for tier in (*TIERS, GLOBAL, WHOLE_TENANT)}

_FOREIGN = """
    SELECT c.id, d.title, d.document_type, c.development_id, c.chunk_index, c.content, 0::float8 AS similarity
    FROM doc_chunks AS c JOIN documents AS d ON d.id = c.document_id
    WHERE c.development_id <> $1 LIMIT 1
"""


_OTHER_HOMEOWNER = """
    SELECT tenant_id, development_id, id, house_type FROM homeowners WHERE tenant_id <> $1 ORDER BY id LIMIT 1
"""


async def retrieve(
    database: Database, question: str, homeowner: Homeowner, last: Tier = GLOBAL
) -> list[FoundChunk]:
    """
    The best chunks for *question*, best first; at most ten.

    Args:
        database: Where to look.
        question: As the homeowner asked it.
        homeowner: Whose development is searched.
        last: The tier that is searched when the others found too few.
    """
    vector = Vector(embed([question])[0])
    found: dict[UUID, FoundChunk] = {}
    for tier in TIERS:
        found = await _search(database, tier, vector, homeowner) | found
    if len(found) < ENOUGH:
        found = await _search(database, last, vector, homeowner) | found
    return rank(question, found.values())


async def foreign_chunk(database: Database, homeowner: Homeowner) -> list[FoundChunk]:
    """A chunk of another development, for the fault of a foreign source; empty when there is only one development."""
    return _chunks(await database.fetch(_FOREIGN, homeowner.development_id))


async def other_homeowner(database: Database, homeowner: Homeowner) -> Homeowner:
    """A homeowner of another tenant, for the fault of the default tenant; *homeowner* where there is no other tenant."""
    row = await database.fetch_row(_OTHER_HOMEOWNER, homeowner.tenant_id)
    return Homeowner(*row.values()) if row else homeowner


async def _search(
    database: Database, tier: Tier, vector: Vector, homeowner: Homeowner
) -> dict[UUID, FoundChunk]:
    arguments: list[object] = [vector, homeowner.tenant_id, homeowner.development_id]
    if tier.subject is not None:
        subject = getattr(homeowner, tier.subject)
        if subject is None:
            return {}
        arguments.append(subject)
    chunks = _chunks(await database.fetch(_QUERIES[tier], *arguments))
    return {chunk.id: chunk._replace(tier=tier.name) for chunk in chunks}


def _chunks(rows: Sequence[Any]) -> list[FoundChunk]:
    return [FoundChunk(*row.values()) for row in rows]
