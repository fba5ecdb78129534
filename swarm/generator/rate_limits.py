"""Counts requests that the portal's rate limiter refused (429): since when, and how long it asks to wait."""

from __future__ import annotations

import re
from time import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

TOO_MANY = 429
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,15})?")
_LONGEST_WAIT_S = 86_400.0
"""A day; a longer wait counts as no answer."""
_EPOCH_S, _EPOCH_MS = 1e9, 1e11
"""From these values on, a number is a moment in seconds or milliseconds since the epoch, not a length of time."""


class RateLimits:
    """
    Refusals of one process, by operation.

    Args:
        clock: In seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time) -> None:
        self._clock = clock
        self._refused: dict[str, list[Any]] = {}

    def refuse(self, operation: str, headers: Mapping[str, str]) -> None:
        """Count a request that was refused with 429."""
        now_s = self._clock()
        refused = self._refused.setdefault(operation, [0, now_s, 0.0])
        refused[0] += 1
        refused[2] = max(refused[2], wait_s(headers, now_s))

    def listed(self) -> list[list[Any]]:
        """Operation, refusals, the first one in seconds since the epoch, longest wait in seconds."""
        return [[operation, *refused] for operation, refused in self._refused.items()]


def wait_s(headers: Mapping[str, str], now_s: float) -> float:
    """How long a refusal asks to wait, by ``Retry-After`` or else ``X-RateLimit-Reset``; 0 where neither is there."""
    wait = _number(headers.get("Retry-After"))
    if wait is None:
        wait = _number(headers.get("X-RateLimit-Reset")) or 0.0
        if wait >= _EPOCH_MS:
            wait = wait / 1000 - now_s
        elif wait >= _EPOCH_S:
            wait -= now_s
    return wait if 0 <= wait <= _LONGEST_WAIT_S else 0.0


def rate_limits_of(parts: Iterable[list[list[Any]]]) -> list[list[Any]]:
    """The refusals of all processes together, in the form of `RateLimits.listed`."""
    merged: dict[str, list[Any]] = {}
    for operation, refused, first_s, wait in (row for part in parts for row in part):
        before = merged.get(operation, [0, first_s, 0.0])
        merged[operation] = [before[0] + refused, min(before[1], first_s), max(before[2], wait)]
    return [[operation, *refused] for operation, refused in merged.items()]


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and _NUMBER.fullmatch(text) else None
