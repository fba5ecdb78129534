"""A TCP link between two processes that a test can cut: connections stay open, but no bytes arrive."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ONE_PIECE = 65536


class Link:
    """Passes bytes between the clients of `port` and a port of this host, until it is cut."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._whole = threading.Event()
        self._whole.set()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Hold back all bytes from now on."""
        self._whole.clear()

    def mend(self) -> None:
        """Deliver the bytes that were held back, and pass on new ones."""
        self._whole.set()

    def close(self) -> None:
        self.mend()
        for one in [self._listener, *self._sockets]:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._to_port))
            except OSError:  # there is no listener yet: the client tries again
                near.close()
                continue
            self._sockets += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while piece := source.recv(_ONE_PIECE):
                self._whole.wait()
                sink.sendall(piece)
        except OSError:
            return
        finally:
            sink.close()


@contextmanager
def link_to(port: int) -> Iterator[Link]:
    link = Link(port)
    try:
        yield link
    finally:
        link.close()
