"""Which ``Host`` headers name a server, and which name another one that somebody made lead to it."""

from __future__ import annotations

import socket

import psutil
import pytest

from monitoring.web_address import WebAddress

PORT = 8089
HERE = WebAddress("127.0.0.1")


@pytest.mark.parametrize(
    ("header", "origin"),
    [
        ("127.0.0.1:8089", "http://127.0.0.1:8089"),
        ("localhost:8089", "http://localhost:8089"),
        ("LocalHost:8089", "http://localhost:8089"),
        ("[::1]:8089", "http://[::1]:8089"),
        ("[0:0:0:0:0:0:0:1]:8089", "http://[::1]:8089"),
        ("127.0.0.2:8089", "http://127.0.0.2:8089"),
    ],
)
def test_the_loopbacks_names_with_the_port_that_is_listened_on_are_a_servers_own(
    header: str, origin: str
) -> None:
    assert HERE.origin(header, PORT) == origin


@pytest.mark.parametrize("header", [
    "", "evil.example", "evil.example:8089", "127.0.0.1", "127.0.0.1:", "127.0.0.1:80", "127.0.0.1:8090", "127.0.0.1:08089",
    "127.0.0.1:8089,evil.example:8089", "evil.example:8089,127.0.0.1:8089", "127.0.0.1:8089,127.0.0.1:8089",
    "127.0.0.1.evil.example:8089", "localhost.evil.example:8089", "localhost.:8089", "evil.localhost:8089",
    "evil@127.0.0.1:8089", "127.0.0.1:8089@evil.example", "127.0.0.1:8089/", "127.0.0.1:8089#", "127.0.0.1:8089 evil",
    "http://127.0.0.1:8089", "::1:8089", "[::1]", "[::1]evil:8089", "[::1].evil:8089", "[::ffff:127.0.0.1]:8089",
    "[fe80::1]:8089", "2130706433:8089", "0x7f000001:8089", "127.1:8089", "0.0.0.0:8089", "10.0.0.1:8089", "*", "*:8089",
    "l\u043ecalhost:8089", "127.0.0.1:\uff18\uff10\uff18\uff19", "127.0.0.1:8089\t", "127.0.0.1:+8089", "127.0.0.1:-8089", "127.0.0.1:" + "9" * 5000,
    "a" * 100_000, "null",
])  # fmt: skip
def test_every_other_host_is_not(header: str) -> None:
    assert HERE.origin(header, PORT) is None


def test_a_port_that_the_scheme_has_anyway_need_not_be_named() -> None:
    assert HERE.origin("localhost", 80) == HERE.origin("localhost:80", 80) == "http://localhost"
    assert HERE.origin("localhost", 443, "https") == "https://localhost"
    assert HERE.origin("localhost", 443, "http") is None


def test_a_name_or_an_address_that_was_listened_on_is_the_servers_own() -> None:
    assert WebAddress("Load.Example").origin("load.example:8089", PORT) == "http://load.example:8089"
    assert WebAddress("10.0.0.5").origin("10.0.0.5:8089", PORT) == "http://10.0.0.5:8089"
    assert WebAddress("10.0.0.5").origin("10.0.0.6:8089", PORT) is None
    assert WebAddress("10.0.0.5").origin(f"{socket.gethostname()}:8089", PORT) is None


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::"])  # noqa: S104 - listens nowhere
def test_a_server_at_every_address_is_each_of_this_machine_and_its_name_and_nothing_else(host: str) -> None:
    server = WebAddress(host)
    addresses = [
        f"[{one.address}]" if one.family == socket.AF_INET6 else one.address
        for some in psutil.net_if_addrs().values()
        for one in some
        if one.family in {socket.AF_INET, socket.AF_INET6} and "%" not in one.address
    ]
    assert addresses
    for name in [*addresses, socket.gethostname(), "localhost", "127.0.0.1"]:
        assert server.origin(f"{name}:8089", PORT) is not None, name
    for name in ["192.0.2.7", "evil.example", f"{socket.gethostname()}.evil.example"]:
        assert server.origin(f"{name}:8089", PORT) is None, name


def test_further_addresses_are_taken_with_their_scheme_and_port_and_in_no_other_form() -> None:
    server = WebAddress(
        "127.0.0.1", ["https://Load.example", "http://owner:9000", "https://[2001:db8::1]:8443"]
    )
    assert server.origin("load.example", PORT) == "https://load.example"
    assert server.origin("LOAD.example:443", PORT) == "https://load.example"
    assert server.origin("owner:9000", PORT) == "http://owner:9000"
    assert server.origin("[2001:db8::1]:8443", PORT) == "https://[2001:db8::1]:8443"
    for header in (
        "load.example:80",
        "load.example:8089",
        "owner",
        "owner:8089",
        "www.load.example",
        "load.example.",
    ):
        assert server.origin(header, PORT) is None, header
