"""A total limit for what goes over a socket: timeouts of sockets are for each read, and a byte a second keeps all of them."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Timer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType


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
        self._socket: socket.socket | None = None
        self._over = False

    def connect(self, address: tuple[str, int], *_: Any, **__: Any) -> socket.socket:
        """As `socket.create_connection`; each address of a name may take the whole time, and no other comes after it."""
        self._socket = socket.create_connection(address, self._limit_s)
        if self._over:
            self._shut()
        return self._socket

    def cover(self, connected: socket.socket) -> None:
        """The limit holds for a connection that is there already."""
        self._socket = connected

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if isinstance(error, TimeoutError) or (
            self._over and (error is None or isinstance(error, Exception))
        ):
            raise TimeoutError(f"no complete answer within {self._limit_s:g} s") from None

    def _shut(self) -> None:
        self._over = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
