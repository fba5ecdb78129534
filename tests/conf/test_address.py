"""Which host an address means, however it is written."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

import asyncpg.connect_utils
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from conf.address import Address, is_loopback, parse_host, parse_origin, parse_page
from conf.database_address import parse_database_hosts, plain_database_url


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://127.0.0.1:5000", Address("http", "127.0.0.1", 5000)),
        ("HTTPS://Staging.Example", Address("https", "staging.example", 443)),
        ("http://localhost", Address("http", "localhost", 80)),
        ("https://a_b-c.d1:8443/", Address("https", "a_b-c.d1", 8443)),
        ("http://[0:0::1]:5000", Address("http", "::1", 5000)),
        ("http://xn--mnchen-3ya.example", Address("http", "xn--mnchen-3ya.example", 80)),
    ],
)
def test_an_origin_is_scheme_host_and_port(text: str, address: Address) -> None:
    assert parse_origin(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "http://[::1].evil:8081",
        "http://[::1]evil",
        "http://[::1",
        "http://::1:5000",
        "http://[fe80::1%25eth0]",
        "http://[127.0.0.1]",
        "http://127.1",
        "http://0x7f.0.0.1",
        "http://127.0.0.0x1",
        "http://0177.0.0.1",
        "http://127.0.0.01",
        "http://2130706433",
        "http://0x7f000001",
        "http://1.2.3.4.5",
        "http://256.0.0.1",
        "http://localhost.",
        "http://.localhost",
        "http://local..host",
        "http://-a.example",
        "http://local%68ost",
        "http://local\thost",
        "http://localhost\n",
        "\nhttp://localhost",
        "http://localhost ",
        "http://localhost\\.evil",
        "http:\\\\localhost",
        "http:/localhost",
        "http:localhost",
        "//localhost",
        "http://localhost:",
        "http://localhost:0",
        "http://localhost:080",
        "http://localhost:65536",
        "http://localhost:+80",
        "http://localhost:8_0",
        "http://localhost:٨٠",
        "http://localhost:80:81",
        "http://lοcalhost",  # noqa: RUF001 - a Greek letter
        "http://１２７.０.０.１",  # noqa: RUF001 - wide digits
        "http://\N{KELVIN SIGN}",
        "http://127.0.0.1\N{IDEOGRAPHIC FULL STOP}2",
        "http://localhost#evil",
        "http://localhost?evil",
        "http://localhost/#evil",
        "http://localhost;evil",
        "http://localhost,evil",
        f"http://{'a' * 64}.example",
        f"http://{'a.' * 130}b",
        "http://",
        "",
    ],
)
def test_what_others_might_read_in_another_way_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an address like http://127\.0\.0\.1:5000"):
        parse_page(text)


def test_an_address_with_a_password_is_refused_and_not_repeated() -> None:
    for text in ("http://user:hush@localhost", "http://hush@localhost", "http://localhost/@hush"):
        with pytest.raises(ValueError, match="must not carry a user name or password") as refused:
            parse_page(text)
        assert "hush" not in str(refused.value)


_ADDRESS_LETTERS = st.text("htps:/@[]%.#?\\ \t\n0123456789abcdefxlo-_,;K\u212a\u017f", max_size=24)


@given(
    st.one_of(st.text(), _ADDRESS_LETTERS.map("http://".__add__), _ADDRESS_LETTERS.map("https://".__add__))
)
@example("http://[::1]:8081/metrics")
def test_what_is_an_address_is_the_same_one_to_pythons_own_parser_and_when_it_is_read_again(
    text: str,
) -> None:
    try:
        address, path = parse_page(text)
    except ValueError:
        return
    parts = urlsplit(text)
    assert parts.hostname is not None
    assert address.host in {parts.hostname, _normal(parts.hostname)}
    assert address.port == (parts.port or {"http": 80, "https": 443}[parts.scheme])
    assert parse_page(f"{address}{path}") == (address, path)


def _normal(host: str) -> str:
    try:
        return str(ip_address(host))
    except ValueError:
        return host


@pytest.mark.parametrize(
    ("address", "authority"),
    [
        (Address("http", "localhost", 80), "localhost"),
        (Address("https", "localhost", 80), "localhost:80"),
        (Address("https", "::1", 443), "[::1]"),
        (Address("http", "::1", 5000), "[::1]:5000"),
    ],
)
def test_the_host_header_names_a_port_that_is_not_the_schemes_own(address: Address, authority: str) -> None:
    assert address.authority == authority


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.8.7", "::1", "localhost"])
def test_the_loopback_is_known_by_address_and_by_name(host: str) -> None:
    assert is_loopback(parse_host(host))


@pytest.mark.parametrize("host", ["0.0.0.0", "localhost.example", "10.0.0.1", "::", "::2"])  # noqa: S104 - nothing listens
def test_and_nothing_else_is_the_loopback(host: str) -> None:
    assert not is_loopback(parse_host(host))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:top@secret@127.0.0.1/portal",
        "postgresql://user:@secret@127.0.0.1/portal",
        "postgresql://user:top@secret/word@127.0.0.1/portal",
        "postgresql://user:top@se:cret@127.0.0.1:5432/portal",
        "postgresql://user:top@sec ret/portal",
        "postgresql://user:x@[secret/portal",
        "postgresql://user:x@secret%00/portal",
        "host='se cret' password=secret",
        "host=127.0.0.1 password=top secret",
    ],
)
def test_a_password_with_an_at_sign_is_not_named_as_a_host(url: str) -> None:
    with pytest.raises(ValueError, match=r"address|more than one @|neither a host name") as refused:
        parse_database_hosts(url)
    assert "secret" not in str(refused.value)
    assert "cret" not in str(refused.value)


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "2130706433", "localhost.", "a b"])
def test_a_database_host_that_is_written_in_an_odd_way_is_refused(host: str) -> None:
    for url in (f"host='{host}' dbname=x", f"hostaddr='{host}' dbname=x"):
        with pytest.raises(ValueError, match="neither a host name nor an IP address"):
            parse_database_hosts(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://portal:a%40b%2Fc@127.0.0.1:5432/portal",
        "postgresql://evil.example/portal?host=127.0.0.1",
        "postgresql://evil.example:1/portal?host=127.0.0.1&port=5432",
        "postgresql://portal:x@localhost/portal?hostaddr=127.0.0.1",
        "host=127.0.0.1 port=5432 dbname=portal password='a b+c@d&e=f'",
        "postgresql://portal:@/postgres?host=/run/postgresql",
        "postgresql://127.0.0.1#@localhost/portal",
        "postgresql://127.0.0.1:1,localhost:2/portal",
    ],
)
def test_the_portals_driver_connects_to_the_hosts_that_the_suites_driver_named(url: str) -> None:
    addresses, parameters = asyncpg.connect_utils._parse_connect_dsn_and_args(
        dsn=plain_database_url(url),
        host=None, port=None, user="nobody", password=None, passfile=None, database=None, ssl=False,
        service=None, servicefile=None, direct_tls=None, server_settings=None, target_session_attrs=None,
        krbsrvname=None, gsslib=None,
    )[:2]  # fmt: skip
    named = [address if isinstance(address, str) else address[0] for address in addresses]
    assert [host for host in named if not host.startswith("/")] in (
        parse_database_hosts(url),
        parse_database_hosts(url)[1:],  # of a host and its address, the address
    )
    if "password" in url:
        assert parameters.password == "a b+c@d&e=f"  # noqa: S105 - of the tests
