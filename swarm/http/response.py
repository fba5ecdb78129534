"""An answer of the portal, in the form that listeners of Locust's ``request`` event get."""

from __future__ import annotations

import json
import re
from codecs import lookup
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarm.failure import RequestFailed

_LINE = re.compile(r"([^:\r\n]+):[ \t]*([^\r\n]*)\r\n")
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([\w.:+-]{1,40})", re.IGNORECASE | re.ASCII)
_CLIENT_ERROR = 400


class Headers(Mapping[str, str]):
    """
    The headers of one answer; names in capitals and small letters are equal.

    A repeated header is one value, joined by commas (RFC 9110, 5.2); `get_all` returns its values one by one.

    Args:
        block: Lines of ``Name: value`` as received, each with its line end.
    """

    __slots__ = ("_values",)

    def __init__(self, block: bytes = b"") -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in _LINE.findall(block.decode("latin-1")):
            self._values.setdefault(name.lower(), []).append(value.rstrip(" \t"))

    def __getitem__(self, name: str) -> str:
        return ", ".join(self._values[name.lower()])

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def get_all(self, name: str) -> list[str]:
        """Each value of a header on its own, in their order; empty where there is none."""
        return self._values.get(name.lower(), [])


class Response:
    """
    A complete answer.

    Args:
        status_code: The HTTP status.
        headers: As received, without those of interim answers and without trailers.
        content: The body, decoded from any content encoding; empty where decoding failed.
        unreadable: Why decoding failed; such an answer is no success.
    """

    __slots__ = ("content", "headers", "status_code", "unreadable")

    def __init__(
        self,
        status_code: int,
        headers: Headers,
        content: bytes,
        unreadable: RequestFailed | None = None,
    ) -> None:
        self.status_code = status_code
        self.headers = headers
        self.content = content
        self.unreadable = unreadable

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status_code < _CLIENT_ERROR

    @property
    def text(self) -> str:
        """The content as text, in the charset that its header names, else in UTF-8; invalid bytes are replaced."""
        found = _CHARSET.search(self.headers.get("content-type", ""))
        charset = found[1] if found else "utf-8"
        try:
            lookup(charset)
            return self.content.decode(charset, "replace")
        except (LookupError, ValueError):
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """
        The content, parsed as JSON.

        Raises:
            ValueError: The content is not JSON.
        """
        return json.loads(self.content)
