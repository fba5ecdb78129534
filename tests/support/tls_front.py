"""A proxy before a portal that ends TLS and passes the plain bytes on."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from itertools import repeat
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import trustme

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def issue(directory: Path, *names: str, **options: Any) -> tuple[Path, ssl.SSLContext]:
    """The certificate file of an authority, and the context of a server with a certificate signed by it."""
    authority = trustme.CA()
    ca_file = directory / f"{uuid4()}.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    return ca_file, server_context(authority, *names, **options)


def server_context(authority: trustme.CA, *names: str, **options: Any) -> ssl.SSLContext:
    """The context of a server with a certificate for *names*, or for 127.0.0.1."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or ("127.0.0.1",)), **options).configure_cert(tls)
    return tls


def sign_itself(directory: Path) -> tuple[Path, ssl.SSLContext]:
    """The file of a self-signed certificate, and the context of its server."""
    authority = trustme.CA()
    both = directory / "self-signed.pem"
    both.write_bytes(authority.private_key_pem.bytes() + authority.cert_pem.bytes())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(both)
    return both, tls


@contextmanager
def tls_front(
    tls: ssl.SSLContext | Iterator[ssl.SSLContext], behind: tuple[str, int], host: str = "127.0.0.1"
) -> Iterator[int]:
    """
    Listen at *host* on the yielded port, and connect each client to *behind*.

    Args:
        tls: One context for all connections, or one for each.
    """
    contexts = repeat(tls) if isinstance(tls, ssl.SSLContext) else tls
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        thread = threading.Thread(target=_serve, args=(listener, contexts, behind), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _serve(listener: socket.socket, contexts: Iterator[ssl.SSLContext], behind: tuple[str, int]) -> None:
    with suppress(OSError):  # raised when the listener is closed
        while True:
            threading.Thread(
                target=_relay, args=(listener.accept()[0], next(contexts), behind), daemon=True
            ).start()


def _relay(connection: socket.socket, tls: ssl.SSLContext, behind: tuple[str, int]) -> None:
    with (
        suppress(OSError),
        connection,
        tls.wrap_socket(connection, server_side=True) as client,
        socket.create_connection(behind) as server,
    ):
        back = threading.Thread(target=_copy, args=(server, client), daemon=True)
        back.start()
        _copy(client, server)
        back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(65_536):
            sink.sendall(block)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
