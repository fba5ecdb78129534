"""A limit of requests per second, so that a run does not overload a target of other people."""

from __future__ import annotations

from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING

import gevent
from gevent.lock import BoundedSemaphore

if TYPE_CHECKING:
    from collections.abc import Callable


_WINDOW_S = 1.0


class Ceiling:
    """
    Lets at most *per_second* requests start in any second; further requests wait.

    Args:
        per_second: This process's share; with 0 no request may start.
        clock: In seconds.
        sleep: Waits for some seconds while the other users go on.
    """

    def __init__(
        self,
        per_second: int,
        clock: Callable[[], float] = perf_counter,
        sleep: Callable[[float], object] = gevent.sleep,
    ) -> None:
        self._starts: deque[float] = deque(maxlen=per_second)
        self._clock, self._sleep = clock, sleep
        self._turn = BoundedSemaphore()
        self.held_back = 0
        """Requests that had to wait."""

    def wait(self) -> None:
        """Return when the request may start; the caller starts it at once, since the moment of the return counts."""
        if not self._turn.locked() and not self._wait_s():
            self._starts.append(self._clock())
            return
        self.held_back += 1
        with self._turn:  # the first waiting request holds the lock, and later ones queue for it
            while wait_s := self._wait_s():
                self._sleep(wait_s)
            self._starts.append(self._clock())

    def share(self, per_second: int) -> None:
        """Set a new limit, for waiting requests too: other processes have joined."""
        self._starts = deque(self._starts, maxlen=per_second)

    def _wait_s(self) -> float:
        """Shortest time until a request may start; 0 where one may start now."""
        if len(self._starts) != self._starts.maxlen:
            return 0.0
        return max(self._starts[0] + _WINDOW_S - self._clock(), 0.0) if self._starts else _WINDOW_S


def share_out(per_second: int, processes: int) -> list[int]:
    """Each process's share of *per_second*. With more processes than requests per second, some shares are 0."""
    least, over = divmod(per_second, max(processes, 1))
    return [least + (number < over) for number in range(processes)]
