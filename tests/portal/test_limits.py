"""Request bodies that are larger than any question, sent by whoever likes."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from patience import TIMEOUT_S
from portal_process import bearer, served

from portal.limits import MOST_BYTES

if TYPE_CHECKING:
    from portal_process import Estate, Portal

pytest_plugins = ["portal_estate"]

CHUNKED = "Transfer-Encoding: chunked"


def begin(portal: Portal, path: str, *headers: str) -> socket.socket:
    connection = socket.create_connection(portal.address, TIMEOUT_S)
    lines = [f"POST {path} HTTP/1.1", "Host: portal", *headers, "", ""]
    connection.sendall("\r\n".join(lines).encode())
    return connection


def answer(connection: socket.socket) -> tuple[bytes, bytes]:
    """The first line, and everything; the portal closes the connection."""
    data = b""
    with connection, suppress(ConnectionResetError):
        while block := connection.recv(65_536):
            data += block
    return data.partition(b"\r\n")[0], data


@pytest.mark.parametrize("path", ["/api/chat", "/api/qr/resolve", "/api/health", "/nowhere"])
def test_an_announced_body_is_refused_before_a_byte_of_it(portal: Portal, path: str) -> None:
    first, data = answer(begin(portal, path, "Content-Length: 400000000"))
    assert first.startswith(b"HTTP/1.1 413 ")
    assert b'{"error":"The request body is too large"}' in data
    assert answer(begin(portal, path, f"Content-Length: {MOST_BYTES + 1}"))[0] == first


def test_a_body_in_chunks_is_refused_when_it_has_become_too_large(portal: Portal) -> None:
    connection = begin(portal, "/api/qr/resolve", CHUNKED)
    sent = 0
    with suppress(BrokenPipeError, ConnectionResetError):
        while sent < 400_000_000:
            connection.sendall(b"4000\r\n" + b"a" * 0x4000 + b"\r\n")
            sent += 0x4000
    first, _ = answer(connection)
    assert first[:13] in {b"HTTP/1.1 413 ", b""}  # a client that goes on may lose the answer
    assert sent < 50_000_000
    assert served(portal)["POST", "/api/qr/resolve", "413"] >= 1


def test_nor_are_chunks_taken_without_end_of_a_client_that_was_refused(portal: Portal) -> None:
    first, _ = answer(begin(portal, "/api/chat", CHUNKED, "Authorization: Bearer nonsense"))
    assert first == b"HTTP/1.1 401 Unauthorized"


def test_a_body_that_just_fits_is_read_in_both_forms(portal: Portal, estate: Estate) -> None:
    house = estate.houses[0]
    body = b'{"message": "Why?", "developmentId": "%s"}' % house.development_id.encode()
    body += b" " * (MOST_BYTES - len(body))
    assert portal.ask("POST", "/api/chat", body, bearer(house)).status == 200
    connection = begin(
        portal, "/api/chat", CHUNKED, "Connection: close", f"Authorization: Bearer {house.jwt}"
    )
    connection.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    assert answer(connection)[0] == b"HTTP/1.1 200 OK"
