"""Predicates over the record that say what they saw; an empty text is "nothing"."""

from __future__ import annotations

import re
from collections import Counter
from enum import Enum, auto
from itertools import islice
from typing import TYPE_CHECKING

from conf.metric import parse_metric
from conf.operations import Kind, Outcome
from conf.subject import PORTAL, parse_subject
from reports.figures import count, finding_value, passes_text, subject_label
from reports.record import ISOLATION, State

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from conf.operations import Journey
    from reports.record import FailureGroup, Finding, Verdict

    Evidence = Callable[[Verdict], str]

_ANSWERED = (Outcome.STATUS, None)
"""Failures whose message may hold a status; None is somebody else's CSV, which does not tell."""
_MOST_SHOWN = 4


class Share(Enum):
    """How many of an operation's requests failed in one way."""

    ANY = auto()
    """At least one."""
    SOME = auto()
    """At least one, but not all."""
    ALL = auto()


def requests_failed(
    pattern: str,
    *,
    share: Share = Share.ANY,
    journeys: Collection[Journey | None] | None = None,
    outcomes: Collection[Outcome | None] = _ANSWERED,
) -> Evidence:
    """
    Requests failed with a message like *pattern*.

    Args:
        pattern: Searched for in the message, without its outcome.
        share: How many of an operation's requests.
        journeys: Whose operations count; None among them is a name that is none of ours. All by default.
        outcomes: Which outcomes count; None among them is a failure that does not tell.
    """

    def evidence(verdict: Verdict) -> str:
        requests = {row.name: row.attempts for row in verdict.operations}
        groups = [
            group
            for group in verdict.failures
            if group.outcome in outcomes
            and (journeys is None or _journey(group) in journeys)
            and re.search(pattern, group.message)
        ]
        # A flow fails with its parts; they are what really happened.
        parts = [
            group for group in groups if group.operation is None or group.operation.kind is not Kind.FLOW
        ]
        shown = parts or groups
        failed = Counter[str]()
        for group in shown:
            failed[group.name] += group.count
        return listed(
            f"{subject_label(group.name)}: {count(group.count)} of {count(requests.get(group.name))} requests: "
            f"{group.message}"
            for group in shown
            if share is Share.ANY or (failed[group.name] == requests.get(group.name)) is (share is Share.ALL)
        )

    return evidence


def latency_above(journey: Journey) -> Evidence:
    """A latency of one of the journey's operations is not where it passes."""
    return lambda verdict: listed(
        _excess(finding)
        for finding in verdict.findings
        if finding.limits is not None
        and finding.state in {State.WARN, State.FAIL}
        and parse_metric(finding.metric).is_latency
        and (operation := parse_subject(finding.subject).operation) is not None
        and operation.journey is journey
    )


def memory_above(verdict: Verdict) -> str:
    """The portal's memory is not where it passes."""
    return listed(
        _excess(finding)
        for finding in verdict.findings
        if finding.subject == PORTAL and finding.state in {State.WARN, State.FAIL}
    )


def tolerated_never(verdict: Verdict) -> str:
    """Somebody saw somebody else's data."""
    return listed(
        f"{subject_label(finding.subject)}: {finding_value(finding)} answers with somebody else's data"
        for finding in verdict.findings
        if finding.metric == ISOLATION
    )


def problem_noted(code: str) -> Evidence:
    """The manifest or a reader noted a problem of this kind."""
    return lambda verdict: listed(problem.message for problem in verdict.problems if problem.code == code)


def _journey(group: FailureGroup) -> Journey | None:
    return group.operation.journey if group.operation else None


def _excess(finding: Finding) -> str:
    metric = "" if finding.subject == PORTAL else finding.metric.rpartition("_")[0] + " "
    return (
        f"{subject_label(finding.subject)}: {metric}{finding_value(finding)}"
        f" (passes {passes_text(finding.metric, finding.limits)})"
    )


def listed(sights: Iterable[str]) -> str:
    """At most four of them, and how many there are besides; empty where there are none."""
    remaining = iter(sights)
    shown = list(islice(remaining, _MOST_SHOWN))
    more = sum(1 for _ in remaining)
    return "; ".join([*shown, *([f"and {more} more"] if more else [])])
