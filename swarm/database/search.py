"""Production's vector search: its filter, its operator, and vectors that lie near real chunks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import psycopg2

from conf.errors import LoadTestError
from conf.failures import POOLER_SQLSTATES, sqlstate_words
from conf.operations import Outcome
from seed.database import (
    VECTOR_SEARCH,
    ConnectTimeout,
    QueryTimeout,
    connect,
    require_url,
    vector_literal,
)
from swarm.database.pool import ConnectionPool, PoolTimeout
from swarm.failure import RequestFailed

if TYPE_CHECKING:
    from psycopg2.extensions import connection

    from conf.settings import Settings
    from seed.fixture import House

TOP = 5
"""Rows that a search asks for, as in the Phase 17 document."""

_SAMPLE = 64
_NOISE = 0.3
"""Length of the random vector that is added to a chunk's unit vector: cosine similarity to the chunk is about 0.96."""

_PREPARE = """
    PREPARE nearest_chunks (vector, uuid, uuid, int) AS
    SELECT tenant_id::text, development_id::text, embedding <=> $1 AS distance
    FROM doc_chunks
    WHERE tenant_id = $2 AND development_id = $3
    ORDER BY embedding <=> $1
    LIMIT $4
"""


class Searches:
    """
    Shared by the searching users of a process in one run: connections, and each development's query vectors.

    The next run has its own: meanwhile the database may have been restarted and seeded again.
    """

    def __init__(self, settings: Settings) -> None:
        self._random_seed = settings.run.random_seed
        self._spaces: dict[str, SearchSpace] = {}
        self.pool = ConnectionPool(
            lambda: open_search_connection(settings),
            settings.database.pool_size,
            settings.database.pool_timeout_s,
        )

    def space_of(self, house: House) -> SearchSpace:
        """
        The query vectors of the house's development, drawn once.

        Raises:
            LoadTestError: There was no connection in time, or the development has no chunks.
            psycopg2.Error: The database refuses, or stops answering.
        """
        development = house.development_id
        if development not in self._spaces:
            with self.pool.connection() as lent:
                self._spaces[development] = load_search_space(lent, house, self._random_seed)
        return self._spaces[development]

    def close(self) -> None:
        """Close the connections."""
        self.pool.close()


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Query vectors of one development, and how many rows a search must find there."""

    vectors: tuple[str, ...]
    rows: int


def open_search_connection(settings: Settings) -> connection:
    """
    Open a connection, prepare the search on it, and set pgvector as the portal does.

    Raises:
        LoadTestError: There is no connection, or none in time.
        psycopg2.Error: The database refuses to prepare the search, or stops answering meanwhile.
    """
    database = settings.database
    opened = connect(
        require_url(database.url),
        connect_timeout_s=database.connect_timeout_s,
        statement_timeout_s=database.statement_timeout_s,
    )
    try:
        opened.autocommit = True
        with opened.cursor() as cursor:
            for name, value in VECTOR_SEARCH.items():
                cursor.execute("SELECT set_config(%s, %s, false)", (name, value))
            cursor.execute(_PREPARE)
    except BaseException:  # the user may have been killed
        opened.close()
        raise
    return opened


def load_search_space(lent: connection, house: House, random_seed: int) -> SearchSpace:
    """
    Draw query vectors near chunks of the house's development. The same seed draws the same vectors.

    Raises:
        LoadTestError: The development has no chunks.
    """
    where = (house.tenant_id, house.development_id)
    with lent.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM doc_chunks WHERE tenant_id = %s AND development_id = %s", where)
        counted = cursor.fetchone()
        cursor.execute(
            "SELECT embedding::text FROM doc_chunks WHERE tenant_id = %s AND development_id = %s"
            " ORDER BY md5(id::text) LIMIT %s",
            (*where, _SAMPLE),
        )
        chunks = np.array([json.loads(text) for (text,) in cursor.fetchall()], dtype=np.float32)
    assert counted is not None
    if not counted[0]:
        raise LoadTestError(
            f"database: development {house.development_id} has no chunks", "Seed it: loadtest seed"
        )
    noise = np.random.default_rng(random_seed).standard_normal(chunks.shape, dtype=np.float32)
    near = chunks + _NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    return SearchSpace(tuple(vector_literal(vector) for vector in near), min(TOP, counted[0]))


def nearest_chunks(lent: connection, vector: str, house: House) -> list[tuple[str, str, float]]:
    """Rows of (tenant id, development id, cosine distance), nearest first."""
    with lent.cursor() as cursor:
        cursor.execute(
            "EXECUTE nearest_chunks (%s, %s, %s, %s)", (vector, house.tenant_id, house.development_id, TOP)
        )
        rows: list[tuple[str, str, float]] = cursor.fetchall()
    return rows


def assess_rows(rows: list[tuple[str, str, float]], house: House, expected: int) -> RequestFailed | None:
    """None if there are as many rows as *expected*, all of the house's own tenant and development; else the failure."""
    if any(
        (tenant, development) != (house.tenant_id, house.development_id) for tenant, development, _ in rows
    ):
        return RequestFailed(Outcome.ISOLATION, "a row belongs to another tenant or development")
    if len(rows) != expected:
        return RequestFailed(Outcome.VALIDATION, f"{len(rows)} rows instead of {expected}")
    return None


def failure_of(error: psycopg2.Error | LoadTestError) -> RequestFailed:
    """The failure for an error of the driver. It names the kind only, since the error's text may quote the address."""
    match error:
        case psycopg2.errors.QueryCanceled():
            return RequestFailed(Outcome.TIMEOUT, "database.statement_timeout_s exceeded")
        case QueryTimeout():
            return RequestFailed(
                Outcome.TIMEOUT, "the database fell silent: database.statement_timeout_s exceeded"
            )
        case ConnectTimeout() | PoolTimeout():
            return RequestFailed(Outcome.TIMEOUT, error.message)
    if isinstance(error, LoadTestError):
        return RequestFailed(Outcome.CONNECTION, error.message)
    is_lost = isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
    if is_lost and error.pgcode not in POOLER_SQLSTATES:  # the driver raises OperationalError for 26000 too
        return RequestFailed(Outcome.CONNECTION, "the connection to the database was lost")
    return RequestFailed(Outcome.STATUS, sqlstate_words(error.pgcode or "", type(error).__name__))
