"""Cookies that a portal sets in a homeowner's browser (RFC 6265, as far as one host needs it)."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from time import time
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from conf.operations import Outcome
from swarm.failure import RequestFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from conf.target import Answers
    from swarm.http.response import Headers

_SECONDS = re.compile(r"-?[0-9]{1,18}")
_LONGEST_DATE = 64
_FOR_EVER = float("inf")


class _Cookie(NamedTuple):
    value: str
    expires_at: float
    """Seconds since the epoch."""


class Cookies:
    """
    The cookies of one user. Most users never get one, and then this costs nothing.

    Args:
        limits: How many cookies are kept, and how large they may be.
        clock: Seconds since the epoch.
    """

    __slots__ = ("_clock", "_kept", "_limits")

    def __init__(self, limits: Answers, clock: Callable[[], float] = time) -> None:
        self._limits, self._clock = limits, clock
        self._kept: dict[tuple[str, str], _Cookie] | None = None

    def keep(self, url: str, headers: Headers) -> RequestFailed | None:
        """
        Keep the cookies that an answer sets. Malformed ones, and those for another host, are ignored.

        Returns:
            The failure where the answer sets more or larger cookies than the limits allow; else None.
        """
        failed = None
        for line in headers.get_all("set-cookie"):
            pair, *attributes = line.split(";")
            name, found, value = (part.strip() for part in pair.partition("="))
            if not found or not name:
                continue
            said = {
                key.strip().lower(): text.strip()
                for key, _, text in (attribute.partition("=") for attribute in attributes)
            }
            failed = self._keep(url, name, value, said) or failed
        return failed

    def header(self, url: str) -> str:
        """Value of the ``Cookie`` header for *url*; empty where no cookie applies."""
        if not self._kept:
            return ""
        path, now = urlsplit(url).path or "/", self._clock()
        fitting = [
            (scope, f"{name}={cookie.value}")
            for (name, scope), cookie in self._kept.items()
            if cookie.expires_at > now and _covers(scope, path)
        ]
        fitting.sort(key=lambda found: -len(found[0]))
        return "; ".join(pair for _, pair in fitting)

    def forget(self) -> None:
        """Delete all cookies, as a new browser would begin."""
        self._kept = None

    def _keep(self, url: str, name: str, value: str, said: dict[str, str]) -> RequestFailed | None:
        parts = urlsplit(url)
        domain = said.get("domain", "").lower().removeprefix(".")
        host = parts.hostname or ""
        if domain and host != domain and not host.endswith(f".{domain}"):
            return None
        if "secure" in said and parts.scheme != "https":
            return None
        path = said.get("path", "")
        key = name, path if path.startswith("/") else parts.path.rpartition("/")[0] or "/"
        expires_at, now = self._expiry(said), self._clock()
        self._kept = {one: cookie for one, cookie in (self._kept or {}).items() if cookie.expires_at > now}
        if expires_at <= now:
            self._kept.pop(key, None)
            return None
        if len(name) + len(value) + len(path) > self._limits.cookie_bytes:
            return RequestFailed(Outcome.VALIDATION, "a cookie is larger than answers.cookie_bytes allows")
        if key not in self._kept and len(self._kept) >= self._limits.cookies:
            return RequestFailed(Outcome.VALIDATION, "more cookies are set than answers.cookies allows")
        self._kept[key] = _Cookie(value, expires_at)
        return None

    def _expiry(self, said: dict[str, str]) -> float:
        if _SECONDS.fullmatch(said.get("max-age", "")):
            return self._clock() + int(said["max-age"])
        try:
            return parsedate_to_datetime(said["expires"][:_LONGEST_DATE]).timestamp()
        except Exception:  # noqa: BLE001 - a date from outside may raise anything, and then counts as none
            return _FOR_EVER


def _covers(scope: str, path: str) -> bool:
    return path == scope or path.startswith(scope if scope.endswith("/") else f"{scope}/")
