"""The steps of a run's load: which of them requests belong to, and when each begins to count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gevent

from monitoring.measurement import WARM_UP
from reports.manifest import EndedBy

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarm.owner.plan import Plan
    from swarm.owner.run import Run


class Steps:
    """
    Those of one run, each with its warm-up, where it has one.

    Args:
        run: Notes when a step begins and ends.
        plan: How the load goes.
        tell: Has every process count requests that start from now on for this step.
    """

    def __init__(self, run: Run, plan: Plan, tell: Callable[[int], None]) -> None:
        self._run, self._plan, self._tell_processes = run, plan, tell
        self._warm_up: gevent.Greenlet | None = None
        self.current = WARM_UP if plan.warm_up_s else 0
        """To which requests that start now belong."""

    def begin(self) -> None:
        """The run begins, and all processes know of it."""
        if self._plan.steps:
            self._begin(0, self._plan.steps[0].users)
        elif self._plan.warm_up_s:
            self._begin(0, self._plan.users or 1)

    def reach(self, index: int | None) -> None:
        """The load has come to a step; None: the last one is over."""
        if index is None:
            self._run.end_step()
            self._run.ended_by = EndedBy.STEPS
        elif index:  # the first one began with the run, a moment earlier
            self._begin(index, self._plan.steps[index].users)

    def _begin(self, index: int, users: int) -> None:
        self._run.end_step()
        if not self._plan.warm_up_s:
            self._count_for(index, users)
            return
        if self._warm_up is not None:
            self._warm_up.kill()  # Locust is late with steps, by up to a second: the last one was all warm-up
        self._tell(WARM_UP)
        self._warm_up = gevent.spawn_later(self._plan.warm_up_s, self._count_for, index, users)

    def _count_for(self, index: int, users: int) -> None:
        if not self._run.ending:
            self._run.begin_step(index, users)
            self._tell(index)

    def _tell(self, step: int) -> None:
        self.current = step
        self._tell_processes(step)
