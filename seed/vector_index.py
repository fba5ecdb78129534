"""The index of the vector search, made as production makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import sql

from seed.embedding import DIMENSIONS

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - the class has a small letter

    from conf.settings import Seed

_NAME = sql.Identifier("doc_chunks_embedding")

_LEAST_SAMPLE = 10_000
_SAMPLE_PER_LIST = 50

_ALLOW_MEMORY = """
    SELECT set_config('maintenance_work_mem',
                      greatest(pg_size_bytes(current_setting('maintenance_work_mem')), %s) / 1024 + 1024 || 'kB', true)
"""
"""For this transaction: the server's own setting, or more where the build of the index needs more."""


def drop_vector_index(cursor: Cursor) -> None:
    """
    Drop the index before many rows are loaded.

    An ivfflat index keeps the centres of its first rows, and loading is slow with an index of either kind.
    """
    cursor.execute(sql.SQL("DROP INDEX IF EXISTS {}").format(_NAME))


def create_vector_index(cursor: Cursor, settings: Seed) -> None:
    """
    Index the chunks' embeddings by cosine distance, from the rows that are there now.

    Of an ivfflat index, only ``ivfflat.probes`` lists are searched: 1, unless the session sets another number. Of
    production's 100 lists over a few hundred rows, one list has hardly a row. docs/seeding.md says what to set.
    """
    options: sql.Composable = sql.SQL("")
    if settings.index == "ivfflat":
        options = sql.SQL("WITH (lists = {lists})").format(lists=sql.Literal(settings.ivfflat_lists))
        cursor.execute(_ALLOW_MEMORY, (_ivfflat_build_bytes(settings.ivfflat_lists),))
    cursor.execute(
        sql.SQL(
            "CREATE INDEX {name} ON doc_chunks USING {kind} (embedding vector_cosine_ops) {options}"
        ).format(name=_NAME, kind=sql.SQL(settings.index), options=options)
    )
    # Without statistics the planner would guess how many rows pass a tenant's filter.
    cursor.execute("ANALYZE tenants, developments, homeowners, documents, doc_chunks")


def _ivfflat_build_bytes(lists: int) -> int:
    """Memory of pgvector's k-means (``ivfkmeans.c``): the sample, and for each of its rows a bound to each list's centre."""
    sample = max(_LEAST_SAMPLE, _SAMPLE_PER_LIST * lists)
    vector_bytes = 4 * DIMENSIONS + 8
    return (sample + 2 * lists) * vector_bytes + 4 * sample * (lists + 3) + 8 * lists * lists
