"""Pages of the portal that are read outside of the load: its health, its metrics."""

from __future__ import annotations

import ssl
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING

from conf.address import parse_page
from conf.deadline import Deadline
from conf.failures import CLOSED_IN_HANDSHAKE
from conf.trust import TlsFault, Trust, tls_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conf.address import Address

_MOST_BYTES = 1_000_000


class UntrustedError(OSError):
    """TLS gives no connection that can be trusted."""

    def __init__(self, fault: TlsFault) -> None:
        super().__init__(fault.words)
        self.fault = fault


def read_page(  # noqa: PLR0913 - all but three are named
    url: str,
    timeout_s: float,
    headers: Mapping[str, str] | None = None,
    *,
    trust: Trust,
    method: str = "GET",
    body: str | None = None,
    on_headers: Callable[[Mapping[str, str]], None] | None = None,
) -> tuple[int, bytes]:
    """
    Ask the host that *url* names, and no other: redirects are not followed, and proxies of the environment not used.

    Args:
        url: An http address whose host the settings allow.
        timeout_s: Limit of the whole exchange, also for a slow or long answer.
        headers: Headers of the request.
        trust: Certificates that are trusted.
        method: Of the request.
        body: JSON, as the contract's requests have it.
        on_headers: Called with the headers of the answer.

    Returns:
        Status and body, of which at most a megabyte is read.

    Raises:
        UntrustedError: A fault of TLS.
        OSError: No answer, or one that is not HTTP; its text holds the reason alone.
    """
    try:
        address, path = parse_page(url)
        with (
            Deadline(timeout_s) as deadline,
            closing(_connection(address, timeout_s, trust)) as connection,
        ):
            connection._create_connection = deadline.connect  # type: ignore[attr-defined]  # noqa: SLF001 - no other way
            connection.request(method, path, body, {"Connection": "close", **(headers or {})})
            answer = connection.getresponse()
            if on_headers is not None:
                on_headers(dict(answer.headers.items()))
            return answer.status, answer.read(_MOST_BYTES)
    except ssl.SSLError as error:  # before ValueError: a fault of a certificate is both
        if (fault := tls_fault(error)) is None:
            raise OSError(CLOSED_IN_HANDSHAKE) from error
        raise UntrustedError(fault) from error
    except OSError as error:
        raise OSError(error.strerror or str(error) or "no answer") from error
    except (HTTPException, ValueError) as error:
        raise OSError("what answers there does not speak HTTP") from error


def _connection(address: Address, timeout_s: float, trust: Trust) -> HTTPConnection:
    if address.scheme == "http":
        return HTTPConnection(address.host, address.port, timeout=timeout_s)
    return HTTPSConnection(
        address.host, address.port, timeout=timeout_s, context=trust.context(ssl.SSLContext)
    )
