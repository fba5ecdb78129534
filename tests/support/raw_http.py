"""Sends requests as bytes, even those that an HTTP client would not send."""

from __future__ import annotations

import socket
from http.client import HTTPResponse
from typing import TYPE_CHECKING, NamedTuple

from patience import TIMEOUT_S

if TYPE_CHECKING:
    import ssl


class Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    """Names in small letters, and values."""
    body: str

    def header(self, name: str) -> str:
        """All values of a header, separated by commas; empty where there is none."""
        return ",".join(value for known, value in self.headers if known == name.lower())


def ask(port: int, *lines: str, body: str = "", tls: ssl.SSLContext | None = None) -> Answer:
    """Send a request line and headers to the loopback; the connection is closed after the answer."""
    written = (
        [*lines, "Connection: close", f"Content-Length: {len(body)}"]
        if body
        else [*lines, "Connection: close"]
    )
    plain = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
    with tls.wrap_socket(plain, server_hostname="127.0.0.1") if tls else plain as connection:
        connection.sendall(("\r\n".join([*written, "", ""]) + body).encode("latin-1"))
        answer = HTTPResponse(connection, method=lines[0].partition(" ")[0])
        answer.begin()
        headers = [(name.lower(), value) for name, value in answer.getheaders()]
        return Answer(answer.status, headers, answer.read().decode(errors="replace"))
