"""Servers on the loopback that keep their clients waiting."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

DRIP_EVERY_S = 0.2
_ONE_PIECE = 65536


class HostileServer:
    """Accepts every connection, and calls *behave* with each, until closed."""

    def __init__(self, behave: Callable[[socket.socket, threading.Event], None]) -> None:
        self._behave = behave
        self._closing = threading.Event()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.database_url = f"postgresql://portal@127.0.0.1:{self.port}/openhouse"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._closing.set()
        for one in [self._listener, *self._sockets]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError):
            self._behave(client, self._closing)


@contextmanager
def silent() -> Iterator[HostileServer]:
    """A server that reads, and sends nothing."""

    def behave(client: socket.socket, _: threading.Event) -> None:
        while client.recv(_ONE_PIECE):
            pass

    with _running(behave) as server:
        yield server


@contextmanager
def dripping(
    head: bytes = b"", drop: bytes = b"x", tls: ssl.SSLContext | None = None
) -> Iterator[HostileServer]:
    """A server that sends *head*, and then *drop* again and again; over TLS where *tls* is given."""

    def behave(client: socket.socket, closing: threading.Event) -> None:
        with client if tls is None else tls.wrap_socket(client, server_side=True) as speaking:
            speaking.recv(_ONE_PIECE)
            speaking.sendall(head)
            while not closing.wait(DRIP_EVERY_S):
                speaking.sendall(drop)

    with _running(behave) as server:
        yield server


@contextmanager
def answering(answer: bytes) -> Iterator[HostileServer]:
    """A server that answers each connection's first bytes with *answer*, and hangs up."""

    def behave(client: socket.socket, _: threading.Event) -> None:
        client.recv(_ONE_PIECE)
        client.sendall(answer)
        client.shutdown(socket.SHUT_WR)

    with _running(behave) as server:
        yield server


@contextmanager
def _running(behave: Callable[[socket.socket, threading.Event], None]) -> Iterator[HostileServer]:
    server = HostileServer(behave)
    try:
        yield server
    finally:
        server.close()
