"""Is the vector search served by an index? Asked of the database itself: its catalogue, and its planner."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg2

from conf.errors import LoadTestError
from seed.database import VECTOR_SEARCH, connect, require_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from psycopg2.extensions import cursor

    from conf.settings import Database
    from seed.fixture import House

_INDEX = """
    SELECT relation.relname, method.amname
    FROM pg_index AS i
    JOIN pg_class AS relation ON relation.oid = i.indexrelid
    JOIN pg_am AS method ON method.oid = relation.relam
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey::int2[])
    WHERE i.indrelid = 'doc_chunks'::regclass AND a.attname = 'embedding' AND i.indisvalid
      AND method.amname IN ('ivfflat', 'hnsw')
    ORDER BY relation.relname LIMIT 1
"""
_CHUNKS = """
    SELECT CASE WHEN reltuples > 0 THEN reltuples::bigint ELSE (SELECT count(*) FROM doc_chunks) END
    FROM pg_class WHERE oid = 'doc_chunks'::regclass
"""
_VECTOR = "SELECT embedding::text FROM doc_chunks WHERE tenant_id = %s AND development_id = %s LIMIT 1"
_PLAN = """
    EXPLAIN (FORMAT JSON) SELECT id FROM doc_chunks WHERE tenant_id = %s AND development_id = %s
    ORDER BY embedding <=> %s::vector LIMIT 5
"""


MANY_CHUNKS = 10_000
"""From so many on, reading all of them takes longer than an index."""


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """
    What serves the vector search of a development.

    Args:
        chunks: Rows of ``doc_chunks``, as the database estimates them.
        name: Of the ivfflat or hnsw index on ``embedding``; empty where there is none.
        method: ``ivfflat`` or ``hnsw``; likewise.
        used: Whether the planner chooses it for the portal's search; for a few hundred rows it rightly does not.
    """

    chunks: int
    name: str
    method: str
    used: bool

    def __str__(self) -> str:
        if not self.name:
            return f"no vector index on {self.chunks:,} chunks"
        served = (
            "used" if self.used else "not used" if self.chunks >= MANY_CHUNKS else "not needed for so few"
        )
        return f"{self.method} index {self.name} on {self.chunks:,} chunks: {served}"


def look_at_vector_index(database: Database, house: House) -> VectorIndex | None:
    """
    What the database of a portal says; None where it cannot be asked, or holds no chunks of the house's development.

    Args:
        database: Its address must be set.
        house: Whose development is searched.
    """
    try:
        opened = connect(
            require_url(database.url),
            connect_timeout_s=database.connect_timeout_s,
            statement_timeout_s=database.statement_timeout_s,
        )
        with closing(opened), opened.cursor() as asking:
            return find_vector_index(asking, house)
    except (LoadTestError, psycopg2.Error):
        return None  # the checks before a run say why


def find_vector_index(asking: cursor, house: House) -> VectorIndex | None:
    """As `look_at_vector_index`, over an open connection; a database that refuses raises psycopg2.Error."""
    where = (house.tenant_id, house.development_id)
    for name, value in VECTOR_SEARCH.items():
        asking.execute("SELECT set_config(%s, %s, false)", (name, value))
    vector = _row(asking, _VECTOR, *where)
    counted = _row(asking, _CHUNKS)
    if vector is None or counted is None:
        return None
    name, method = _row(asking, _INDEX) or ("", "")
    plan = _row(asking, _PLAN, *where, vector[0])
    assert plan is not None
    used = any(node.get("Index Name") == name for node in _nodes(plan[0][0]["Plan"])) if name else False
    return VectorIndex(int(counted[0]), name, method, used)


def _row(asking: cursor, query: str, *values: object) -> tuple[Any, ...] | None:
    asking.execute(query, values)
    row: tuple[Any, ...] | None = asking.fetchone()
    return row


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)
