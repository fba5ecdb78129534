"""The moments of a run, on a clock that cannot be set."""

from __future__ import annotations

from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING

from monitoring.measurement import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_STEP_S = 0.5
"""A smaller difference between two readings, a second apart, only means that one clock runs a little faster."""


class RunClock:
    """
    The wall clock's time at the start of the run, and from then on a monotonic clock.

    All moments and durations of a run are from it. When the wall clock of the machine is set during the run, moments
    stay in order and no figure changes.

    Args:
        wall: The wall clock.
        seconds: A monotonic clock.
    """

    def __init__(
        self, wall: Callable[[], datetime] = utc_now, seconds: Callable[[], float] = monotonic
    ) -> None:
        self._wall, self._seconds = wall, seconds
        self.started_at = wall()
        self._began_s = seconds()
        self._ahead_s = 0.0
        self.stepped_s = 0.0
        """Seconds by which the wall clock was set during the run, as `look` saw it; forward is positive."""

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return self._seconds() - self._began_s

    def now(self) -> datetime:
        """The moment, in UTC."""
        return self.started_at + timedelta(seconds=self.elapsed_s)

    def look(self) -> None:
        """Compare with the wall clock; to be called about once a second."""
        ahead_s = (self._wall() - self.now()).total_seconds()
        if abs(ahead_s - self._ahead_s) >= _STEP_S:
            self.stepped_s += ahead_s - self._ahead_s
        self._ahead_s = ahead_s

    def wall_span(self) -> tuple[datetime, datetime]:
        """The earliest and the latest moment that the wall clock may have shown during the run."""
        wall_now = self._wall()
        began = wall_now - timedelta(seconds=self.elapsed_s)
        return min(self.started_at, began), max(self.now(), wall_now)
