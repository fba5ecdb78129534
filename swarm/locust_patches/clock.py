"""The clock of Locust's runners, which goes on evenly when the machine's clock is set."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class SteadyTime:
    """
    Replaces the module `time` in Locust's runners: it starts at the wall clock's time, and goes on with a monotonic clock.

    The runners measure with the wall clock how long a master is silent, how old an order to start users is, and how
    long a load shape took. If the machine's clock were set, workers would quit or ignore their master, or a shape
    would sleep for an hour. A moment is compared only with others of the same process.

    Args:
        wall: A clock in seconds since the epoch.
        seconds: A monotonic clock.
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._ahead_s = wall() - seconds()

    def time(self) -> float:
        """Seconds since the epoch."""
        return self._ahead_s + self._seconds()
