"""How far this machine's clock is ahead of the portal's, by the ``Date`` of the portal's answers."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from time import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

UNAUTHORIZED = 401


class PortalClock:
    """
    Explains why the portal refuses a JWT: its times are by this machine's clock, and the portal checks them by its own.

    Args:
        clock: Seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time) -> None:
        self._clock = clock
        self.ahead_s: float | None = None
        """Seconds, exact to one second and the time of an answer; None before the first answer."""

    def look(self, headers: Mapping[str, str]) -> None:
        """Take the headers of an answer. The smallest difference counts: it is from the quickest answer."""
        ahead_s = clock_ahead_s(headers.get("Date"), self._clock())
        if ahead_s is not None:
            self.ahead_s = ahead_s if self.ahead_s is None else min(self.ahead_s, ahead_s)


def clock_ahead_s(date: str | None, now_s: float) -> float | None:
    """Seconds between a ``Date`` header and now; None where the header is not a date."""
    if not date:
        return None
    try:
        return now_s - parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
