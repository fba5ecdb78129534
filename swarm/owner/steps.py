"""The steps of a run's load: which step requests belong to, and when each step begins to count."""

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
    The steps of one run, each with its warm-up, if any.

    Args:
        plan: The plan of the load.
        clock: The run's.
        ending: The run's; no step begins once its load is over, and after the last step Locust stops it.
        early_stop: Hears when steps begin and end; None where no criterion may end the run.
    """

    def __init__(
        self, plan: Plan, clock: RunClock, ending: RunEnding, early_stop: EarlyStop | None = None
    ) -> None:
        self._plan, self._clock, self._ending, self._early_stop = plan, clock, ending, early_stop
        self._tell_processes: Callable[[int], None] = _tell_none
        self._warm_up: gevent.Greenlet | None = None
        self._spans: list[StepSpan] = []
        self.current = WARM_UP if plan.warm_up_s else 0
        """The step that requests starting now belong to."""

    def begin(self, tell: Callable[[int], None]) -> None:
        """Begin the run, which all processes know by now; *tell* makes them count requests from then on for a step."""
        self._tell_processes = tell
        if self._plan.steps:
            self._begin(0, self._plan.steps[0].users)
        elif self._plan.warm_up_s:
            self._begin(0, self._plan.users or 1)

    def reach(self, index: int | None) -> None:
        """Note that the load has reached a step, or with None that the last step is over."""
        if index is None:
            self.end()
            self._ending.expect(EndedBy.STEPS)
        elif index:  # the first step began with the run, a moment earlier
            self._begin(index, self._plan.steps[index].users)

    def end(self) -> None:
        """End the step that has begun, if any."""
        if self._spans and not self._spans[-1].length_s:
            self._spans = list(self.until(self._clock.now()))
            if self._early_stop is not None:
                self._early_stop.end_step(self._clock.elapsed_s)

    def until(self, now: datetime) -> tuple[StepSpan, ...]:
        """All steps that have begun to count; the current one lasts until *now*."""
        return tuple(
            span if span.length_s else span.model_copy(update={"ended_at": now}) for span in self._spans
        )

    @property
    def users(self) -> int | None:
        """Users of the latest step that has begun to count; None before the first."""
        return self._spans[-1].users if self._spans else None

    def __len__(self) -> int:
        return len(self._spans)

    def _begin(self, index: int, users: int) -> None:
        self.end()
        if not self._plan.warm_up_s:
            self._count_for(index, users)
            return
        if self._warm_up is not None:
            self._warm_up.kill()  # Locust is up to a second late with steps: the last step was all warm-up
        self._tell(WARM_UP)
        self._warm_up = gevent.spawn_later(self._plan.warm_up_s, self._count_for, index, users)

    def _count_for(self, index: int, users: int) -> None:
        """Count requests for the step from now on, after its warm-up, if any."""
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
    """Send nothing, since there are no processes yet."""
