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
from conf.vector_search import DOC_CHUNKS
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
    from numpy.typing import NDArray
    from psycopg2.extensions import connection

    from conf.settings import Settings
    from conf.vector_search import VectorSearch
    from seed.fixture import House

_SAMPLE = 64
_NOISE = 0.3
"""Length of the random vector that is added to a chunk's unit vector: cosine similarity to the chunk is about 0.96."""

_PREPARED = "nearest_chunks"
"""Name of the search, prepared on each connection."""


class Searches:
    """
    Shared by the searching users of a process in one run: connections, and the query vectors of each place to search.

    The next run has its own: meanwhile the database may have been restarted and seeded again.
    """

    def __init__(self, settings: Settings) -> None:
        self._random_seed = settings.run.random_seed
        self.search = settings.contract.vector_search
        self._spaces: dict[tuple[str, ...], SearchSpace] = {}
        self.pool = ConnectionPool(
            lambda: open_search_connection(settings),
            settings.database.pool_size,
            settings.database.pool_timeout_s,
        )

    def space_of(self, house: House) -> SearchSpace:
        """
        The query vectors where searches of this house look, drawn once.

        Raises:
            LoadTestError: There was no connection in time, or there are no chunks.
            psycopg2.Error: The database refuses, or stops answering.
        """
        place = tuple(house.value(name) for name in sorted(self.search.house_fields))
        if place not in self._spaces:
            with self.pool.connection() as lent:
                self._spaces[place] = load_search_space(lent, house, self.search, self._random_seed)
        return self._spaces[place]

    def close(self) -> None:
        """Close the connections."""
        self.pool.close()


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Query vectors near the chunks of one place, and how many rows a search must find there."""

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
            cursor.execute(f"PREPARE {_PREPARED} AS {settings.contract.vector_search.prepared.text}")
    except BaseException:  # the user may have been killed
        opened.close()
        raise
    return opened


def load_search_space(lent: connection, house: House, search: VectorSearch, random_seed: int) -> SearchSpace:
    """
    Draw query vectors near chunks where searches of this house look. The same seed draws the same vectors.

    Raises:
        LoadTestError: There are no chunks, or what the contract's query finds are no vectors.
    """
    chunks = sample_chunks(lent, house, search)
    noise = np.random.default_rng(random_seed).standard_normal(chunks.shape, dtype=np.float32)
    near = chunks + _NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    return SearchSpace(
        tuple(vector_literal(vector) for vector in near[:_SAMPLE]), min(search.rows, len(chunks))
    )


def sample_chunks(lent: connection, house: House, search: VectorSearch) -> NDArray[np.float32]:
    """The vectors of some chunks, at least as many as a search finds where there are so many; raises as `load_search_space`."""
    query = search.sampling
    known = {"sample": str(max(_SAMPLE, search.rows))}
    with lent.cursor() as cursor:
        cursor.execute(query.text, {name: known.get(name) or house.value(name) for name in query.names})
        found = [text for (text,) in cursor.fetchall()]
    if not found:
        raise LoadTestError(f"database: there are no chunks for house {house.lot}", "Seed it: loadtest seed")
    try:
        return np.array([json.loads(text) for text in found], dtype=np.float32)
    except (TypeError, ValueError):
        raise LoadTestError(
            "database: the contract's search.vectors finds something else than vectors",
            "Select one column, of pgvector's type, and leave NULL out",
        ) from None


def nearest_chunks(
    lent: connection, vector: str, house: House, search: VectorSearch
) -> list[tuple[str, ...]]:
    """
    Rows as the search finds them: of each the columns that say whose it is, in the order of ``search.own``.

    Args:
        lent: A connection on which the search is prepared.
        vector: To search for.
        house: That asks.
        search: The contract's.

    Raises:
        RequestFailed: The rows have no such column.
    """
    known = {"vector": vector, "rows": str(search.rows)}
    names = search.prepared.names
    places = ", ".join(["%s"] * len(names))
    with lent.cursor() as cursor:
        cursor.execute(
            f"EXECUTE {_PREPARED} ({places})",
            [known[name] if name in known else house.value(name) for name in names],
        )
        found = cursor.fetchall()
        columns = [column.name for column in cursor.description or ()]
    if missing := search.own.keys() - set(columns):
        raise RequestFailed(Outcome.VALIDATION, f"the search's rows have no column {min(missing)}")
    picked = [columns.index(name) for name in search.own]
    return [tuple(str(row[place]) for place in picked) for row in found]


def assess_rows(
    rows: list[tuple[str, ...]], house: House, expected: int, search: VectorSearch = DOC_CHUNKS
) -> RequestFailed | None:
    """None if there are as many rows as *expected*, all of them the house's own; else the failure."""
    own = tuple(house.value(name) for name in search.own.values())
    if any(row != own for row in rows):
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
