"""Predicates over the record: each returns what it saw in words, or an empty text."""

from __future__ import annotations

from collections import Counter
from enum import Enum, auto
from itertools import islice
from typing import TYPE_CHECKING

from conf.metric import parse_metric
from conf.operations import Kind
from conf.stream_figures import Moment
from conf.subject import PORTAL, parse_subject
from reports.finding import ISOLATION
from reports.state import State
from reports.wording.figures import count, finding_value, passes_text, subject_label
from reports.wording.sentences import row_label

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from conf.operations import Journey, Outcome
    from reports.finding import Finding
    from reports.problem import ProblemCode
    from reports.record import FailureGroup, Verdict
    from reports.rows import OperationRow

    Evidence = Callable[[Verdict], str]

_MOST_SHOWN = 4


class Share(Enum):
    """How many of an operation's requests failed in one way."""

    ANY = auto()
    """At least one."""
    SOME = auto()
    """At least one, but not all."""
    ALL = auto()


def requests_failed(
    *codes: str,
    share: Share = Share.ANY,
    journeys: Collection[Journey | None] | None = None,
    outcomes: Collection[Outcome] = (),
    but: Collection[str] = (),
    only: Callable[[Verdict, FailureGroup], bool] = lambda _, __: True,
) -> Evidence:
    """
    Requests failed in one of these ways.

    Args:
        codes: Codes of failures; one that ends with ``*`` stands for all codes with that beginning.
        share: How many of an operation's requests must have failed.
        journeys: Journeys of the operations that count; None stands for names that are no operation. All by default.
        outcomes: Failures with one of these outcomes count, whatever their code.
        but: Codes of failures that do not count by their outcome.
        only: Which groups of failures of a run count beside all this.
    """

    def evidence(verdict: Verdict) -> str:
        groups = [
            group
            for group in verdict.failures
            if (_has_code(group, codes) or (group.outcome in outcomes and not _has_code(group, but)))
            and (journeys is None or _journey(group) in journeys)
            and only(verdict, group)
        ]
        # A flow fails because one of its parts failed: the parts are shown instead.
        parts = [
            group for group in groups if group.operation is None or group.operation.kind is not Kind.FLOW
        ]
        shown = parts or groups
        failed = Counter[object]()
        for group in shown:
            failed[_row(group)] += group.count
        requests = _requests(verdict)
        return listed(
            f"{row_label(group)}: {count(group.count)} of {count(requests.get(_row(group)))} requests: {group.message}"
            for group in shown
            if share is Share.ANY
            or (failed[_row(group)] == requests.get(_row(group))) is (share is Share.ALL)
        )

    return evidence


def _has_code(group: FailureGroup, codes: Collection[str]) -> bool:
    return any(
        group.code.startswith(code[:-1]) if code.endswith("*") else group.code == code for code in codes
    )


def _row(row: FailureGroup | OperationRow) -> object:
    """The key of a row of the statistics: an operation, or the method and name of another project's request."""
    return row.operation if row.operation and row.name == row.operation else (row.method, row.name)


def _requests(verdict: Verdict) -> Mapping[object, int]:
    """Requests by row, including the warm-up, since the failures include those of the warm-up."""
    counts = Counter[object]()
    for row in verdict.operations:
        counts[_row(row)] += row.attempts + row.warm_up[0]
    return counts


def latency_above(*journeys: Journey) -> Evidence:
    """A latency of one of the journeys' operations does not pass."""
    return lambda verdict: listed(
        finding_text(finding)
        for finding in verdict.findings
        if finding.limits is not None
        and finding.state in {State.WARN, State.FAIL}
        and (metric := parse_metric(finding.metric)).is_latency
        and metric.moment in {None, Moment.DONE}
        and (operation := parse_subject(finding.subject).operation) is not None
        and operation.journey in journeys
    )


def memory_above(verdict: Verdict) -> str:
    """The portal's memory does not pass."""
    return listed(
        finding_text(finding)
        for finding in verdict.findings
        if finding.subject == PORTAL and finding.state in {State.WARN, State.FAIL}
    )


def tolerated_never(verdict: Verdict) -> str:
    """Answers held data of another development or tenant."""
    return listed(
        f"{subject_label(finding.subject)}: {finding_value(finding)} answers with somebody else's data"
        for finding in verdict.findings
        if finding.metric == ISOLATION
    )


def unless(other: Evidence, evidence: Evidence) -> Evidence:
    """What *evidence* saw; empty where *other* saw something that explains it."""
    return lambda verdict: "" if other(verdict) else evidence(verdict)


def problem_noted(code: ProblemCode) -> Evidence:
    """The manifest or a reader noted a problem of this kind."""
    return lambda verdict: listed(problem.message for problem in verdict.problems if problem.code == code)


def _journey(group: FailureGroup) -> Journey | None:
    return group.operation.journey if group.operation else None


def finding_text(finding: Finding) -> str:
    """What was measured, and what passes: ``Chat answer: p95 5,210 ms (passes < 3,000 ms)``."""
    metric = "" if finding.subject == PORTAL else finding.metric.rpartition("_")[0] + " "
    return (
        f"{subject_label(finding.subject)}: {metric}{finding_value(finding)}"
        f" (passes {passes_text(finding.metric, finding.limits)})"
    )


def listed(sights: Iterable[str]) -> str:
    """At most four of *sights*, and the number of the others; empty where there are none."""
    remaining = iter(sights)
    shown = list(islice(remaining, _MOST_SHOWN))
    more = sum(1 for _ in remaining)
    return "; ".join([*shown, *([f"and {more} more"] if more else [])])
