"""An open workload: flows start at planned moments, however slow the portal is."""

from __future__ import annotations

import math
from heapq import heappop, heappush
from random import Random

from conf.profile import Arrivals


class Schedule:
    """
    The planned starts of one process, in seconds since it began.

    Every process plans its own share, so no clock is shared: the sum of independent Poisson processes is one with
    the sum of their rates, and constant arrivals of *shares* processes interleave as far as these begin together.

    Args:
        rate: Starts per second, of all processes together.
        arrivals: Constant or Poisson.
        seed: The same seed plans the same starts; each share has its own.
        share: Which of the processes this is, from 0.
        shares: How many there are; 0 for a process that joined later, when all was dealt: it has no starts.
    """

    def __init__(self, rate: float, arrivals: Arrivals, seed: str, share: int, shares: int) -> None:
        self._rate = rate / shares if shares else 0.0
        self._arrivals = arrivals
        self._random = Random(f"{seed}/arrivals/{share}")  # noqa: S311 - no secret
        first = arrivals is Arrivals.CONSTANT and shares
        self._next_s = share / rate if first else self._distance_s()
        self._outstanding: set[float] = set()
        self._given_back: list[float] = []
        self.begun = 0
        """Planned starts whose flow was made."""

    def take(self) -> float:
        """The next planned start; no other user gets it."""
        if self._given_back:
            return heappop(self._given_back)
        taken, self._next_s = self._next_s, self._next_s + self._distance_s()
        self._outstanding.add(taken)
        return taken

    def give_back(self, planned_s: float) -> None:
        """A user took a start and stopped before its time; another user makes it."""
        if planned_s in self._outstanding:
            heappush(self._given_back, planned_s)

    def begin(self, planned_s: float) -> None:
        """A start that was taken is made now."""
        self._outstanding.remove(planned_s)
        self.begun += 1

    def missed(self, elapsed_s: float) -> int:
        """Starts that were planned up to *elapsed_s* and not made; ends the schedule."""
        while self._next_s <= elapsed_s:
            self.take()
        return sum(planned_s <= elapsed_s for planned_s in self._outstanding)

    def _distance_s(self) -> float:
        if not self._rate:
            return math.inf
        if self._arrivals is Arrivals.CONSTANT:
            return 1 / self._rate
        return self._random.expovariate(self._rate)
