"""Token buckets per address of a client, in the portal's memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from portal.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import Request

    from conf.reference_portal import RateLimitSettings

MOST_ADDRESSES = 100_000
"""Beyond so many the buckets are full again: the header names any address it likes."""


class TokenBuckets:
    """
    One bucket per address.

    Args:
        burst: Tokens of a full bucket; a request takes one.
        per_second: Tokens that flow back.
        clock: Monotonic seconds.
    """

    def __init__(self, burst: int, per_second: float, clock: Callable[[], float]) -> None:
        self._burst = burst
        self._per_second = per_second
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait_s(self, address: str) -> float:
        """Take a token: 0 where there was one, or else the time until there will be one. A refused request takes none."""
        now_s = self._clock()
        tokens, at_s = self._buckets.get(address, (float(self._burst), now_s))
        tokens = min(tokens + (now_s - at_s) * self._per_second, self._burst)
        is_admitted = tokens >= 1
        if len(self._buckets) >= MOST_ADDRESSES:
            self._buckets.clear()
        self._buckets[address] = tokens - is_admitted, now_s
        return 0.0 if is_admitted else (1 - tokens) / self._per_second


class AddressLimits:
    """
    Refuses requests of an address that has asked too much.

    Args:
        settings: Bursts and rates; does nothing unless enabled.
        clock: Monotonic seconds.
    """

    def __init__(self, settings: RateLimitSettings, clock: Callable[[], float]) -> None:
        self._enabled = settings.enabled
        self._chat = TokenBuckets(settings.chat_burst, settings.chat_per_second, clock)
        self._resolve = TokenBuckets(settings.resolve_burst, settings.resolve_per_second, clock)

    def admit_chat(self, request: Request) -> None:
        """
        Count a question.

        Raises:
            Refusal: 429, too many of this address.
        """
        self._admit(self._chat, request)

    def admit_resolve(self, request: Request) -> None:
        """
        Count a resolution of a house.

        Raises:
            Refusal: 429, too many of this address.
        """
        self._admit(self._resolve, request)

    def _admit(self, buckets: TokenBuckets, request: Request) -> None:
        if self._enabled and (wait_s := buckets.wait_s(_address(request))):
            raise Refusal(429, "Too many requests", {"retry-after": str(math.ceil(wait_s))})


def address_limits_of(request: Request) -> AddressLimits:
    """The limits per address of the portal that *request* came to."""
    limits: AddressLimits = request.app.state.buckets
    return limits


def _address(request: Request) -> str:
    """The first address of X-Forwarded-For, which a client may write itself; or else that of the connection."""
    first = request.headers.get("x-forwarded-for", "").partition(",")[0].strip()
    return first or (request.client.host if request.client else "")
