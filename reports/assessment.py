"""Judgement: pure functions from what was measured to findings, and from findings to one state."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from conf.errors import ExitCode
from conf.operations import Journey, Operation, Outcome
from conf.thresholds import PORTAL, Limits, Metric
from reports.record import ISOLATION, Finding, Problem, State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from conf.thresholds import Thresholds
    from reports.record import FailureGroup, MemoryRow, OperationRow

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


def assess_operation(
    operation: Operation,
    rows: Sequence[OperationRow],
    demands: Mapping[Metric, Limits],
    minimum_requests: int,
) -> list[Finding]:
    """
    Judge one operation by all that is demanded of it.

    Args:
        operation: The operation.
        rows: Its rows; none where it was never called.
        demands: Limits by metric.
        minimum_requests: With fewer successful requests than this, no latency is judged.
    """
    return [
        _assess_demand(operation, rows, metric, limits, minimum_requests)
        for metric, limits in demands.items()
    ]


def _assess_demand(
    operation: Operation, rows: Sequence[OperationRow], metric: Metric, limits: Limits, minimum_requests: int
) -> Finding:
    value = rows[0].value(metric) if len(rows) == 1 else None
    state, note = assess_metric(value, limits), ""
    if not any(row.requests for row in rows):
        note = "never measured"
    elif len(rows) > 1:
        note = f"{len(rows)} rows are this operation, and percentiles cannot be added up: give them one name"
    elif metric is not Metric.SUCCESS_RATIO and rows[0].successes < minimum_requests:
        state = State.NO_VERDICT
        note = f"too few successful requests: {rows[0].successes:,} of at least {minimum_requests:,}"
    elif value is None:
        note = "not among the figures of this run"
    return Finding(operation.value, metric.value, value, limits, state, note)


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


def assess_memory(
    memory: Iterable[MemoryRow], demands: Mapping[Metric, Limits], journeys: Collection[Journey]
) -> list[Finding]:
    """
    Judge the peak of the portal's memory, where the journeys load the portal.

    Memory that nobody could see is reported as such and changes no verdict: it is an optional observation.
    """
    if not _ASKS_THE_PORTAL & set(journeys):
        return []
    peak_mb = next((row.peak_mb for row in memory if row.process == PORTAL), None)
    if peak_mb is None:
        unseen = (
            "not seen, so not judged: the run was given neither the portal's process nor its metrics page"
        )
        return [
            Finding(PORTAL, metric.value, None, limits, None, unseen) for metric, limits in demands.items()
        ]
    return [
        Finding(PORTAL, metric.value, peak_mb, limits, assess_metric(peak_mb, limits))
        for metric, limits in demands.items()
    ]


def assess_validity(
    rows: Iterable[OperationRow], findings: Iterable[Finding], minimum_requests: int
) -> list[Problem]:
    """What makes the test itself invalid: too few successful requests to judge by, or nothing that is judged."""
    judged = {finding.subject for finding in findings if finding.subject in set(Operation)}
    if not judged:
        return [
            Problem(
                "nothing_judged",
                "No criterion names any operation of this run",
                "Name one under [thresholds] in a file, and judge again: loadtest report RUN_DIR --config FILE",
            )
        ]
    measured = [row for row in rows if row.operation in judged and row.requests]
    missing = sorted(judged - {row.name for row in measured} - {str(row.operation) for row in measured})
    return [
        Problem(
            "never_measured",
            f"{name}: was never measured, though it is judged",
            "Look for errors at the start of the run, then run the journey again.",
        )
        for name in missing
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


def judged_operations(
    thresholds: Thresholds, journeys: Collection[Journey], rows: Iterable[OperationRow]
) -> list[Operation]:
    """Operations with a criterion that belong to a journey of the run, or were seen in it."""
    seen = {row.operation for row in rows}
    return [
        operation
        for operation in Operation
        if operation in thresholds and (operation.journey in journeys or operation in seen)
    ]


def worst_state(findings: Iterable[Finding], problems: Collection[Problem]) -> State:
    """The state of a run: any problem, or nothing judged, is NO VERDICT; otherwise the worst finding wins."""
    states = [finding.state for finding in findings if finding.state is not None]
    if problems or not states:
        return State.NO_VERDICT
    return max(states)


def exit_code(state: State, *, strict: bool) -> ExitCode:
    """What a process exits with; *strict* makes a WARN fail."""
    match state:
        case State.PASS:
            return ExitCode.OK
        case State.WARN:
            return ExitCode.FAIL if strict else ExitCode.OK
        case State.FAIL:
            return ExitCode.FAIL
        case State.NO_VERDICT:
            return ExitCode.NO_VERDICT
