"""The most requests that may be sent in a second: a target that is not ours is not overrun."""

from __future__ import annotations

from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING

import gevent

if TYPE_CHECKING:
    from collections.abc import Callable


class Ceiling:
    """
    Lets requests start, never more than *per_second* of them in any second; the others wait for their turn.

    Args:
        per_second: Of this process.
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
        self.held_back = 0
        """Requests that had to wait."""

    def wait(self) -> None:
        """Return when the next request may start."""
        now = self._clock()
        full = len(self._starts) == self._starts.maxlen
        start = max(now, self._starts[0] + 1.0) if full else now
        self._starts.append(start)
        if start > now:
            self.held_back += 1
            self._sleep(start - now)

    def share(self, per_second: int) -> None:
        """From now on as many as this: other processes have joined or gone."""
        self._starts = deque(self._starts, maxlen=per_second)
