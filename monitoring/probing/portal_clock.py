"""How far this machine's clock is ahead of the portal's, by the Date of its answers."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from time import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

UNAUTHORIZED = 401


class PortalClock:
    """
    Looked at where the portal refuses a JWT, which says by this machine's clock when it is valid.

    Args:
        clock: Seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time) -> None:
        self._clock = clock
        self.ahead_s: float | None = None
        """Seconds, to within the time that an answer takes and one more; None before the first look."""

    def look(self, headers: Mapping[str, str]) -> None:
        """An answer has come. The smallest of the differences counts: the answer that took least."""
        ahead_s = clock_ahead_s(headers.get("Date"), self._clock())
        if ahead_s is not None:
            self.ahead_s = ahead_s if self.ahead_s is None else min(self.ahead_s, ahead_s)


def clock_ahead_s(date: str | None, now_s: float) -> float | None:
    """Seconds between a ``Date`` header and now; None where the header is no date."""
    if not date:
        return None
    try:
        return now_s - parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
