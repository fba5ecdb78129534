"""The hosts of a PostgreSQL address: libpq's own parser finds them, and ``conf.address`` checks each."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from conf.address import parse_host

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCHEMES = ("postgresql://", "postgres://")


def parse_database_hosts(url: str) -> list[str]:
    """
    The hosts that the driver would connect to; empty for a Unix socket.

    Raises:
        ValueError: It is not an address, names no host, or names one that is not a host. The text repeats no part of the
            address: where an ``@`` in a password is not written ``%40``, part of the password stands in the place of a host.
    """
    named = _parse(url)
    if url.startswith(_SCHEMES) and url.count("@") > 1:
        raise ValueError("holds more than one @; in a user's name or a password it is written %40")
    if "service" in named or not (named.get("host") or named.get("hostaddr")):
        raise ValueError("must name its host; a Unix socket is named by ?host=/directory")
    hosts = ",".join((named.get("host", ""), named.get("hostaddr", ""))).split(",")
    try:
        return [parse_host(host) for host in hosts if host and not host.startswith("/")]
    except ValueError:
        raise ValueError("names a host that is neither a host name nor an IP address") from None


def plain_database_url(url: str) -> str:
    """
    The same address in a spelling that every driver reads alike: asyncpg looks for the host in other places than libpq.

    Raises:
        ValueError: It is not an address.
    """
    named = dict(_parse(url))
    if address := named.pop("hostaddr", ""):
        named["host"] = address
    return f"postgresql://?{urlencode(named, quote_via=quote)}"


def _parse(url: str) -> Mapping[str, str]:
    # Imported here: a load without searches needs no driver.
    from psycopg2 import ProgrammingError  # noqa: PLC0415
    from psycopg2.extensions import parse_dsn  # noqa: PLC0415

    try:
        named: dict[str, str] = parse_dsn(url)
    except (ProgrammingError, ValueError):  # the error's text quotes the address
        raise ValueError("is not an address like postgresql://user@127.0.0.1:5432/database") from None
    return named
