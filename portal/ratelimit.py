"""Fixed windows of a minute, counted in the ``rate_limits`` table as production does; refused requests count too."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, NamedTuple

from portal.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from fastapi import Request

    from conf.reference_portal import RateLimitSettings
    from portal.database import Database

WINDOW_MS = 60_000

_COUNT = """
    INSERT INTO rate_limits AS seen (key, count, reset_time) VALUES ($1, 1, $2::bigint + $3::bigint)
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN seen.reset_time <= $2 THEN 1 ELSE seen.count + 1 END,
        reset_time = CASE WHEN seen.reset_time <= $2 THEN excluded.reset_time ELSE seen.reset_time END
    RETURNING count, reset_time
"""


class LimitWindow(NamedTuple):
    """What the current minute says of a key."""

    remaining: int
    """Requests that are left; below 0 the request is one too many."""
    reset_ms: int
    """The end of the minute, in milliseconds since 1970."""
    now_ms: int


class RateLimiter:
    """
    Refuses requests that exceed the limits.

    Args:
        settings: Requests per minute; does nothing unless enabled.
        database: Holds the counts, shared by every portal on it.
        clock: The wall clock, aware.
    """

    def __init__(
        self, settings: RateLimitSettings, database: Database, clock: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock

    async def admit_chat(self, tenant_id: UUID) -> None:
        """
        Count a question of a tenant's homeowner.

        Raises:
            Refusal: 429, the tenant has asked too much this minute.
        """
        await self._admit(f"chat:{tenant_id}", self._settings.chat_per_minute)

    async def count_chat(self, tenant_id: UUID) -> LimitWindow | None:
        """Count a question without refusing it; None where limits are off."""
        return await self._count(f"chat:{tenant_id}", self._settings.chat_per_minute)

    async def admit_resolve(self, qr_token: str) -> None:
        """
        Count a token resolution: towards the limit of all tokens together, then towards the limit of this token.

        Raises:
            Refusal: 429, there were too many this minute.
        """
        fingerprint = hashlib.sha256(qr_token.encode()).hexdigest()
        await self._admit("resolve", self._settings.resolve_per_minute)
        await self._admit(f"resolve:{fingerprint}", self._settings.resolve_per_token_per_minute)

    async def _admit(self, key: str, limit: int) -> None:
        window = await self._count(key, limit)
        if window is not None and window.remaining < 0:
            raise _too_many(window)

    async def _count(self, key: str, limit: int) -> LimitWindow | None:
        if not self._settings.enabled:
            return None
        now_ms = int(self._clock().timestamp() * 1000)
        row = await self._database.fetch_row(_COUNT, key, now_ms, WINDOW_MS)
        assert row is not None
        return LimitWindow(limit - row["count"], row["reset_time"], now_ms)


def limiter_of(request: Request) -> RateLimiter:
    """The limits of the portal that *request* came to."""
    limiter: RateLimiter = request.app.state.limiter
    return limiter


def _too_many(window: LimitWindow) -> Refusal:
    return Refusal(
        429,
        "Too many requests",
        {
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(window.reset_ms),
            "Retry-After": str(max(math.ceil((window.reset_ms - window.now_ms) / 1000), 1)),
        },
    )
