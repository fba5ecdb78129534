"""The addresses of a server of this suite: which ``Host`` a request may name, and the origin that belongs to it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import psutil

from conf.address import is_loopback, parse_origin

if TYPE_CHECKING:
    from collections.abc import Sequence

_EVERYWHERE = {"", "0.0.0.0", "::"}  # noqa: S104 - compared, not listened on


class WebAddress:
    """
    The addresses of one server.

    When the name of another site is made to lead to this machine (DNS rebinding), the browser takes a page of that site
    for the same origin. The ``Host`` header shows it: it names the other site.

    Args:
        host: Address on which the server listens; empty, ``0.0.0.0`` or ``::`` is every address of this machine.
        further: Addresses such as ``https://load.example`` that lead to the server through a proxy.
    """

    def __init__(self, host: str, further: Sequence[str] = ()) -> None:
        self._host = host.lower()
        self._further = {str(parse_origin(address)) for address in further}

    def origin(self, header: str, port: int, scheme: str = "http") -> str | None:
        """
        The origin that a request asks for, as a browser writes it.

        Args:
            header: The value of ``Host``; several headers are joined with commas.
            port: Port on which the server listens.
            scheme: ``http``, or ``https`` where the server speaks TLS itself.

        Returns:
            None where the server has no such address.
        """
        if "/" in header:
            return None
        try:
            asked = parse_origin(f"{scheme}://{header}")
            offered = {str(parse_origin(f"{other}://{header}")) for other in ("http", "https")}
        except ValueError:
            return None
        if named := offered & self._further:
            return named.pop()
        return str(asked) if asked.port == port and self._listens_as(asked.host) else None

    def _listens_as(self, host: str) -> bool:
        if is_loopback(host) or host == self._host:
            return True
        return self._host in _EVERYWHERE and (
            host == socket.gethostname().lower() or host in _own_addresses()
        )


def _own_addresses() -> set[str]:
    """The addresses of this machine; of a link-local address the name of the link is left out."""
    return {
        address.address.partition("%")[0]
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family in {socket.AF_INET, socket.AF_INET6}
    }
