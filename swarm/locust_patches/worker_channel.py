"""
The channel between a master and its workers, in place of Locust's. With a secret, ZeroMQ authenticates and encrypts it.
An unreadable message is dropped, and the channel goes on.
"""

from __future__ import annotations

from locust.exception import RPCError
from locust.rpc import Message
from locust.rpc.zmqrpc import BaseSocket, Client, Server

import logging
import socket
import sys
from struct import Struct
from time import monotonic
from typing import TYPE_CHECKING, Any

import gevent
import zmq.green as zmq
from zmq import Event

from conf.address import is_loopback
from conf.errors import ExitCode, LoadTestError
from swarm.worker_secret import VARIABLE, MasterKeys, find_worker_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_EVENT = Struct("=Hi")
"""A notice of ZeroMQ, see zmq_socket_monitor(3): an `Event` and its value. pyzmq's own reader would import asyncio."""
_LARGEST_BYTES = 64_000_000
"""Limit of a message. A thousand houses, or a report of all histograms, take less than a megabyte."""
_FAILURES = Event.HANDSHAKE_FAILED_NO_DETAIL | Event.HANDSHAKE_FAILED_PROTOCOL | Event.HANDSHAKE_FAILED_AUTH
_OTHER_MECHANISM, _OTHER_KEY = 0x11000002, 0x11000001
"""ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH and _CRYPTOGRAPHIC of zmq.h."""
_REFUSALS_UNTIL_SURE = 3
_SAID_AGAIN_AFTER_S = 60.0
_GREETING_TIMEOUT_S = 5.0
_VERSION_ENDS, _MECHANISM_ENDS, _GREETING_BYTES = 12, 32, 64
"""Offsets in a greeting, where the version ends and where the mechanism ends, and the greeting's length."""

_log = logging.getLogger(__name__)


class PortError(LoadTestError, RPCError):
    """The port for workers cannot be opened. Locust tries again where it had the port before."""


class WorkerPort(Server):
    """
    The port on which a master listens for workers.

    Args:
        host: Locust's ``--master-bind-host``.
        port: 0 takes any free one.

    Raises:
        LoadTestError: Other machines can reach the port, and there is no secret.
        PortError: The port cannot be opened.
    """

    def __init__(self, host: str, port: int) -> None:
        self._keys = MasterKeys.of(find_worker_secret("--master-bind-host", host))
        host = (
            "127.0.0.1" if host == "localhost" else host
        )  # ZeroMQ would look for a network interface named localhost
        BaseSocket.__init__(self, zmq.ROUTER, self.ipv4_only(host, port))
        self.socket.setsockopt(zmq.MAXMSGSIZE, _LARGEST_BYTES)
        if self._keys is not None:
            self.socket.curve_secretkey, self.socket.curve_server = self._keys.private, True
        self._notices = _Notices()
        _watch(self.socket, self._on_event)
        self.port = self._bind(host, port)
        reach = "this machine alone" if is_loopback(host) else "every machine that reaches it"
        proof = f"those that know {VARIABLE}" if self._keys else "any process"
        _log.info("Workers join at %s: %s of %s", _shown(host, self.port), proof, reach)

    def _bind(self, host: str, port: int) -> int:
        try:
            if not port:
                return int(self.socket.bind_to_random_port(f"tcp://{_literal(host)}"))
            self.socket.bind(f"tcp://{_literal(host)}:{port}")
        except zmq.ZMQError as error:
            self.socket.close(linger=0)
            raise PortError(
                f"--master-bind-port: {_shown(host, port)} cannot be had: {error.strerror}",
                "Another Locust master may listen there; end it, or take another port for master and workers "
                "(--master-bind-port, --master-port)",
            ) from None
        return port

    def recv_from_client(self) -> tuple[str, Message]:
        """The identity of a connection, and the next readable message that came on it."""
        while True:
            try:
                parts = self.socket.recv_multipart()
            except zmq.ZMQError as error:
                raise RPCError("ZMQ network broken") from error
            try:
                return _read_from(parts)
            except Exception as error:  # noqa: BLE001 - a stranger may send anything; the other workers' messages are read
                self._notices.say(f"a message that cannot be read was dropped ({type(error).__name__})")
                gevent.sleep(0)

    def _on_event(self, event: int, value: int) -> None:
        if not event & _FAILURES:
            return
        if value == _OTHER_KEY:
            self._notices.say(f"a process with another {VARIABLE} was turned away")
        elif value == _OTHER_MECHANISM:
            lack = (
                f"without {VARIABLE}"
                if self._keys
                else f"with a {VARIABLE}, which this master does not have,"
            )
            self._notices.say(f"a process {lack} was turned away")


class MasterLink(Client):
    """
    A worker's connection to its master.

    Where the master refuses the worker, the process ends with the reason and exit code 2. A worker waits for a master
    that is not there yet.

    Args:
        host: Locust's ``--master-host``.
        port: The master's.
        identity: The worker's.

    Raises:
        LoadTestError: The master is on another machine, and there is no secret.
    """

    def __init__(self, host: str, port: int, identity: str) -> None:
        self._keys = MasterKeys.of(find_worker_secret("--master-host", host))
        self._host, self._port = host, port
        self._refusals = 0
        BaseSocket.__init__(self, zmq.DEALER, self.ipv4_only(host, port))
        self.socket.setsockopt(zmq.IDENTITY, identity.encode())
        self.socket.setsockopt(zmq.MAXMSGSIZE, _LARGEST_BYTES)
        if self._keys is not None:
            self.socket.curve_serverkey = self._keys.public
            self.socket.curve_publickey, self.socket.curve_secretkey = zmq.curve_keypair()
        self._notices = _Notices()
        _watch(self.socket, self._on_event)
        self.socket.connect(self._endpoint)

    @property
    def _endpoint(self) -> str:
        return f"tcp://{_literal(self._host)}:{self._port}"

    def recv(self) -> Message:
        """The next readable message."""
        while True:
            try:
                data = self.socket.recv()
            except zmq.ZMQError as error:
                raise RPCError("ZMQ network broken") from error
            try:
                return _read(data)
            except Exception as error:  # noqa: BLE001 - as at the master's port
                self._notices.say(f"a message that cannot be read was dropped ({type(error).__name__})")
                gevent.sleep(0)

    def _on_event(self, event: int, _value: int) -> None:
        if event == Event.HANDSHAKE_SUCCEEDED:
            self._refusals = 0
        if not event & _FAILURES:
            return
        if reason := self._find_reason():
            _end_process(
                LoadTestError(f"the master at {_shown(self._host, self._port)} {reason[0]}", reason[1])
            )
        elif event == Event.HANDSHAKE_FAILED_PROTOCOL:  # after it ZeroMQ does not connect again
            self.socket.disconnect(self._endpoint)
            self.socket.connect(self._endpoint)

    def _find_reason(self) -> tuple[str, str] | None:
        """Why the master refused this worker, and what to do; None where it may still accept it, or is about to end."""
        mechanism = _ask_mechanism(self._host, self._port, "CURVE" if self._keys else "NULL")
        if mechanism == "CURVE" and self._keys is None:
            return f"takes only workers with its {VARIABLE}, and none is set here", _GIVE_BOTH
        if mechanism == "NULL" and self._keys is not None:
            return f"has no {VARIABLE}, and this worker has one", _GIVE_BOTH
        if mechanism == "CURVE":
            self._refusals += 1
            if self._refusals >= _REFUSALS_UNTIL_SURE:
                return f"has another {VARIABLE} than this worker", _GIVE_BOTH
        return None


_GIVE_BOTH = f"Give master and workers the same {VARIABLE}, or on one machine neither"


class _Notices:
    """Warnings of frequent events: the first is logged at once, later ones are counted and logged once a minute."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._said_s: dict[str, float] = {}

    def say(self, what: str) -> None:
        self._counts[what] = self._counts.get(what, 0) + 1
        if monotonic() - self._said_s.get(what, float("-inf")) >= _SAID_AGAIN_AFTER_S:
            self._said_s[what] = monotonic()
            _log.warning("Port for workers: %s (%d so far)", what, self._counts[what])


def _read_from(parts: Sequence[bytes]) -> tuple[str, Message]:
    """The identity of a connection, and a message that names this identity as its sender."""
    identity, data = parts
    address, message = identity.decode(), _read(data)
    if message.node_id != address or not address.isprintable():  # logs and the report show it
        raise ValueError("another worker's name, or one that cannot be shown")
    return address, message


def _read(data: bytes) -> Message:
    message = Message.unserialize(data)
    if not isinstance(message, Message) or not isinstance(message.type, str):
        raise TypeError("no message with a type")
    return message


def _watch(channel: zmq.Socket[Any], on_event: Callable[[int, int], None]) -> None:
    """Call *on_event* with each event of the socket's connections, until the socket is closed."""
    notices = channel.get_monitor_socket(_FAILURES | Event.HANDSHAKE_SUCCEEDED)

    def listen() -> None:
        while True:
            notice, _endpoint = notices.recv_multipart()
            event, value = _EVENT.unpack(notice)
            if event == Event.MONITOR_STOPPED:
                return
            try:
                on_event(event, value)
            except Exception:  # noqa: BLE001 - the next event is handled
                _log.exception("an event of the channel for workers could not be handled")

    gevent.spawn(listen)


def _ask_mechanism(host: str, port: int, own: str) -> str:
    """
    The mechanism that a ZeroMQ port demands, from its greeting (ZMTP 3.1, RFC 37): CURVE, or NULL for none.

    Empty where the port sends no greeting. *own* is this side's mechanism; the master notes a different one.
    """
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x01" + own.encode().ljust(20, b"\0") + bytes(32)
    answer = b""
    try:
        with (
            gevent.Timeout(_GREETING_TIMEOUT_S),
            socket.create_connection((host, port), _GREETING_TIMEOUT_S) as connection,
        ):
            connection.sendall(
                greeting[:_VERSION_ENDS]
            )  # a port that refuses the rest would close before it sends its own mechanism
            while len(answer) < len(greeting) and (more := connection.recv(len(greeting))):
                answer += more
            if _mechanism(answer) != own:
                connection.sendall(greeting[_VERSION_ENDS:])
                connection.recv(1)  # until the master has read it and noted this
    except (OSError, gevent.Timeout):
        pass
    return _mechanism(answer)


def _mechanism(greeting: bytes) -> str:
    """The mechanism that a greeting names; empty where the bytes are no greeting, or only part of one."""
    whole = len(greeting) >= _GREETING_BYTES and greeting.startswith(b"\xff")
    return greeting[_VERSION_ENDS:_MECHANISM_ENDS].rstrip(b"\0").decode("latin-1") if whole else ""


def _end_process(error: LoadTestError) -> None:
    """End the worker's process from any greenlet; the main one waits for the master, or for the end of the run."""
    print(error, file=sys.stderr)  # noqa: T201 - for the person who started Locust
    gevent.kill(gevent.get_hub().parent, SystemExit(ExitCode.USAGE))


def _literal(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _shown(host: str, port: int) -> str:
    return f"{_literal(host)}:{port}"
