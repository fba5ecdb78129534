"""One connection to the portal, in use or idle."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import gevent
from gevent import socket
from gevent.hub import Waiter

from conf.failures import CLOSED_UNANSWERED
from conf.operations import Outcome
from swarm.failure import RequestFailed

if TYPE_CHECKING:
    from collections.abc import Callable

_GONE = (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""Exceptions of sending to a portal that has closed the connection."""
_NOTHING_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_BLOCK_BYTES = 16_384
"""As much as a record of TLS holds: what is read leaves nothing behind that the event loop would not see."""
_READ = 1
_CLOSED_BY_RESET = 7
"""``TCP_CLOSE``, the first byte of Linux's ``struct tcp_info`` (netinet/tcp.h)."""


class NeverArrivedError(Exception):
    """The portal had closed the connection before the request was sent: no process can have read it."""


class Connection:
    """
    The event loop watches it while it is idle: a check before each use would cost a system call per request.

    Args:
        opened: A socket without a timeout of its own: the timeout of the whole request applies.
    """

    __slots__ = ("_is_tls", "_is_used", "_socket", "_watcher")

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self._is_tls = hasattr(opened, "pending")
        self._is_used = False
        self._watcher = gevent.get_hub().loop.io(opened.fileno(), _READ, ref=False)

    def rest(self, on_touched: Callable[[Connection], None]) -> None:
        """Mark it as idle, and return at once. *on_touched* is called when bytes arrive or the connection ends."""
        self._is_used = True
        self._watcher.start(on_touched, self)

    def wake(self) -> None:
        """Mark it as in use again."""
        self._watcher.stop()

    def send(self, request: bytes) -> None:
        """
        Send a request.

        Raises:
            NeverArrivedError: The connection had been used before, and the portal has closed it since.
            OSError: For another reason no byte of the request could be sent.
        """
        try:
            sent = self._socket.send(request)
        except _GONE:
            if self._is_used:
                raise NeverArrivedError from None
            return  # a portal may answer with a refusal and hang up before it reads: that answer can still be received
        try:
            self._socket.sendall(request[sent:])
        except _GONE:
            return

    def receive(self) -> bytes:
        """
        The next bytes; empty at the connection's end.

        Raises:
            ssl.SSLEOFError: The connection ended without the notice that TLS demands, so bytes may be missing.
        """
        if not (self._is_tls and self._socket.pending()):
            gevent.get_hub().wait(self._watcher)
        return bytes(self._socket.recv(_BLOCK_BYTES))

    def receive_on(self, take: Callable[[bytes], bool]) -> None:
        """
        Give *take* what comes, read for read, until it returns True; ``b""`` is the connection's end.

        The event loop calls it, so it may not wait. A switch to the user and back at each read took longer than the read.

        Raises:
            ssl.SSLEOFError: As in `receive`; and what *take* raises.
        """
        waiter, opened = Waiter(), self._socket

        def read() -> None:
            try:
                is_complete = take(opened.recv(_BLOCK_BYTES))
            except _NOTHING_YET:
                return
            except BaseException as error:  # noqa: BLE001 - it is the user's
                waiter.throw(error)
                return
            if is_complete:
                waiter.switch(None)

        opened.settimeout(0)  # reading in the event loop never waits
        self._watcher.start(read)
        try:
            waiter.get()
        finally:
            self._watcher.stop()
            opened.settimeout(None)

    def receive_first(self) -> bytes:
        """
        The first bytes after a request.

        Raises:
            NeverArrivedError: No byte came: the portal had closed the connection before the request arrived.
            RequestFailed: No byte came, for another reason.
        """
        try:
            if data := self.receive():
                return data
        except ssl.SSLEOFError:
            pass
        if self._is_used and self._was_refused():
            raise NeverArrivedError
        raise RequestFailed(Outcome.CONNECTION, CLOSED_UNANSWERED)

    @property
    def is_clean(self) -> bool:
        """Whether no received byte is left unread in the TLS layer."""
        return not self._is_tls or not self._socket.pending()

    def close(self) -> None:
        """Hang up."""
        self._watcher.stop()
        self._watcher.close()
        self._socket.close()

    def _was_refused(self) -> bool:
        """
        Whether the portal's kernel answered the request with a reset, after an orderly end.

        Then the portal's process had closed the connection before the request arrived, and never read it. Only Linux
        tells this; on other systems the request counts as read, and is not sent again.
        """
        option = getattr(socket, "TCP_INFO", None)
        return (
            option is not None
            and self._socket.getsockopt(socket.IPPROTO_TCP, option, 1)[0] == _CLOSED_BY_RESET
        )
