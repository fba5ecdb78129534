"""A pool of database connections for greenlets, as the portal has one for its requests."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from gevent.lock import BoundedSemaphore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg2.extensions import connection


class ConnectionPool:
    """
    At most *size* connections, opened when first needed; the one used last is used next.

    Args:
        open_connection: Opens and prepares one connection.
        size: Greenlets beyond this wait.
    """

    def __init__(self, open_connection: Callable[[], connection], size: int) -> None:
        self._open = open_connection
        self._free = BoundedSemaphore(size)
        self._idle: list[connection] = []

    @contextmanager
    def connection(self) -> Iterator[connection]:
        """Lend a connection; one that broke, or whose borrower was killed in mid-query, is closed."""
        with self._free:
            lent = self._idle.pop() if self._idle else self._open()
            healthy = False
            try:
                yield lent
                healthy = True
            finally:
                if healthy and not lent.closed:
                    self._idle.append(lent)
                else:
                    lent.close()

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()
