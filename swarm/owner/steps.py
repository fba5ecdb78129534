"""The steps of a run's load: which of them requests belong to, and when each begins to count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gevent

from monitoring.measurement import WARM_UP
from reports.manifest import EndedBy, StepSpan

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from monitoring.run_clock import RunClock
    from swarm.owner.early_stop import EarlyStop
    from swarm.owner.ending import RunEnding
    from swarm.owner.plan import Plan


class Steps:
    """
    Those of one run, each with its warm-up, where it has one.

    Args:
        plan: How the load goes.
        clock: Of the run.
        ending: No step begins once the load is over; after the last step Locust stops the run.
        early_stop: Which figures may end the run; None where none may.
    """

    def __init__(
        self, plan: Plan, clock: RunClock, ending: RunEnding, early_stop: EarlyStop | None = None
    ) -> None:
        self._plan, self._clock, self._ending, self._early_stop = plan, clock, ending, early_stop
        self._tell_processes: Callable[[int], None] = _tell_none
        self._warm_up: gevent.Greenlet | None = None
        self._spans: list[StepSpan] = []
        self.current = WARM_UP if plan.warm_up_s else 0
        """To which requests that start now belong."""

    def begin(self, tell: Callable[[int], None]) -> None:
        """The run begins, and all processes know of it; *tell* has them count requests that start from then on for a step."""
        self._tell_processes = tell
        if self._plan.steps:
            self._begin(0, self._plan.steps[0].users)
        elif self._plan.warm_up_s:
            self._begin(0, self._plan.users or 1)

    def reach(self, index: int | None) -> None:
        """The load has come to a step; None: the last one is over."""
        if index is None:
            self.end()
            self._ending.expect(EndedBy.STEPS)
        elif index:  # the first one began with the run, a moment earlier
            self._begin(index, self._plan.steps[index].users)

    def end(self) -> None:
        """The step that has begun is over; nothing where none has."""
        if self._spans and not self._spans[-1].length_s:
            self._spans = list(self.until(self._clock.now()))
            if self._early_stop is not None:
                self._early_stop.end_step(self._clock.elapsed_s)

    def until(self, now: datetime) -> tuple[StepSpan, ...]:
        """All that have begun to count; the one that goes on lasts until *now*."""
        return tuple(
            span if span.length_s else span.model_copy(update={"ended_at": now}) for span in self._spans
        )

    @property
    def users(self) -> int | None:
        """Of the last step that has begun to count; None before the first."""
        return self._spans[-1].users if self._spans else None

    def __len__(self) -> int:
        return len(self._spans)

    def _begin(self, index: int, users: int) -> None:
        self.end()
        if not self._plan.warm_up_s:
            self._count_for(index, users)
            return
        if self._warm_up is not None:
            self._warm_up.kill()  # Locust is late with steps, by up to a second: the last one was all warm-up
        self._tell(WARM_UP)
        self._warm_up = gevent.spawn_later(self._plan.warm_up_s, self._count_for, index, users)

    def _count_for(self, index: int, users: int) -> None:
        """The step's warm-up is over, where it has one."""
        if self._ending.has_begun:
            return
        if self._early_stop is not None:
            self._early_stop.begin_step(index, self._clock.elapsed_s)
        now = self._clock.now()
        self._spans.append(StepSpan(index=index, users=users, started_at=now, ended_at=now))
        self._tell(index)

    def _tell(self, step: int) -> None:
        self.current = step
        self._tell_processes(step)


def _tell_none(_: int) -> None:
    """There are no processes yet."""
