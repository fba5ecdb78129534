"""A total limit for what goes over a socket: timeouts of sockets are for each read, and a byte a second keeps all of them."""

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
    A ``with`` block in whose *limit_s* seconds all must be done; after them its connection is shut down.

    Works with threads, and with gevent's greenlets where they take their place.

    Raises:
        TimeoutError: At the end of the block, in place of what the shut connection made of it.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._timer = Timer(limit_s, self._shut)
        self._timer.daemon = True
        self._ends_s = monotonic() + limit_s
        self._socket: socket.socket | None = None
        self._over = False

    def connect(self, address: tuple[str, int], *_: Any, **__: Any) -> socket.socket:
        """As `socket.create_connection`; all addresses of a name have the limit together. A name service has its own."""
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
        The limit holds for a connection that is there already: a socket, or a driver's.

        It is shut through a descriptor of its own: TLS takes the one of *connected* away.
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
