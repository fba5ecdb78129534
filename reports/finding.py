"""One criterion, judged."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from reports.problem import ProblemCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conf.thresholds import Limits
    from reports.state import State
    from reports.statistics.certainty import Interval

ISOLATION = "isolation_failures"
"""A metric of findings that no threshold names: answers with data of another development or tenant; none is tolerated."""


class Undecided(StrEnum):
    """Why a demanded criterion could not be judged; the value is the code of the resulting problem."""

    TOO_FEW = ProblemCode.TOO_FEW_REQUESTS
    """There are fewer results than the settings demand."""
    CUT_OFF = ProblemCode.CUT_OFF
    """Requests that were cut off would decide: without them the judgement is better than if all of them had failed."""
    TIMED_OUT = ProblemCode.TIMED_OUT
    """Timeouts would decide: requests were given up before the limit of the criterion was reached."""


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One criterion, judged.

    Args:
        subject: As the settings spell it; for ``ISOLATION`` the name of the operation.
        metric: A metric's name, or ``ISOLATION``.
        value: In the metric's unit; None where it was not measured, or is infinite: see *at_least*.
        limits: None for ``ISOLATION``, and where not one request succeeded and no criterion is about that.
        state: None where it was not judged: either *undecided* says why, or it could not be measured at all and
            counts for nothing.
        note: The reason for the state, where the value alone does not give it.
        count: Results that the value rests on; None where it does not rest on results.
        interval: The 95 % interval of the value; None where there is none, or too few results for one.
        certain: Whether the whole interval is judged as the value is; None where certainty does not apply.
        at_least: Whether the value is a lower bound. A missing value then lies among requests never answered.
        undecided: Why a demanded criterion was not judged. A run without a FAIL is then NO VERDICT.
    """

    subject: str
    metric: str
    value: float | None
    limits: Limits | None
    state: State | None
    note: str = ""
    count: int | None = None
    interval: Interval | None = None
    certain: bool | None = None
    at_least: bool = False
    undecided: Undecided | None = None

    @property
    def is_measured(self) -> bool:
        """Whether anything is known of the value."""
        return self.value is not None or self.at_least

    @property
    def never_answered(self) -> bool:
        """Whether the value lies among requests that were never answered."""
        return self.value is None and self.at_least


def uncertain(findings: Iterable[Finding]) -> list[Finding]:
    """Findings with an interval that allows another judgement; optional ones are left out."""
    return [
        finding
        for finding in findings
        if finding.certain is False and not (finding.limits is not None and finding.limits.optional)
    ]
