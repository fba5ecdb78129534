"""A total limit for an exchange over a socket. A socket's timeout is per read: a byte a second never exceeds it."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from threading import Timer
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

    from _typeshed import HasFileno


class Deadline:
    """
    A ``with`` block with a limit of *limit_s* seconds; after them its connection is shut down.

    Works with threads, and with gevent's greenlets where they replace threads.

    Raises:
        TimeoutError: At the end of the block, instead of the error of the connection that was shut down.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._timer = Timer(limit_s, self._shut)
        self._timer.daemon = True
        self._ends_s = monotonic() + limit_s
        self._socket: socket.socket | None = None
        self._over = False

    def connect(self, address: tuple[str, int], *_: Any, **__: Any) -> socket.socket:
        """As `socket.create_connection`. The limit is for all addresses of a name together; the look-up of a name has its own."""
        refused: OSError | None = None
        for found in socket.getaddrinfo(*address, type=socket.SOCK_STREAM):
            left_s = self._ends_s - monotonic()
            if left_s <= 0:
                raise TimeoutError
            try:
                connected = socket.create_connection((str(found[4][0]), int(found[4][1])), left_s)
            except OSError as error:
                refused = error
                continue
            self.cover(connected)
            return connected
        raise refused or OSError("the name has no address")

    def cover(self, connected: HasFileno) -> None:
        """
        Apply the limit to an existing connection: a socket, or a driver's.

        The connection is shut down through a copy of the descriptor: TLS takes the descriptor of *connected* away.
        """
        self._socket = socket.socket(fileno=os.dup(connected.fileno()))
        if self._over:
            self._shut()

    def __enter__(self) -> Self:
        self._ends_s = monotonic() + self._limit_s
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._socket is not None:
            self._socket.close()
        if isinstance(error, TimeoutError) or (
            self._over and (error is None or isinstance(error, Exception))
        ):
            raise TimeoutError(f"no complete answer within {self._limit_s:g} s") from None

    def _shut(self) -> None:
        self._over = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
