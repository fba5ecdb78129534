"""Connections to the portal's database."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg2
from psycopg2.extensions import get_wait_callback, parse_dsn, set_wait_callback
from pydantic import SecretStr

from conf.errors import LoadTestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy import float32
    from numpy.typing import NDArray
    from psycopg2.extensions import connection

VECTOR_SEARCH = {
    "ivfflat.probes": "10",
    "ivfflat.iterative_scan": "relaxed_order",
    "hnsw.iterative_scan": "relaxed_order",
}
"""
Session settings of pgvector, for the portal and for the load alike. An approximate index is searched first and
filtered afterwards: with the default single probe of 100 lists, a tenant's filter leaves almost nothing. Ten probes
(the square root of the lists, as pgvector advises) begin the search, and an iterative scan goes on until the filter
has let enough rows through.
"""

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
"""What libpq says → what people are told; its own text quotes parts of the address."""


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


def connect(
    url: SecretStr | str, *, connect_timeout_s: float = 5.0, statement_timeout_s: float | None = None
) -> connection:
    """
    Open one connection.

    Args:
        url: A PostgreSQL address; a Unix socket is named by ``?host=/directory``.
        connect_timeout_s: Rounded up to whole seconds.
        statement_timeout_s: The server ends a statement that takes longer; None: never.

    Raises:
        LoadTestError: No connection. Never holds the address.
    """
    dsn = url.get_secret_value() if isinstance(url, SecretStr) else url
    try:
        return psycopg2.connect(
            dsn,
            connect_timeout=math.ceil(connect_timeout_s),
            application_name="openhouse-loadtest",
            options=_options(dsn, statement_timeout_s),
        )
    except psycopg2.OperationalError as error:
        reason = next(
            (said for sign, said in _REASONS if sign in str(error)), "the server refused the connection"
        )
    except (psycopg2.ProgrammingError, UnicodeError, ValueError):
        reason = "it is not a PostgreSQL address"
    raise LoadTestError(
        f"DATABASE_URL: the database cannot be reached: {reason}",
        "Start it and check the address, or run everything embedded: loadtest run all --embedded",
    )


def _options(dsn: str, statement_timeout_s: float | None) -> str | None:
    """The timeout among the connection's own options, so that no round trip is spent on it."""
    if statement_timeout_s is None:
        return None
    own = parse_dsn(dsn).get("options", "")
    return f"{own} -c statement_timeout={round(statement_timeout_s * 1000)}".strip()


@contextmanager
def blocking_driver() -> Iterator[None]:
    """
    Let psycopg2 wait by itself for the length of the block.

    A process that also carries load has given it a wait callback (psycogreen's, for gevent), and COPY refuses to run
    with one. Connections must be opened inside the block.
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
