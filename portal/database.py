"""The portal's pool of PostgreSQL connections."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg
from pgvector.asyncpg import register_vector

from conf.database_address import plain_database_url
from conf.errors import LoadTestError
from monitoring.tracing import inner_span
from seed.database import VECTOR_SEARCH

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import Request
    from opentelemetry.trace import Tracer

CONNECT_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 30.0
_CLOSE_TIMEOUT_S = 3.0

_REFUSED = (OSError, asyncpg.InterfaceError, asyncpg.PostgresError)
"""What connecting raises; TimeoutError is an OSError."""
_LOST = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresConnectionError,
)
"""What a query raises when its connection breaks; a wrong query raises something else."""

_TABLES = ("tenants", "developments", "homeowners", "documents", "doc_chunks", "messages", "rate_limits")


class DatabaseGoneError(Exception):
    """The database does not answer; says nothing about the query."""


class PoolStats(NamedTuple):
    """Connections of the pool, and queries waiting for one."""

    total: int
    idle: int
    waiting: int


class Database:
    """
    Runs each query on a connection of its own, as production's pool does.

    Every query raises DatabaseGoneError when the database cannot be reached, or when its connection breaks.

    Args:
        pool: Open.
        tracer: Exports a span of each query, and of its wait for a connection; None exports nothing.
        stall_s: Each query waits this long first, holding its connection: a fault, for tests.
    """

    def __init__(self, pool: asyncpg.Pool, stall_s: float = 0.0, tracer: Tracer | None = None) -> None:
        self._pool = pool
        self._tracer = tracer
        self._stall_s = stall_s
        self._waiting = 0

    async def fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """All rows."""
        async with self._connection(query) as connection:
            rows: list[asyncpg.Record] = await connection.fetch(query, *arguments)
            return rows

    async def fetch_row(self, query: str, *arguments: object) -> asyncpg.Record | None:
        """The first row, or None."""
        async with self._connection(query) as connection:
            return await connection.fetchrow(query, *arguments)

    async def execute(self, query: str, *arguments: object) -> None:
        """Run a statement that returns nothing."""
        async with self._connection(query) as connection:
            await connection.execute(query, *arguments)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Keep a connection of the pool, unused, for the length of the block."""
        async with self._connection("held"):
            yield

    def pool_stats(self) -> PoolStats:
        """The pool at this moment."""
        return PoolStats(self._pool.get_size(), self._pool.get_idle_size(), self._waiting)

    @asynccontextmanager
    async def _connection(self, query: str) -> AsyncIterator[Any]:
        self._waiting += 1
        try:
            with inner_span(self._tracer, "wait for a connection"):
                connection = await self._pool.acquire(timeout=COMMAND_TIMEOUT_S)
        except _REFUSED as error:
            raise DatabaseGoneError(type(error).__name__) from error
        finally:
            self._waiting -= 1
        try:
            with inner_span(
                self._tracer, "query", **{"db.system.name": "postgresql", "db.query.text": query}
            ):
                if self._stall_s:
                    await asyncio.sleep(self._stall_s)
                yield connection
        except _LOST as error:
            raise DatabaseGoneError(type(error).__name__) from error
        finally:
            await self._pool.release(connection)


def database_of(request: Request) -> Database:
    """The database of the portal that *request* came to."""
    database: Database = request.app.state.database
    return database


@asynccontextmanager
async def open_database(
    url: str,
    *,
    pool_size: int,
    tables: tuple[str, ...] = (),
    stall_s: float = 0.0,
    tracer: Tracer | None = None,
) -> AsyncIterator[Database]:
    """
    Connect the whole pool at once, so that a burst of requests finds it ready; close it at the end.

    Args:
        url: A PostgreSQL address.
        pool_size: Connections.
        tables: Tables and views that must be there beyond those that each contract needs.
        stall_s: As for `Database`.
        tracer: As for `Database`.

    Raises:
        LoadTestError: The database cannot be reached, or was never seeded. Never holds *url*.
    """
    pool = await _connect(url, pool_size)
    try:
        await _check_tables(pool, (*_TABLES, *tables))
        yield Database(pool, stall_s, tracer)
    finally:
        try:
            await asyncio.wait_for(pool.close(), _CLOSE_TIMEOUT_S)
        except _LOST:
            pool.terminate()


async def _connect(url: str, pool_size: int) -> asyncpg.Pool:
    try:
        return await asyncpg.create_pool(
            plain_database_url(url),
            min_size=pool_size,
            max_size=pool_size,
            max_inactive_connection_lifetime=0,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=COMMAND_TIMEOUT_S,
            server_settings={"application_name": "openhouse-portal", **VECTOR_SEARCH},
            init=register_vector,
            reset=_keep_session,
        )
    except (asyncpg.PostgresError, OSError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
    except ValueError as error:  # pgvector: the type is unknown; asyncpg: the address is not one
        if "unknown type" in str(error):
            raise _not_seeded("the vector extension") from None
        reason = "it is not a PostgreSQL address"
    raise LoadTestError(
        f"DATABASE_URL: the database cannot be reached: {reason}",
        "Start it and check the address, or run everything embedded: loadtest run all --embedded",
    )


async def _keep_session(_: asyncpg.Connection) -> None:
    """Queries here change no session state: a connection is released without a round trip to reset it."""


async def _check_tables(pool: asyncpg.Pool, tables: tuple[str, ...]) -> None:
    rows = await pool.fetch(
        "SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NULL", tables
    )
    if rows:
        raise _not_seeded(f"the table {rows[0]['name']}")


def _not_seeded(missing: str) -> LoadTestError:
    return LoadTestError(
        f"DATABASE_URL: {missing} is missing from the database",
        "Seed it first, for the same target.contract: loadtest seed",
    )
