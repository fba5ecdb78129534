"""An open workload: flows start at planned moments, even where the portal is slow."""

from __future__ import annotations

import math
from heapq import heappop, heappush
from random import Random

from conf.profile import Arrivals


class Schedule:
    """
    The planned starts of one process, in seconds since it began.

    Every process plans its own share, so that no clock is shared. Independent Poisson processes add up to one with the
    sum of their rates. Constant arrivals of *shares* processes interleave, as far as the processes begin together.

    Args:
        rate: Starts per second of all processes together.
        arrivals: Constant or Poisson.
        seed: The same seed plans the same starts; each share has its own.
        share: Number of this process, from 0.
        shares: How many processes share the starts; 0 for a process that joined later, and so has no starts.
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
        """Planned starts that a user has made."""

    def take(self) -> float:
        """Take the next planned start; no other user gets it."""
        if self._given_back:
            return heappop(self._given_back)
        taken, self._next_s = self._next_s, self._next_s + self._distance_s()
        self._outstanding.add(taken)
        return taken

    def give_back(self, planned_s: float) -> None:
        """Give back a start whose user stopped before its time; another user makes it."""
        if planned_s in self._outstanding:
            heappush(self._given_back, planned_s)

    def begin(self, planned_s: float) -> None:
        """Count a taken start as made now."""
        self._outstanding.remove(planned_s)
        self.begun += 1

    def missed(self, elapsed_s: float) -> int:
        """Count the starts that were planned up to *elapsed_s* and not made. This ends the schedule."""
        while self._next_s <= elapsed_s:
            self.take()
        return sum(planned_s <= elapsed_s for planned_s in self._outstanding)

    def _distance_s(self) -> float:
        if not self._rate:
            return math.inf
        if self._arrivals is Arrivals.CONSTANT:
            return 1 / self._rate
        return self._random.expovariate(self._rate)
