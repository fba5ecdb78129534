"""Where a request's time went: named steps, sent to the client in the ``Server-Timing`` header."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from monitoring.tracing import inner_span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from fastapi import Request
    from opentelemetry.trace import Tracer


class Timings:
    """
    The steps of one request.

    Args:
        tracer: Exports a span of each step; None exports nothing.
        clock: Monotonic seconds.
    """

    def __init__(self, tracer: Tracer | None = None, clock: Callable[[], float] = time.perf_counter) -> None:
        self._tracer = tracer
        self._clock = clock
        self._started_s = clock()
        self._steps: dict[str, float] = {}
        self.failed_step: str | None = None
        """The innermost step that an exception ended; None where no exception was raised."""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step, whether it succeeds or not; a name used twice adds up."""
        before_s = self._clock()
        try:
            with inner_span(self._tracer, name):
                yield
        except Exception:
            self.failed_step = self.failed_step or name
            raise
        finally:
            self._steps[name] = self._steps.get(name, 0.0) + self._clock() - before_s

    @property
    def elapsed_ms(self) -> float:
        """Milliseconds since the request arrived."""
        return (self._clock() - self._started_s) * 1000

    @property
    def steps_ms(self) -> dict[str, float]:
        """Milliseconds of each step, in the order they began."""
        return {name: seconds * 1000 for name, seconds in self._steps.items()}

    def header(self) -> str:
        """The steps as ``name;dur=milliseconds``, in the order they began; empty when there are none."""
        return ", ".join(f"{name};dur={milliseconds:.2f}" for name, milliseconds in self.steps_ms.items())


def timings_of(request: Request) -> Timings:
    """The timings of the request at hand."""
    timings: Timings = request.state.timings
    return timings


def now_of(request: Request) -> datetime:
    """The moment, aware, by the clock of the portal that *request* came to."""
    now: datetime = request.app.state.clock()
    return now
