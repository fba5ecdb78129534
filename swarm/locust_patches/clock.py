"""The clock of Locust's runners, which no setting of the machine's clock moves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class SteadyTime:
    """
    Takes the place of the module `time` in Locust's runners: the wall clock at the start, and from there on a monotonic one.

    The runners measure with the wall clock how long a master is silent, how old an order to start users is, and how
    long a load shape took. When the machine's clock is set, workers would quit, ignore their master, or a shape sleep
    for an hour. Moments are compared only with others of the same process.

    Args:
        wall: Seconds since the epoch.
        seconds: Monotonic.
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._ahead_s = wall() - seconds()

    def time(self) -> float:
        """Seconds since the epoch."""
        return self._ahead_s + self._seconds()
