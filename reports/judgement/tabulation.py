"""From what was read to the rows of the report."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from conf.failures import code_of
from conf.metric import Metric, MetricKind
from conf.operations import Kind, Operation, Outcome
from conf.stream_figures import Moment
from conf.subject import Subject
from reports.judgement.assessment import assess_state, assess_subject
from reports.judgement.selection import select_sample, select_step
from reports.reading.locust_words import foreign_code
from reports.reading.naming import parse_operation
from reports.record import FailureGroup
from reports.rows import OperationRow, Source, SplitRow, StepRow
from reports.state import State
from reports.statistics.distribution import Latency

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from conf.contract import Contract
    from conf.thresholds import Limits, Thresholds
    from reports.finding import Finding
    from reports.judgement.measured_sample import MeasuredSample
    from reports.manifest import Manifest, StepSpan
    from reports.reading.locust_csv import FailureRow, StatsRow
    from reports.reading.measurement_log import Measurements

_FIRST_CONTENT = Metric(MetricKind.PERCENTILE, moment=Moment.FIRST_CONTENT)
_PLANNED = Metric(MetricKind.PERCENTILE, planned=True)
_ORDER = {operation: index for index, operation in enumerate(Operation)}


def build_operation_rows(
    measurements: Measurements, stats: Sequence[StatsRow], contract: Contract, manifest: Manifest | None
) -> list[OperationRow]:
    """
    One row per operation: from our own measurements where there are any, otherwise from Locust's statistics.

    Args:
        measurements: Empty for another project's run.
        stats: Locust's own rows.
        contract: Gives the names in *stats* that are operations.
        manifest: Gives the length of the run.
    """
    methods = {row.name: row.method for row in stats}
    measured = {tag.operation for tag in measurements}
    rows = [
        _measured_row(operation, methods.get(operation, ""), measurements, manifest)
        for operation in Operation
        if operation in measured
    ]
    for row in stats:
        operation = parse_operation(row.method, row.name, contract)
        if operation is None or operation not in measured:
            rows.append(
                OperationRow(
                    name=row.name,
                    method=row.method,
                    operation=operation,
                    requests=row.requests,
                    failures=row.failures,
                    per_second=row.per_second,
                    latency=row.latency,
                    source=Source.LOCUST_CSV,
                )
            )
    return sorted(
        rows, key=lambda row: _ORDER.get(row.operation, len(_ORDER)) if row.operation else len(_ORDER)
    )


def _measured_row(
    operation: Operation, method: str, measurements: Measurements, manifest: Manifest | None
) -> OperationRow:
    sample = select_sample(measurements, Subject(operation), manifest)
    warm_up = {
        tag.outcome: series.count
        for tag, series in measurements.items()
        if tag.operation is operation and not tag.is_judged and tag.is_result
    }
    isolated = sample.results.get(Outcome.ISOLATION)
    return OperationRow(
        name=operation.value,
        method=method,
        operation=operation,
        requests=sample.requests,
        failures=sample.attempts - sample.successes,
        per_second=sample.requests / sample.length_s if sample.length_s else None,
        latency=sample.latencies().summary() or Latency(),
        source=Source.MEASUREMENTS,
        isolation=(isolated.count if isolated else 0) + warm_up.get(Outcome.ISOLATION, 0),
        warm_up=(
            sum(warm_up.values()),
            sum(count for outcome, count in warm_up.items() if outcome.is_failure),
        ),
        planned=sample.latencies(_PLANNED).summary(),
        cut_off=sample.cut_off,
        intercepted=sample.with_outcome(Outcome.INTERCEPTED),
        abandoned=sample.with_outcome(Outcome.ABANDONED),
        split=tuple(
            SplitRow(value, series.count, series.whole.latency()) for value, series in sample.split.items()
        ),
    )


def build_step_rows(
    measurements: Measurements, manifest: Manifest | None, thresholds: Thresholds, minimum_requests: int
) -> list[StepRow]:
    """
    One row per operation and step, of runs that have more than one step.

    Args:
        measurements: The measurements of the whole run.
        manifest: Gives the times of the steps, and their users.
        thresholds: Criteria; those about whole operations judge each step too.
        minimum_requests: The same number as for the whole run.
    """
    spans = {span.index: span for span in manifest.steps} if manifest else {}
    indices = sorted({tag.step for tag in measurements if tag.is_judged} | set(spans))
    if len(indices) < 2:  # noqa: PLR2004 - a single step is the whole run
        return []
    # A flow comes before its parts: it is what its user sees.
    operations = sorted(
        {tag.operation for tag in measurements}, key=lambda o: (o.kind is not Kind.FLOW, _ORDER[o])
    )
    return [
        _step_row(
            index,
            spans.get(index),
            select_step(measurements, operation, index, spans.get(index)),
            thresholds.get(operation, {}),
            minimum_requests,
        )
        for operation in operations
        for index in indices
    ]


def _step_row(
    index: int,
    span: StepSpan | None,
    sample: MeasuredSample,
    demands: Mapping[str, Limits],
    minimum_requests: int,
) -> StepRow:
    operation = sample.subject.operation
    assert operation is not None
    binding = {name: limits for name, limits in demands.items() if not limits.optional}
    findings = assess_subject(operation, [sample], binding, minimum_requests)
    state = assess_state(findings)
    if findings and sample.attempts >= minimum_requests and not sample.successes:
        state = State.FAIL
    return StepRow(
        index=index,
        operation=operation,
        users=span.users if span else None,
        length_s=sample.length_s,
        requests=sample.requests,
        failures=sample.attempts - sample.successes,
        per_second=sample.successes / sample.length_s if sample.length_s else None,
        latency=sample.latencies().summary() or Latency(),
        planned=sample.latencies(_PLANNED).summary(),
        state=state,
        certain=_is_certain(findings, state, broken=not sample.successes),
        cut_off=sample.cut_off,
        intercepted=sample.with_outcome(Outcome.INTERCEPTED),
        abandoned=sample.with_outcome(Outcome.ABANDONED),
        first_content=sample.latencies(_FIRST_CONTENT).summary(),
    )


def _is_certain(findings: Iterable[Finding], state: State | None, *, broken: bool) -> bool:
    """Whether *state* is: a PASS if all findings are certain, a worse state if one of the worse findings is."""
    if state is State.PASS:
        return all(finding.certain is not False for finding in findings)
    return broken or any(
        finding.certain is not False and finding.state in {State.WARN, State.FAIL} for finding in findings
    )


def build_failure_groups(failures: Sequence[FailureRow], contract: Contract) -> list[FailureGroup]:
    """Failures with the same operation and message as one group; the largest group first."""
    counts: Counter[tuple[str, str, Outcome | None, str]] = Counter()
    for row in failures:
        counts[row.name, row.method, row.outcome, row.message] += row.count
    return [
        FailureGroup(
            name,
            method,
            parse_operation(method, name, contract),
            outcome,
            message,
            count,
            code_of(outcome, message) if outcome else foreign_code(message),
        )
        for (name, method, outcome, message), count in counts.most_common()
    ]
