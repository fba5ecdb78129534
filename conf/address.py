"""
Decides which host an address means; nothing else in the suite does.

Libraries read some texts differently (``http://[::1].evil``, ``http://127.1``, ``http://a@b``). Such texts are refused
here, and a connection goes to the host and the port that this module returned.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address

_DEFAULT_PORTS = {"http": 80, "https": 443}
_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[^\[\]/?#:@\\]+)(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>/[!-~]*)?",
    re.IGNORECASE | re.ASCII,
)
_NAME = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A host with such a last part is an IPv4 address for some libraries, and a name for others."""
_HIGHEST_PORT = 65_535
_LONGEST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Address:
    """
    The scheme, host and port of a connection.

    Args:
        scheme: ``http`` or ``https``.
        host: A name in small letters, an IPv4 address of four numbers, or an IPv6 address without brackets.
    """

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The value of a ``Host`` header, with the port where it is not the scheme's default."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        """Scheme, host and port, as `parse_origin` reads them."""
        return f"{self.scheme}://{self.authority}"

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine, by its address or by the name ``localhost``."""
        return is_loopback(self.host)


def parse_origin(text: str) -> Address:
    """
    Parse an address of scheme, host and port alone.

    Raises:
        ValueError: It is not such an address, or has a path or a query.
    """
    address, path = parse_page(text)
    if path.strip("/"):
        raise ValueError(f"{_shown(text)} has a path or a query; give scheme, host and port alone")
    return address


def parse_page(text: str) -> tuple[Address, str]:
    """
    Parse an address with its path and query; the path is ``/`` where there is none.

    Raises:
        ValueError: It is not such an address. The text does not repeat an address with a password.
    """
    if "@" in text:
        raise ValueError("must not carry a user name or password")
    refusal = f"{_shown(text)} is not an address like http://127.0.0.1:5000"
    match = _ADDRESS.fullmatch(text)
    scheme = match["scheme"].lower() if match else ""
    port = int(match["port"] or _DEFAULT_PORTS[scheme]) if match else 0
    if match is None or port > _HIGHEST_PORT or "#" in (match["path"] or ""):
        raise ValueError(refusal)
    try:
        return Address(scheme, parse_host(match["host"]), port), match["path"] or "/"
    except ValueError as error:
        raise ValueError(f"{refusal}: {error}") from None


def parse_host(text: str) -> str:
    """
    Parse a host, into the form that `Address` holds; an IPv6 address may stand in brackets.

    Raises:
        ValueError: It is not a host, or libraries read it in different ways.
    """
    if not text.isascii():  # before lower(): the Kelvin sign would become a k
        raise ValueError(f"host {_shown(text)} is not ASCII; write such a name in its xn-- form")
    host = text.lower()
    if ":" in host or "[" in host:
        return _parse_ipv6(text, host)
    if not _NAME.fullmatch(host):
        raise ValueError(f"host {_shown(text)} is not a host name or an IP address")
    if not _NUMBER.fullmatch(host.rpartition(".")[2]):
        return host
    try:
        return str(IPv4Address(host))
    except AddressValueError:
        raise ValueError(f"host {_shown(text)} is not an IPv4 address of four numbers") from None


def is_loopback(host: str) -> bool:
    """Whether a parsed host is this machine."""
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    # From Python 3.13 on, 127.0.0.1 as it is spelled in IPv6 is loopback too; a name of it that no one needs is refused.
    return address.is_loopback and getattr(address, "ipv4_mapped", None) is None


def _parse_ipv6(text: str, host: str) -> str:
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    refusal = f"host {_shown(text)} is not an IPv6 address"
    if "%" in bare:  # a zone names an interface of this machine
        raise ValueError(refusal)
    try:
        return str(IPv6Address(bare))
    except ValueError:
        raise ValueError(refusal) from None


def _shown(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…")
