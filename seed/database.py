"""Connections to the portal's database."""

from __future__ import annotations

import math
import select
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2.extensions import (
    POLL_OK,
    POLL_READ,
    connection,
    get_wait_callback,
    parse_dsn,
    set_wait_callback,
)
from pydantic import SecretStr

from conf.errors import LoadTestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy import float32
    from numpy.typing import NDArray

    from conf.settings import DatabaseSettings

VECTOR_SEARCH = {
    "ivfflat.probes": "10",
    "ivfflat.iterative_scan": "relaxed_order",
    "hnsw.iterative_scan": "relaxed_order",
}
"""
Session settings of pgvector, for the portal and for the load. pgvector first searches an approximate index, and then
applies the filter by tenant: with the default of one probe of 100 lists, almost no row is left. These settings begin
with ten probes (the square root of the lists, as pgvector advises), and an iterative scan goes on until enough rows
have passed the filter.
"""

_GRACE_S = 1.0
"""How much longer we wait for the server to end the statement itself, which keeps the connection; then we close it."""

_REASONS = (
    ("password authentication failed", "the password is wrong"),
    ("no password supplied", "it wants a password"),
    ("no pg_hba.conf entry", "its pg_hba.conf does not let this user in from here"),
    ("does not exist", "the database or the user does not exist"),
    ("Connection refused", "nothing listens there"),
    ("No such file or directory", "nothing listens there"),
    ("could not translate host name", "the host is not known"),
    ("timeout expired", "no answer in time"),
    ("too many clients", "it has no connection left"),
)
"""Part of libpq's message → the reason that we give; libpq's own text quotes parts of the address."""


def require_url(url: SecretStr | None) -> str:
    """
    The database's address, in the clear.

    Raises:
        LoadTestError: There is none.
    """
    if url is None:
        raise LoadTestError(
            "DATABASE_URL environment variable is required",
            "Name the portal's database: export DATABASE_URL=postgresql://user@127.0.0.1:5432/database\n"
            "  Or run everything embedded: loadtest run all --embedded",
        )
    return url.get_secret_value()


class ConnectTimeout(LoadTestError):  # noqa: N818 - what it is called everywhere
    """No connection within its limit: the database, or a proxy in front of it, is silent."""


class QueryTimeout(psycopg2.OperationalError):
    """No complete answer within the connection's limit; the connection was closed."""


class LimitedConnection(connection):
    """
    A connection on which each wait for the server has a total limit, also when the server sends a byte at a time.

    Args:
        dsn: As psycopg2 has it.
        limit_s: Of the wait for the connection; `limit_s` is set anew for the statements.
    """

    def __init__(self, dsn: str, *, limit_s: float) -> None:
        self.limit_s = limit_s
        super().__init__(dsn)


def connect(
    url: SecretStr | str, *, connect_timeout_s: float = 5.0, statement_timeout_s: float = 30.0
) -> connection:
    """
    Open a connection on which every wait has a limit of our own.

    From then on the driver waits through `wait_within_limit`, in the whole process. Where gevent has patched ``select``,
    other greenlets run meanwhile. They do not run while libpq looks up the name of a host: only the system's own limit
    (resolv.conf) holds there, so a slow name service stops the process. An address in numbers needs no look-up.

    Args:
        url: A PostgreSQL address; a Unix socket is named by ``?host=/directory``.
        connect_timeout_s: For the connection, all its addresses together, once the name is looked up.
        statement_timeout_s: The server ends a statement that takes longer. Where it does not, the connection is closed a
            second later.

    Raises:
        ConnectTimeout: There was no connection within *connect_timeout_s*.
        LoadTestError: No connection. Never holds the address.
    """
    set_wait_callback(wait_within_limit)
    factory = partial(LimitedConnection, limit_s=connect_timeout_s)
    opened: LimitedConnection = _open(
        url, options=_options(url, statement_timeout_s), connection_factory=factory
    )
    opened.limit_s = statement_timeout_s + _GRACE_S
    return opened


def connect_as_set(database: DatabaseSettings) -> connection:
    """
    Open a connection with the address and the limits of the settings; see `connect`.

    Raises:
        LoadTestError: There is no address, or no connection.
    """
    return connect(
        require_url(database.url),
        connect_timeout_s=database.connect_timeout_s,
        statement_timeout_s=database.statement_timeout_s,
    )


def connect_blocking(url: SecretStr | str, *, connect_timeout_s: float = 5.0) -> connection:
    """
    Open a connection on which the driver waits by itself, as COPY needs it; only inside `blocking_driver`.

    Args:
        url: As for `connect`.
        connect_timeout_s: Rounded up to whole seconds.

    Raises:
        LoadTestError: As for `connect`.
    """
    opened: connection = _open(url, connect_timeout=math.ceil(connect_timeout_s))
    return opened


def _open(url: SecretStr | str, **how: Any) -> Any:
    next_step = "Start it and check the address, or run everything embedded: loadtest run all --embedded"
    try:
        return psycopg2.connect(_in_the_clear(url), application_name="openhouse-loadtest", **how)
    except QueryTimeout:
        raise ConnectTimeout(
            "DATABASE_URL: the database cannot be reached: no answer in time (database.connect_timeout_s)",
            next_step,
        ) from None
    except (psycopg2.ProgrammingError, ValueError):
        reason = "it is not a PostgreSQL address"
    except psycopg2.Error as error:
        reason = next(
            (said for sign, said in _REASONS if sign in str(error)), "the server refused the connection"
        )
    raise LoadTestError(f"DATABASE_URL: the database cannot be reached: {reason}", next_step)


def wait_within_limit(waiting: connection) -> None:
    """
    psycopg2's wait callback: until the server has answered, or the connection's limit is over.

    Raises:
        QueryTimeout: It is over; the driver closes the connection then, since a late answer would be the next query's.
    """
    limit_s = getattr(waiting, "limit_s", math.inf)
    ends_s = monotonic() + limit_s
    while (state := waiting.poll()) != POLL_OK:
        poller = select.poll()
        poller.register(waiting.fileno(), select.POLLIN if state == POLL_READ else select.POLLOUT)
        left_s = ends_s - monotonic()
        if left_s <= 0 or not poller.poll(None if limit_s == math.inf else math.ceil(left_s * 1000)):
            raise QueryTimeout(f"no answer within {limit_s:g} s")


def _in_the_clear(url: SecretStr | str) -> str:
    return url.get_secret_value() if isinstance(url, SecretStr) else url


def _options(url: SecretStr | str, statement_timeout_s: float) -> str | None:
    """The connection's options with the statement timeout, which saves a round trip; None: *url* is not an address."""
    try:
        own = parse_dsn(_in_the_clear(url)).get("options", "")
    except (psycopg2.ProgrammingError, ValueError):
        return None
    return f"{own} -c statement_timeout={round(statement_timeout_s * 1000)}".strip()


@contextmanager
def blocking_driver() -> Iterator[None]:
    """
    Let psycopg2 wait by itself for the length of the block.

    `connect` gives it a wait callback, and COPY refuses to run with one. Connections must be opened inside the block.
    """
    callback = get_wait_callback()
    set_wait_callback(None)
    try:
        yield
    finally:
        set_wait_callback(callback)


def vector_literal(vector: NDArray[float32] | Sequence[float]) -> str:
    """A vector as pgvector reads it from text, ``[0.1,…]``; no digit of a float32 is lost."""
    return f"[{','.join(f'{value:.9g}' for value in vector)}]"
