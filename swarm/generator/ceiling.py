"""The most requests that may be sent in a second: a target that is not ours is not overrun."""

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
    Lets requests start, never more than *per_second* of them in any second; the others wait for their turn.

    Args:
        per_second: Of this process; 0: none may start.
        clock: Seconds.
        sleep: Lets the other users go on meanwhile.
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
        """Return when the request may start, which it does at once: what counts is when it was really let go."""
        if not self._turn.locked() and not self._wait_s():
            self._starts.append(self._clock())
            return
        self.held_back += 1
        with self._turn:  # the others queue behind the first of those who wait
            while wait_s := self._wait_s():
                self._sleep(wait_s)
            self._starts.append(self._clock())

    def share(self, per_second: int) -> None:
        """From now on as many as this, also of those who wait: other processes have joined."""
        self._starts = deque(self._starts, maxlen=per_second)

    def _wait_s(self) -> float:
        """At least how long until one may start; 0 where one may."""
        if len(self._starts) != self._starts.maxlen:
            return 0.0
        return max(self._starts[0] + _WINDOW_S - self._clock(), 0.0) if self._starts else _WINDOW_S


def share_out(per_second: int, processes: int) -> list[int]:
    """What each of *processes* may send, so that they send no more together; fewer than they are, and some may not at all."""
    least, over = divmod(per_second, max(processes, 1))
    return [least + (number < over) for number in range(processes)]
