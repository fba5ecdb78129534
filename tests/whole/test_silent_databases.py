"""A database that says nothing, or too little: the suite says so, in time, and ends by itself."""

from __future__ import annotations

from contextlib import closing
from itertools import pairwise
from time import monotonic
from typing import TYPE_CHECKING

import gevent
import psycopg2
import pytest
from hostile_server import HostileServer, dripping, silent

from conf.errors import LoadTestError
from conf.operations import Outcome
from seed.database import ConnectTimeout, QueryTimeout, connect
from swarm.database.pool import ConnectionPool, PoolTimeout
from swarm.database.search import failure_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

SHORT_S = 0.5
HANGING_S = 60.0
"""No test waits for so long, unless something hangs."""

HOSTILE = pytest.mark.parametrize(
    "hostile",
    [silent, lambda: dripping(b"N"), lambda: dripping(b"", b"\0")],
    ids=["silent", "drips", "drips zeros"],
)


@HOSTILE
def test_no_connection_is_waited_for_longer_than_the_settings_say(
    hostile: Callable[[], AbstractContextManager[HostileServer]],
) -> None:
    began_s = monotonic()
    with hostile() as server, pytest.raises(LoadTestError) as caught:
        connect(server.database_url, connect_timeout_s=SHORT_S)
    assert monotonic() - began_s < HANGING_S
    assert "DATABASE_URL: the database cannot be reached" in str(caught.value)


def test_a_silent_server_is_told_from_one_that_refuses() -> None:
    with silent() as server, pytest.raises(ConnectTimeout, match="no answer in time") as caught:
        connect(server.database_url, connect_timeout_s=SHORT_S)
    assert failure_of(caught.value).outcome is Outcome.TIMEOUT


def test_a_query_is_not_waited_for_although_the_server_keeps_no_promise(empty_database: str) -> None:
    with closing(connect(empty_database, statement_timeout_s=60)) as opened, opened.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        opened.limit_s = SHORT_S  # type: ignore[attr-defined]
        with pytest.raises(QueryTimeout) as caught:
            cursor.execute("SELECT pg_sleep(3600)")
        assert opened.closed  # a late answer would be the next query's
    assert failure_of(caught.value).outcome is Outcome.TIMEOUT
    assert "fell silent" in failure_of(caught.value).message


def test_a_server_that_ends_a_slow_query_itself_keeps_its_connection(empty_database: str) -> None:
    with closing(connect(empty_database, statement_timeout_s=SHORT_S)) as opened, opened.cursor() as cursor:
        with pytest.raises(psycopg2.errors.QueryCanceled):
            cursor.execute("SELECT pg_sleep(3600)")
        opened.rollback()
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


class Lent:
    """A connection, as far as the pool looks at it."""

    closed = False

    def close(self) -> None:
        self.closed = True


def pool_of(size: int, timeout_s: float, opened: Callable[[], object] = Lent) -> ConnectionPool:
    return ConnectionPool(opened, size, timeout_s)  # type: ignore[arg-type]


def test_a_borrower_gives_up_when_no_connection_is_free_in_time() -> None:
    pool = pool_of(1, SHORT_S)
    with (
        pool.connection(),
        pytest.raises(PoolTimeout, match="pool_timeout_s") as caught,
        pool.connection(),
    ):
        pass
    assert failure_of(caught.value).outcome is Outcome.TIMEOUT
    with pool.connection():  # who gave up holds nothing
        pass


def test_a_borrower_that_is_killed_gives_its_place_back_and_its_connection_is_closed() -> None:
    pool, lent = pool_of(1, HANGING_S), []

    def borrow() -> None:
        with pool.connection() as connection:
            lent.append(connection)
            gevent.sleep(HANGING_S)

    holding, waiting = gevent.spawn(borrow), gevent.spawn(borrow)
    gevent.sleep(0.01)
    waiting.kill()
    holding.kill()
    with gevent.Timeout(HANGING_S), pool.connection() as connection:
        assert connection is not lent[0]
    assert lent[0].closed
    assert len(lent) == 1


def test_a_database_that_refuses_is_not_asked_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swarm.database.pool._PAUSE_S", SHORT_S)
    asked: list[float] = []

    def refuse() -> object:
        asked.append(monotonic())
        raise LoadTestError("refused")

    pool = pool_of(1, HANGING_S, refuse)
    for _ in range(3):
        with pytest.raises(LoadTestError, match="refused"), pool.connection():
            pass
    assert min(later - earlier for earlier, later in pairwise(asked)) > SHORT_S / 2
