"""Judgement: pure functions from what was measured to findings, and from findings to one state."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from conf.errors import ExitCode
from conf.metric import parse_metric
from conf.operations import Journey, Operation, Outcome
from conf.subject import GENERATOR, MASTER, PORTAL, parse_subject
from reports.record import ISOLATION, Finding, Problem, State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from conf.thresholds import Limits, Thresholds
    from reports.certainty import Interval
    from reports.manifest import Stop
    from reports.record import FailureGroup, MemoryRow, OperationRow, Verdict
    from reports.sample import Sample

_ASKS_THE_PORTAL = {Journey.CHAT, Journey.ONBOARDING}
"""Journeys that load the portal's process; vector search goes past it, to the database."""


def assess_metric(value: float | None, limits: Limits) -> State:
    """
    Judge one value; no value is NO VERDICT, never PASS.

    Args:
        value: In the unit of the metric.
        limits: A value on a limit is a WARN, unless the limit is ``pass_at_least``. Where only one limit is
            given, PASS and FAIL meet WARN there: a value beyond ``pass_below`` alone warns, a value short of
            ``fail_above`` alone passes.
    """
    if value is None or not math.isfinite(value):
        return State.NO_VERDICT
    if limits.pass_below is not None or limits.fail_above is not None:
        return _assess_small(value, limits)
    return _assess_large(value, limits)


def _assess_small(value: float, limits: Limits) -> State:
    passes_below = limits.pass_below if limits.pass_below is not None else limits.fail_above
    assert passes_below is not None
    if limits.fail_above is not None and value > limits.fail_above:
        return State.FAIL
    return State.PASS if value < passes_below else State.WARN


def _assess_large(value: float, limits: Limits) -> State:
    if limits.fail_below is not None and value < limits.fail_below:
        return State.FAIL
    if limits.pass_at_least is not None:
        return State.PASS if value >= limits.pass_at_least else State.WARN
    passes_above = limits.pass_above if limits.pass_above is not None else limits.fail_below
    assert passes_above is not None
    return State.PASS if value > passes_above else State.WARN


def assess_subject(
    subject: str, samples: Sequence[Sample], demands: Mapping[str, Limits], minimum_requests: int
) -> list[Finding]:
    """
    Judge some of a run's results by all that is demanded of them.

    Args:
        subject: As the settings spell it.
        samples: The results; several where Locust's statistics have them under several names.
        demands: Limits by metric.
        minimum_requests: With fewer successful requests than this, no latency is judged.
    """
    return [
        _assess_demand(subject, samples, name, limits, minimum_requests) for name, limits in demands.items()
    ]


def assess_state(
    subject: str, samples: Sequence[Sample], demands: Mapping[str, Limits], minimum_requests: int
) -> State | None:
    """The worst state of `assess_subject`, without asking how sure it is; None where nothing is demanded."""
    states = [_judge(subject, samples, name, limits, minimum_requests)[1] for name, limits in demands.items()]
    return max(states, default=None)


def _assess_demand(
    subject: str, samples: Sequence[Sample], name: str, limits: Limits, minimum_requests: int
) -> Finding:
    value, state, note = _judge(subject, samples, name, limits, minimum_requests)
    if value is None or note:
        return Finding(subject, name, value, limits, state, note)
    metric = parse_metric(name)
    interval = samples[0].interval(metric, limits)
    count = samples[0].count(metric)
    certain = None if count is None else _is_certain(value, interval, limits)
    return Finding(subject, name, value, limits, state, note, count, interval, certain)


def _judge(
    subject: str, samples: Sequence[Sample], name: str, limits: Limits, minimum_requests: int
) -> tuple[float | None, State, str]:
    """Value, state, and why, where the value alone does not say it."""
    metric = parse_metric(name)
    value = samples[0].value(metric, limits) if len(samples) == 1 else None
    state, note = assess_metric(value, limits), ""
    if not any(sample.requests for sample in samples):
        note = "never measured"
    elif len(samples) > 1:
        note = (
            f"{len(samples)} rows are this operation, and percentiles cannot be added up: give them one name"
        )
    elif (
        parse_subject(subject).outcome is None
        and metric.is_latency
        and samples[0].successes < minimum_requests
    ):
        state = State.NO_VERDICT
        note = f"too few successful requests: {samples[0].successes:,} of at least {minimum_requests:,}"
    elif value is None:
        note = "not among the figures of this run"
    return value, _milder(state) if limits.optional else state, note


def _is_certain(value: float, interval: Interval | None, limits: Limits) -> bool | None:
    """
    Whether the whole interval is judged as the value is.

    None where all must succeed: that is demanded of these very results, and no number of successes would make it
    certain of further ones.
    """
    if limits.pass_at_least == 1:
        return None
    if interval is None:
        return False
    ends = (assess_metric(interval.low, limits), assess_metric(interval.high, limits))
    return ends == (assess_metric(value, limits),) * 2


def _milder(state: State) -> State:
    """An optional criterion can only warn, also where its figure is missing."""
    return min(state, State.WARN)


def assess_isolation(rows: Iterable[OperationRow], failures: Iterable[FailureGroup]) -> list[Finding]:
    """A FAIL for each name under which somebody else's data was seen, however rarely."""
    seen = {row.name: row.isolation for row in rows}
    listed: dict[str, int] = {}
    for group in failures:
        if group.outcome is Outcome.ISOLATION:
            listed[group.name] = listed.get(group.name, 0) + group.count
    return [
        Finding(name, ISOLATION, count, None, State.FAIL, "never tolerated, whatever the success rate")
        for name in dict.fromkeys([*seen, *listed])
        if (count := max(seen.get(name, 0), listed.get(name, 0)))
    ]


def assess_stop(stop: Stop | None, thresholds: Thresholds) -> list[Finding]:
    """A FAIL for the criterion that ended the run, by its value over the window that did it."""
    if stop is None:
        return []
    limits = thresholds.get(stop.subject, {}).get(stop.metric)
    note = (
        f"stopped the run at {stop.at:%H:%M:%S} UTC: this is its value over the {stop.window_s:.0f} s before"
    )
    return [Finding(stop.subject, stop.metric, stop.value, limits, State.FAIL, note)]


def assess_memory(
    memory: Iterable[MemoryRow], thresholds: Thresholds, journeys: Collection[Journey]
) -> list[Finding]:
    """
    Judge the memory of the portal, where the journeys load it, and of the processes that generate load.

    Memory that nobody could see is reported as such and changes no verdict: it is an optional observation.
    """
    rows = list(memory)
    findings = []
    if _ASKS_THE_PORTAL & set(journeys):
        unseen = (
            "not seen, so not judged: the run was given neither the portal's process nor its metrics page"
        )
        portal = [row for row in rows if row.process == PORTAL]
        findings += _assess_processes(PORTAL, portal, thresholds, unseen)
    generators = [row for row in rows if row.process not in {PORTAL, MASTER}]
    return findings + _assess_processes(GENERATOR, generators, thresholds, "not seen, so not judged")


def _assess_processes(
    subject: str, rows: Sequence[MemoryRow], thresholds: Thresholds, unseen: str
) -> list[Finding]:
    findings = []
    for name, limits in thresholds.get(subject, {}).items():
        values = [value for row in rows if (value := row.value(parse_metric(name))) is not None]
        if not values:
            findings.append(Finding(subject, name, None, limits, None, unseen))
            continue
        worst = max(values)
        state = assess_metric(worst, limits)
        findings.append(Finding(subject, name, worst, limits, _milder(state) if limits.optional else state))
    return findings


def assess_validity(
    rows: Iterable[OperationRow], findings: Iterable[Finding], minimum_requests: int
) -> list[Problem]:
    """What makes the test itself invalid: too few successful requests to judge by, or nothing that is judged."""
    subjects = {
        parse_subject(finding.subject)
        for finding in findings
        if finding.limits is not None and not finding.limits.optional
    }
    if not any(subject.operation for subject in subjects):
        return [
            Problem(
                "nothing_judged",
                "No criterion names any operation of this run",
                "Name one under [thresholds] in a file, and judge again: loadtest report RUN_DIR --config FILE",
            )
        ]
    judged = {subject.operation for subject in subjects if subject.operation and not subject.outcome}
    measured = [row for row in rows if row.operation in judged and row.requests]
    missing = sorted(
        operation for operation in judged if operation not in {row.operation for row in measured}
    )
    return [
        Problem(
            "never_measured",
            f"{operation}: was never measured, though it is judged",
            "Look for errors at the start of the run, then run the journey again.",
        )
        for operation in missing
    ] + [
        Problem(
            "too_few_requests",
            f"{row.name}: {row.successes:,} successful requests are too few for a verdict; "
            f"at least {minimum_requests:,} are needed",
            "See the failures below, or put on more load: loadtest run JOURNEY --profile phase17",
        )
        for row in measured
        if row.successes < minimum_requests
    ]


def judged_subjects(
    thresholds: Thresholds, journeys: Collection[Journey], rows: Iterable[OperationRow]
) -> list[str]:
    """Criteria's subjects whose operation belongs to a journey of the run, or was seen in it."""
    seen = {row.operation for row in rows}
    operations = [(text, parse_subject(text).operation) for text in thresholds]
    return [
        text
        for operation in Operation
        for text, named in operations
        if named is operation and (operation.journey in journeys or operation in seen)
    ]


def worst_state(findings: Iterable[Finding], problems: Collection[Problem]) -> State:
    """The state of a run: any problem, or nothing judged, is NO VERDICT; otherwise the worst finding wins."""
    states = [finding.state for finding in findings if finding.state is not None]
    if problems or not states:
        return State.NO_VERDICT
    return max(states)


def uncertain(findings: Iterable[Finding]) -> list[Finding]:
    """Findings that might as well be judged otherwise, going by their intervals; optional ones left out."""
    return [
        finding
        for finding in findings
        if finding.certain is False and not (finding.limits is not None and finding.limits.optional)
    ]


def exit_code(verdict: Verdict, *, strict: bool) -> ExitCode:
    """What a process exits with; *strict* makes a WARN fail, and a PASS that is not certain."""
    match verdict.state:
        case State.PASS:
            return ExitCode.FAIL if strict and uncertain(verdict.findings) else ExitCode.OK
        case State.WARN:
            return ExitCode.FAIL if strict else ExitCode.OK
        case State.FAIL:
            return ExitCode.FAIL
        case State.NO_VERDICT:
            return ExitCode.NO_VERDICT
