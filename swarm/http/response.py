"""An answer of the portal, as listeners of Locust's ``request`` event get it."""

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
    Those of one answer; names are the same in capitals and small letters.

    A header that came more than once is one value, joined by commas (RFC 9110, 5.2); `get_all` tells them apart.

    Args:
        block: Lines of ``Name: value``, each with its line end, as they came.
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
        """Each value of its own, in their order; empty where there is none."""
        return self._values.get(name.lower(), [])


class Response:
    """
    An answer with all of its content.

    Args:
        status_code: Of HTTP.
        headers: As they came; those of interim answers and trailers are left out.
        content: The body, decoded from any content encoding; empty where it could not be.
        unreadable: Why it could not be; such an answer is no success.
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
        """The content as text, in the charset that its header names, else UTF-8; letters it has not are replaced."""
        found = _CHARSET.search(self.headers.get("content-type", ""))
        charset = found[1] if found else "utf-8"
        try:
            lookup(charset)
            return self.content.decode(charset, "replace")
        except (LookupError, ValueError):
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """
        The content, parsed.

        Raises:
            ValueError: It is not JSON.
        """
        return json.loads(self.content)
