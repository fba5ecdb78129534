"""Requests as they go over the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geventhttpclient.client import HTTPClient

from conf.operations import Outcome
from seed.request import build_body, build_request, heads_differ
from swarm.failure import RequestFailed
from swarm.http.content import ENCODINGS
from swarm.http.own_endpoint import load_own_endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conf.address import Address
    from conf.endpoint import Endpoint
    from conf.operations import Operation
    from seed.fixture import House
    from seed.request import Request
    from swarm.http.cookies import Cookies

_AGENT = HTTPClient.DEFAULT_HEADERS.compatible_dict()
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class RequestWriter:
    """
    Writes one user's requests. The part that does not change is written once per house and operation.

    After its JWT is renewed, a house is another `House`, and this part is written again.

    Args:
        address: The portal's.
        cookies: Of the same user; sent where the contract sets none itself.
    """

    def __init__(self, address: Address, cookies: Cookies) -> None:
        self._host, self._base_url = address.authority, str(address)
        self._cookies = cookies
        self._heads: dict[Operation, tuple[House, str]] = {}

    def write(
        self,
        operation: Operation,
        endpoint: Endpoint,
        house: House,
        words: Mapping[str, str],
        traceparent: str,
    ) -> bytes:
        """
        The whole request; *words* fill the placeholders that are not the house's.

        Raises:
            RequestFailed: A header would hold what no header may.
        """
        cookie = self._cookies.header(self._base_url + endpoint.path)
        if endpoint.python:
            own = load_own_endpoint(endpoint.python)
            request = own.write_request(_built(endpoint, house, words), house, words)
            return _whole(self._head(request, cookie), traceparent, request.method, request.body or "")
        written_for, head = self._heads.get(operation, (None, ""))
        if written_for is not house or cookie:
            head = self._head(_built(endpoint, house, words), cookie)
            if not (cookie or heads_differ(endpoint, words)):
                self._heads[operation] = house, head
        return _whole(head, traceparent, endpoint.method, build_body(endpoint, house, words) or "")

    def _head(self, request: Request, cookie: str) -> str:
        headers = {"Host": self._host, **_AGENT, "Accept-Encoding": ENCODINGS}
        if cookie:
            headers["Cookie"] = cookie
        names = {name.lower(): name for name in headers}
        for name, value in request.headers.items():
            headers.pop(names.get(name.lower(), ""), None)
            headers[name] = value
        lines = [f"{name}: {value}" for name, value in headers.items() if name.lower() != "traceparent"]
        return "\r\n".join([f"{request.method} {request.path} HTTP/1.1", *lines, ""])


def _built(endpoint: Endpoint, house: House, words: Mapping[str, str]) -> Request:
    try:
        return build_request(endpoint, house, words)
    except ValueError as error:
        raise RequestFailed(Outcome.VALIDATION, f"not sent: {error}") from None


def _whole(head: str, traceparent: str, method: str, body: str) -> bytes:
    data = body.encode()
    length = f"Content-Length: {len(data)}\r\n" if data or method in _WITH_BODY else ""
    return f"{head}traceparent: {traceparent}\r\n{length}\r\n".encode("latin-1") + data
