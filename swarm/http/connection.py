"""One connection to the portal, in use or idle."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import gevent
from gevent import socket

from conf.failures import CLOSED_UNANSWERED
from conf.operations import Outcome
from swarm.failure import RequestFailed

if TYPE_CHECKING:
    from collections.abc import Callable

_GONE = (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""What sending raises once the portal has hung up."""
_BLOCK_BYTES = 16_384
_READ = 1
_CLOSED_BY_RESET = 7
"""``TCP_CLOSE``, the first byte of Linux's ``struct tcp_info`` (netinet/tcp.h)."""


class NeverArrivedError(Exception):
    """The request was sent on a connection that the portal had closed before: no process can have read it."""


class Connection:
    """
    Watched by the event loop while it is idle: looking at it before each use would be a system call for each request.

    Args:
        opened: Its timeout is none: the timeout of the whole request holds.
    """

    __slots__ = ("_is_tls", "_is_used", "_socket", "_watcher")

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self._is_tls = hasattr(opened, "pending")
        self._is_used = False
        self._watcher = gevent.get_hub().loop.io(opened.fileno(), _READ, ref=False)

    def rest(self, on_touched: Callable[[Connection], None]) -> None:
        """It is idle: call *on_touched* when anything comes, as which its end counts too. Nothing is awaited."""
        self._is_used = True
        self._watcher.start(on_touched, self)

    def wake(self) -> None:
        """It is not idle any more."""
        self._watcher.stop()

    def send(self, request: bytes) -> None:
        """
        Send a request.

        Raises:
            NeverArrivedError: The connection was used before, and had been closed meanwhile.
            OSError: No byte of it could be sent for another reason.
        """
        try:
            sent = self._socket.send(request)
        except _GONE:
            if self._is_used:
                raise NeverArrivedError from None
            return  # a portal that refuses a request may hang up before it reads it: its answer is there all the same
        try:
            self._socket.sendall(request[sent:])
        except _GONE:
            return

    def receive(self) -> bytes:
        """
        What comes next; empty at the end.

        Raises:
            ssl.SSLEOFError: An end that the portal did not announce, as TLS demands: there may have been more.
        """
        if self._is_tls and self._socket.pending():
            gevent.sleep(0)
        else:
            # First, as the answer is not there yet; and each time, as an endless answer must let the other users run.
            gevent.get_hub().wait(self._watcher)
        return bytes(self._socket.recv(_BLOCK_BYTES))

    def receive_first(self) -> bytes:
        """
        What comes first after a request.

        Raises:
            NeverArrivedError: Nothing, as the portal had closed the connection before the request came.
            RequestFailed: Nothing, for another reason.
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
        """Whether nothing is left of what was received."""
        return not self._is_tls or not self._socket.pending()

    def close(self) -> None:
        """Hang up."""
        self._watcher.stop()
        self._watcher.close()
        self._socket.close()

    def _was_refused(self) -> bool:
        """
        Whether the portal's kernel answered the request with a reset, after an orderly end.

        Its process had then closed the connection with nothing unread: had it read the request, there were no reset.
        Only Linux says so; elsewhere the request counts as read, and is not sent again.
        """
        option = getattr(socket, "TCP_INFO", None)
        return (
            option is not None
            and self._socket.getsockopt(socket.IPPROTO_TCP, option, 1)[0] == _CLOSED_BY_RESET
        )
