"""Whether the vector search uses an index, as the database's catalogue and planner say."""

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

    from conf.settings import DatabaseSettings
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
_SEARCH = """
    SELECT id FROM doc_chunks WHERE tenant_id = %s AND development_id = %s
    ORDER BY embedding <=> %s::vector LIMIT 5
"""
_PLAN = f"EXPLAIN (FORMAT JSON) {_SEARCH}"
_MEASURED = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {_SEARCH}"

COSTLY_MS = 50.0
"""A search without the vector index counts as costly from this duration on: a tenth of its p95 limit."""


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """
    The vector index, and how the search of one development uses it.

    Args:
        chunks: Rows of ``doc_chunks``, as the database estimates them.
        name: Name of the ivfflat or hnsw index on ``embedding``; empty where there is none.
        method: ``ivfflat`` or ``hnsw``; empty where there is none.
        used: Whether the planner chooses the index for a search of this development; for a few hundred rows it rightly
            does not.
        rows_read: Rows that the search reads, where it does not use the index.
        search_ms: Duration of that search, with its rows in memory; at most the longest time that a statement may
            take.
    """

    chunks: int
    name: str
    method: str
    used: bool
    rows_read: int = 0
    search_ms: float = 0.0

    def __str__(self) -> str:
        if not self.name:
            return f"no vector index on {self.chunks:,} chunks"
        without = f"a search reads {self.rows_read:,} rows in {self.search_ms:,.1f} ms without it"
        needed = "not used" if self.search_ms >= COSTLY_MS else "not needed"
        served = "used" if self.used else f"{needed}: {without}"
        return f"{self.method} index {self.name} on {self.chunks:,} chunks: {served}"


def look_at_vector_index(database: DatabaseSettings, house: House) -> VectorIndex | None:
    """
    Ask the database of a portal; None where it cannot be asked, or holds no chunks of the house's development.

    Args:
        database: Its address must be set.
        house: Its development is searched.
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
        return None  # the checks before a run report the reason


def find_vector_index(asking: cursor, house: House) -> VectorIndex | None:
    """As `look_at_vector_index`, over an open connection; raises psycopg2.Error where the database refuses."""
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
    rows_read, search_ms = (0, 0.0) if used else _measure(asking, (*where, vector[0]))
    return VectorIndex(int(counted[0]), name, method, used, rows_read, search_ms)


def _measure(asking: cursor, values: tuple[object, ...]) -> tuple[int, float]:
    """Rows that the search reads, and its milliseconds; measured the second time, when the rows are in memory."""
    plan = None
    for _ in range(2):
        plan = _row(asking, _MEASURED, *values)
    assert plan is not None
    read = sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node.get("Actual Loops", 1)
        for node in _nodes(plan[0][0]["Plan"])
        if "Relation Name" in node
    )
    return round(read), float(plan[0][0]["Execution Time"])


def _row(asking: cursor, query: str, *values: object) -> tuple[Any, ...] | None:
    asking.execute(query, values)
    row: tuple[Any, ...] | None = asking.fetchone()
    return row


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)
