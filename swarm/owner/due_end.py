"""The owner's reasons to end a run that Locust would continue: iterations made, time over, or a criterion that fails."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from reports.manifest import EndedBy, Stop

if TYPE_CHECKING:
    from swarm.owner.run import Run


def due_end(run: Run) -> EndedBy:
    """The reason to end *run* now; ``NOTHING_YET`` where it goes on."""
    if _is_done(run):
        return EndedBy.ITERATIONS
    if run.ending.is_overdue(run.elapsed_s):
        return EndedBy.RUN_TIME
    return EndedBy.CRITERION if _is_failing(run) else EndedBy.NOTHING_YET


def _is_done(run: Run) -> bool:
    """Whether all users now asked for have made their iterations."""
    parked = sum(c.last.parked for c in run.processes.values() if c.last and not c.lost)
    return run.choice.plan.limited and parked >= run.runner.target_user_count > 0


def _is_failing(run: Run) -> bool:
    """Whether a criterion that may end the run fails; if so, note it."""
    broken = run.early_stop.failed(run.elapsed_s) if run.early_stop else None
    if broken is not None:
        run.stopped_by = Stop(**asdict(broken), at=run.clock.now().replace(microsecond=0))
    return broken is not None
