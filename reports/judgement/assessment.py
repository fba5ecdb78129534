"""Judgement: pure functions from what was measured to findings, and from findings to one state."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from conf.errors import ExitCode
from conf.metric import MetricKind, parse_metric
from conf.operations import Destination, Journey, Operation, Outcome
from conf.subject import GENERATOR, MASTER, PORTAL, parse_subject
from reports.finding import ISOLATION, Finding, Undecided, uncertain
from reports.limits import assess_metric
from reports.state import State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from conf.metric import Metric
    from conf.thresholds import Limits, Thresholds
    from reports.cut_off import CutOff
    from reports.judgement.sample import Measured, Sample
    from reports.manifest import Stop
    from reports.problem import Problem
    from reports.processes import MemoryRow
    from reports.record import FailureGroup, Verdict
    from reports.rows import OperationRow
    from reports.statistics.certainty import Interval

NOT_THERE = "not among the figures of this run"


def assess_subject(
    subject: str, samples: Sequence[Sample], demands: Mapping[str, Limits], minimum_requests: int
) -> list[Finding]:
    """
    Judge the results of one subject by all that is demanded of them.

    Args:
        subject: As the settings spell it.
        samples: The results; several samples where Locust's statistics have them under several names.
        demands: Limits by metric.
        minimum_requests: With fewer results nothing is judged, and with fewer answers no latency.
    """
    findings = (
        assess_demand(subject, samples, name, limits, minimum_requests) for name, limits in demands.items()
    )
    return [_with_certainty(finding, samples) for finding in findings]


def assess_state(findings: Collection[Finding]) -> State | None:
    """
    The state of all *findings* together: a FAIL, otherwise NO VERDICT where one is undecided, otherwise the worst.

    Returns:
        None where no finding is judged.
    """
    states = [finding.state for finding in findings if finding.state is not None]
    if State.FAIL in states:
        return State.FAIL
    if any(finding.undecided for finding in findings):
        return State.NO_VERDICT
    return max(states, default=None)


class _Judged(NamedTuple):
    """One criterion, judged, but without its certainty."""

    measured: Measured | None
    state: State | None
    note: str = ""
    undecided: Undecided | None = None


def assess_demand(
    subject: str, samples: Sequence[Sample], name: str, limits: Limits, minimum_requests: int
) -> Finding:
    """Judge one metric as `assess_subject` does, but without its certainty."""
    measured, state, note, undecided = _judge(samples, parse_metric(name), limits, minimum_requests)
    if limits.optional:
        state, undecided = State.WARN if state is None else _milder(state), None
    value = measured.value if measured and math.isfinite(measured.value) else None
    at_least = measured is not None and (measured.at_least or value is None)
    return Finding(subject, name, value, limits, state, note, at_least=at_least, undecided=undecided)


def _with_certainty(finding: Finding, samples: Sequence[Sample]) -> Finding:
    """The finding with the interval of its value."""
    value, limits, metric = finding.value, finding.limits, parse_metric(finding.metric)
    if value is None or limits is None or finding.note:
        return finding
    interval, count = samples[0].interval(metric, limits), samples[0].count(metric)
    certain = None if count is None else _is_certain(value, interval, limits)
    return replace(finding, count=count, interval=interval, certain=certain)


def _judge(samples: Sequence[Sample], metric: Metric, limits: Limits, minimum_requests: int) -> _Judged:
    measured = samples[0].measured(metric, limits) if len(samples) == 1 else None
    if not any(sample.attempts or sample.cut_off.count for sample in samples):
        return _Judged(None, State.NO_VERDICT, "never measured")
    if len(samples) > 1:
        note = (
            f"{len(samples)} rows are this operation, and percentiles cannot be added up: give them one name"
        )
        return _Judged(None, State.NO_VERDICT, note)
    sample = samples[0]
    if sample.attempts < minimum_requests:
        note = f"too few requests: {sample.attempts:,} of at least {minimum_requests:,}"
        return _Judged(measured, None, note, Undecided.TOO_FEW)
    answers = sample.judged_count(metric)
    if metric.is_latency and answers is not None and answers < minimum_requests:
        note = f"too few answers: {answers:,} of at least {minimum_requests:,}"
        return _Judged(measured, None, note, Undecided.TOO_FEW)
    if measured is None or math.isnan(measured.value):
        return _Judged(None, State.NO_VERDICT, NOT_THERE)
    return _judge_measured(measured, limits, sample.cut_off)


def _judge_measured(measured: Measured, limits: Limits, cut_off: CutOff) -> _Judged:
    if math.isinf(measured.value):
        return _Judged(measured, State.FAIL, "so many attempts failed that it has no end")
    state = _assess_any(measured.value, limits)
    if any(_assess_any(value, limits) > state for value in measured.cut_off_failed):
        note = f"would not be {state.word} if the {cut_off.count:,} requests had failed that the end of the run cut off"
        return _Judged(measured, None, note, Undecided.CUT_OFF)
    if any(_assess_any(value, limits) > state for value in measured.never_answered):
        return _Judged(
            measured, None, "timeouts were given up before the limit of the criterion", Undecided.TIMED_OUT
        )
    return _Judged(measured, state)


def _assess_any(value: float, limits: Limits) -> State:
    """Like `assess_metric`; an infinite latency is beyond every limit."""
    return assess_metric(min(value, sys.float_info.max), limits)


def _is_certain(value: float, interval: Interval | None, limits: Limits) -> bool | None:
    """
    Whether the whole interval is judged as the value is.

    None where all must succeed: the demand is about these results alone, and no number of successes makes it
    certain for further results.
    """
    if limits.pass_at_least == 1:
        return None
    if interval is None:
        return False
    high = math.inf if interval.at_least else interval.high
    return {_assess_any(end, limits) for end in (interval.low, high)} == {assess_metric(value, limits)}


def _milder(state: State) -> State:
    """An optional criterion can only warn, also where its figure is missing."""
    return min(state, State.WARN)


def assess_isolation(rows: Iterable[OperationRow], failures: Iterable[FailureGroup]) -> list[Finding]:
    """A FAIL for each name under which an answer had data of another development or tenant, however rarely."""
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


def assess_success(
    rows: Sequence[OperationRow], findings: Collection[Finding], minimum_requests: int
) -> list[Finding]:
    """
    A FAIL for each operation without a successful attempt, where no criterion about its successes fails already.

    Names that are no operation of the suite are looked at together: one of them may be meant to fail.
    """
    said = {finding.subject for finding in findings if finding.state is State.FAIL and _is_success(finding)}
    others = [row for row in rows if row.operation is None]
    failed = [
        row.name
        for row in rows
        if row.operation and row.name not in said and _is_broken([row], minimum_requests)
    ]
    if _is_broken(rows, minimum_requests) and others:
        failed.append("all requests")
    return [
        Finding(name, MetricKind.SUCCESS_RATIO, 0.0, None, State.FAIL, "not one succeeded") for name in failed
    ]


def _is_broken(rows: Iterable[OperationRow], minimum_requests: int) -> bool:
    rows = list(rows)
    attempts = sum(row.attempts for row in rows)
    return attempts >= minimum_requests and not any(row.successes for row in rows)


def _is_success(finding: Finding) -> bool:
    return finding.metric == MetricKind.SUCCESS_RATIO


def assess_stop(stop: Stop | None, thresholds: Thresholds) -> list[Finding]:
    """A FAIL for the criterion that ended the run, with its value over the window in which it failed."""
    if stop is None:
        return []
    limits = thresholds.get(stop.subject, {}).get(stop.metric)
    note = (
        f"stopped the run at {stop.at:%H:%M:%S} UTC: this is its value over the {stop.window_s:.0f} s before"
    )
    return [Finding(stop.subject, stop.metric, stop.value, limits, State.FAIL, note, at_least=stop.at_least)]


def assess_memory(
    memory: Iterable[MemoryRow], thresholds: Thresholds, journeys: Collection[Journey]
) -> list[Finding]:
    """
    Judge the memory of the portal, where the journeys load it, and of the processes that generate load.

    Memory that could not be read is reported as such and changes no verdict: it is an optional observation.
    """
    rows = list(memory)
    findings = []
    if any(journey.destination is Destination.PORTAL for journey in journeys):  # others do not load it
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


def judged_subjects(
    thresholds: Thresholds, journeys: Collection[Journey], rows: Iterable[OperationRow]
) -> list[str]:
    """Subjects of criteria about operations that belong to a journey of the run, or were seen in it."""
    seen = {row.operation for row in rows}
    operations = [(text, parse_subject(text).operation) for text in thresholds]
    return [
        text
        for operation in Operation
        for text, named in operations
        if named is operation and (operation.journey in journeys or operation in seen)
    ]


def worst_state(findings: Collection[Finding], problems: Collection[Problem]) -> State:
    """The state of a run: NO VERDICT with any problem, or with nothing judged; otherwise that of `assess_state`."""
    state = assess_state(findings)
    return State.NO_VERDICT if problems or state is None else state


def exit_code(verdict: Verdict, *, strict: bool) -> ExitCode:
    """The exit code for a verdict; *strict* makes a WARN fail, and a PASS that is not certain."""
    match verdict.state:
        case State.PASS:
            return ExitCode.FAIL if strict and uncertain(verdict.findings) else ExitCode.OK
        case State.WARN:
            return ExitCode.FAIL if strict else ExitCode.OK
        case State.FAIL:
            return ExitCode.FAIL
        case State.NO_VERDICT:
            return ExitCode.NO_VERDICT
