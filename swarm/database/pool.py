"""A pool of database connections for greenlets, like the portal's pool for its requests."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import gevent
from gevent.lock import BoundedSemaphore

from conf.errors import LoadTestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg2.extensions import connection


_PAUSE_S = 1.0
"""Pause after a connection could not be opened: users without a database ask again at once."""


class PoolTimeout(LoadTestError):  # noqa: N818 - the usual name
    """No connection became free while the borrower waited."""


class ConnectionPool:
    """
    Opens at most *size* connections, each when it is first needed; the one used last is lent next.

    Args:
        open_connection: Opens and prepares one connection.
        size: Most connections at once; further greenlets wait.
        timeout_s: Longest wait of a greenlet for a connection.
    """

    def __init__(self, open_connection: Callable[[], connection], size: int, timeout_s: float) -> None:
        self._open = open_connection
        self._free = BoundedSemaphore(size)
        self._timeout_s = timeout_s
        self._idle: list[connection] = []

    @contextmanager
    def connection(self) -> Iterator[connection]:
        """
        Lend a connection. It is closed where it broke, or where its borrower was killed during a query.

        Raises:
            PoolTimeout: No connection was free in time.
            LoadTestError: A new connection could not be opened.
        """
        if not self._free.acquire(timeout=self._timeout_s):
            raise PoolTimeout(
                f"no connection of the pool was free within {self._timeout_s:g} s (database.pool_timeout_s)",
                "The database is too slow for so many users, or silent: look at its own log.",
            )
        pause_s = 0.0
        try:
            try:
                lent = self._idle.pop() if self._idle else self._open()
            except Exception:
                pause_s = _PAUSE_S
                raise
            healthy = False
            try:
                yield lent
                healthy = True
            finally:
                if healthy and not lent.closed:
                    self._idle.append(lent)
                else:
                    lent.close()
        finally:
            if pause_s:
                gevent.spawn_later(pause_s, self._free.release)
            else:
                self._free.release()

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()
