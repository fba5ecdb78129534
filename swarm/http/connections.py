"""
A user's connections to the portal.

The suite has a client of its own. geventhttpclient's uses ``select``, which fails beyond 1,024 open files of a process; it
costs each user memory; and it returns a connection to the pool while bytes still arrive on it.
"""

from __future__ import annotations

import ssl
from time import perf_counter
from typing import TYPE_CHECKING

import gevent
from gevent import socket
from gevent.ssl import SSLContext

from conf.failures import CLOSED_HALFWAY, CLOSED_IN_HANDSHAKE, NO_CONNECTION, REFUSED, RESET
from conf.operations import Outcome
from conf.trust import tls_fault
from swarm.failure import RequestFailed
from swarm.http.answer_reader import AnswerReader
from swarm.http.connection import Connection, NeverArrivedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from conf.address import Address
    from conf.target import Answers, Target
    from swarm.http.response import Response

    Follow = Callable[[AnswerReader, float], None]


def _nothing(_: AnswerReader, at_s: float) -> None:
    """Where an answer is judged as a whole, nothing looks at its bytes as they come."""


class Connections:
    """
    Opens a connection when needed, keeps it open and uses it again: one for each request in flight.

    A connection is used again only after exactly one complete answer, with no bytes after it.

    Args:
        address: Of the portal.
        target: Timeouts, and which certificates are trusted.
        limits: How large an answer may be.
    """

    __slots__ = ("_address", "_idle", "_limits", "_target", "_tls")

    def __init__(self, address: Address, target: Target, limits: Answers) -> None:
        self._address = address.host, address.port
        self._target, self._limits = target, limits
        self._tls = target.trust.context(SSLContext) if address.scheme == "https" else None
        self._idle: list[Connection] = []

    def exchange(
        self, method: str, request: bytes, follow: Follow = _nothing, limit_s: float | None = None
    ) -> Response:
        """
        Send a request, and read the whole answer. *follow* sees it come, read for read, each with its moment.

        The request is sent again, on another connection, only where the system knows that the portal cannot have read it.

        Raises:
            RequestFailed: No answer came, it came too late, or it cannot be read.
        """
        limit_s = limit_s or self._target.request_timeout_s
        timeout = gevent.Timeout.start_new(limit_s)
        try:
            return self._exchange(method, request, follow)
        except gevent.Timeout as error:
            if error is not timeout:
                raise
            raise RequestFailed(Outcome.TIMEOUT, f"no complete answer within {limit_s:g} s") from None
        except TimeoutError:  # the operating system's, not gevent's
            raise RequestFailed(Outcome.TIMEOUT, "the connection timed out") from None
        except OSError as error:
            raise RequestFailed(Outcome.CONNECTION, _reason(error)) from None
        finally:
            timeout.close()

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    def _exchange(self, method: str, request: bytes, follow: Follow) -> Response:
        while self._idle:
            idle = self._idle.pop()
            idle.wake()
            try:
                return self._ask(idle, method, request, follow)
            except NeverArrivedError:
                continue
        return self._ask(self._open(), method, request, follow)

    def _ask(self, connection: Connection, method: str, request: bytes, follow: Follow) -> Response:
        reader = AnswerReader(method, self._limits)

        def take(data: bytes) -> bool:
            at_s = perf_counter()
            try:
                return reader.feed(data)
            finally:  # one read may bring a part of the answer, and with it what breaks it off
                follow(reader, at_s)

        try:
            connection.send(request)
            is_complete = take(connection.receive_first())
            # Decoding may take long, and then waits for other users: a callback of the event loop cannot.
            while not is_complete and reader.is_encoded:
                is_complete = take(connection.receive())
            if not is_complete:
                connection.receive_on(take)
        except BaseException:
            connection.close()
            raise
        if reader.leaves_connection_clean and connection.is_clean:
            self._idle.append(connection)
            connection.rest(self._drop)
        else:
            connection.close()
        return reader.response()

    def _drop(self, touched: Connection) -> None:
        """Close an idle connection that ended, or on which bytes came that belong to no request."""
        self._idle.remove(touched)
        touched.close()

    def _open(self) -> Connection:
        limit_s = self._target.connect_timeout_s
        try:
            opened = socket.create_connection(self._address, limit_s)
            try:
                if self._tls is not None:
                    opened = self._tls.wrap_socket(
                        opened, server_hostname=self._address[0], suppress_ragged_eofs=False
                    )
                opened.settimeout(None)  # from now on the timeout of the whole request applies
                return Connection(opened)
            except BaseException:
                opened.close()
                raise
        except TimeoutError:
            raise RequestFailed(Outcome.TIMEOUT, f"{NO_CONNECTION} within {limit_s:g} s") from None
        except OSError as error:
            raise RequestFailed(Outcome.CONNECTION, _unconnected(error)) from None


def _unconnected(error: OSError) -> str:
    if isinstance(error, ssl.SSLError) and tls_fault(error) is None:
        return f"{NO_CONNECTION}: {CLOSED_IN_HANDSHAKE}"
    if isinstance(error, ConnectionRefusedError | ssl.SSLError):
        return _reason(error)
    return f"{NO_CONNECTION}: {_reason(error)}"


def _reason(error: OSError) -> str:
    """The same text for the same cause, without addresses and numbers that vary."""
    match error:
        case ConnectionRefusedError():
            return REFUSED
        case ConnectionResetError() | BrokenPipeError():
            return RESET
        case ssl.SSLError():
            fault = tls_fault(error)
            return CLOSED_HALFWAY if fault is None else fault.words
        case OSError(strerror=str(words)):
            return words.lower()
    return type(error).__name__
