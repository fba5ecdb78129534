"""The verdict of a run that the suite itself cannot judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.unexpected import describe_unexpected
from reports.problem import Problem, ProblemCode
from reports.record import Verdict
from reports.state import State

if TYPE_CHECKING:
    from collections.abc import Sequence


def broken_verdict(run_id: str, problems: Sequence[Problem], error: Exception) -> Verdict:
    """The verdict of such a run: nothing but its problems, *error* among them."""
    what, next_step = describe_unexpected(error)
    return Verdict(
        state=State.NO_VERDICT,
        run_id=run_id,
        manifest=None,
        journeys=(),
        judged_by="nothing: the suite itself failed",
        findings=(),
        operations=(),
        steps=(),
        server_steps=(),
        streams=(),
        capacities=(),
        failures=(),
        tracked=(),
        memory=(),
        health=(),
        problems=(
            *problems,
            Problem(ProblemCode.UNEXPECTED, f"{run_id}: the figures cannot be judged: {what}", next_step),
        ),
        notes=(),
    )
