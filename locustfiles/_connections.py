"""
A user's connections to the portal.

geventhttpclient reads the answers; its own client is not used: from the 1,024th open file of a process on, it takes
every idle connection for a broken one and opens another (``select`` ends there), and each user's client costs memory.
"""

from __future__ import annotations

import select
from contextlib import suppress
from typing import TYPE_CHECKING

from gevent import socket
from gevent.monkey import get_original
from gevent.ssl import SSLContext
from geventhttpclient.response import HTTPConnectionClosed, HTTPSocketPoolResponse

if TYPE_CHECKING:
    from conf.address import Address
    from conf.trust import Trust

_BLOCK_BYTES = 16_384
_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
"""Methods whose request may be sent again when an idle connection turns out to be closed (RFC 9110, 9.2.2)."""
_STALE = (HTTPConnectionClosed, BrokenPipeError, ConnectionResetError)

_poll = get_original("select", "poll")  # it never waits here, so gevent need not know


class Connections:
    """
    Opened when needed, kept open, used again: as many as there are requests in flight.

    Args:
        address: Of the portal.
        trust: Which certificates are believed.
        connect_timeout_s: For each address that the host's name stands for.
    """

    __slots__ = ("_address", "_connect_timeout_s", "_idle", "_tls")

    def __init__(self, address: Address, trust: Trust, connect_timeout_s: float) -> None:
        self._address = address.host, address.port
        self._connect_timeout_s = connect_timeout_s
        self._tls = trust.context(SSLContext) if address.scheme == "https" else None
        self._idle: list[socket.socket] = []

    def exchange(self, method: str, request: bytes) -> HTTPSocketPoolResponse:
        """
        Send a request, and read the answer's headers; reading its content is the caller's.

        Raises:
            OSError: No connection, or it broke.
            HTTPParseError: The connection was closed without an answer, or what came is none.
        """
        while idle := self._take():
            try:
                return self._exchange(idle, method, request)
            except _STALE:
                if method not in _REPEATABLE:
                    raise
        return self._exchange(self._open(), method, request)

    def close(self) -> None:
        """Close the idle ones."""
        while self._idle:
            self._idle.pop().close()

    def return_socket(self, connection: socket.socket) -> None:
        """The answer is read to its end, and the portal keeps the connection open. Called by geventhttpclient."""
        self._idle.append(connection)

    def release_socket(self, connection: socket.socket) -> None:
        """The connection is of no more use. Called by geventhttpclient."""
        connection.close()

    def _exchange(self, connection: socket.socket, method: str, request: bytes) -> HTTPSocketPoolResponse:
        try:
            # A portal that refuses a request may hang up before it has read it: its answer is there all the same.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(request)
            # Of its pool it asks the two methods above, and nothing else.
            return HTTPSocketPoolResponse(connection, self, block_size=_BLOCK_BYTES, method=method)  # type: ignore[arg-type]
        except BaseException:
            connection.close()
            raise

    def _take(self) -> socket.socket | None:
        """An idle connection on which nothing has come: the end of it would be something."""
        while self._idle:
            connection = self._idle.pop()
            poll = _poll()
            poll.register(connection, select.POLLIN)
            if not poll.poll(0):
                return connection
            connection.close()
        return None

    def _open(self) -> socket.socket:
        connection = socket.create_connection(self._address, self._connect_timeout_s)
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_hostname=self._address[0])
            connection.settimeout(None)  # from now on, the timeout of the whole request holds
        except BaseException:
            connection.close()
            raise
        return connection
