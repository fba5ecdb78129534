"""From what was read to the rows of the report."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from conf.operations import Kind, Operation, Outcome
from reports.distribution import Distribution
from reports.naming import parse_operation
from reports.record import FailureGroup, OperationRow, Source, StepRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conf.contract import Contract
    from reports.locust_csv import FailureRow, StatsRow
    from reports.manifest import Manifest
    from reports.measurement_log import Measurements

_ORDER = {operation: index for index, operation in enumerate(Operation)}


def build_operation_rows(
    measurements: Measurements, stats: Sequence[StatsRow], contract: Contract, manifest: Manifest | None
) -> list[OperationRow]:
    """
    One row per operation: measured ourselves where we did, Locust's where we did not.

    Args:
        measurements: Empty for somebody else's run.
        stats: Locust's own rows.
        contract: Says which names in *stats* are operations.
        manifest: Says how long the run was.
    """
    length_s = manifest.length_s if manifest else None
    methods = {row.name: row.method for row in stats}
    measured = {tag.operation for tag in measurements}
    rows = [
        _measured_row(operation, methods.get(operation, ""), measurements, length_s)
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
    operation: Operation, method: str, measurements: Measurements, length_s: float | None
) -> OperationRow:
    successes, failures = _split(measurements, operation)
    isolation = sum(
        distribution.count
        for tag, distribution in measurements.items()
        if tag.operation is operation and tag.outcome is Outcome.ISOLATION
    )
    requests = successes.count + failures
    return OperationRow(
        name=operation.value,
        method=method,
        operation=operation,
        requests=requests,
        failures=failures,
        per_second=requests / length_s if length_s else None,
        latency=successes.latency(),
        source=Source.MEASUREMENTS,
        isolation=isolation,
    )


def build_step_rows(measurements: Measurements, manifest: Manifest | None) -> list[StepRow]:
    """One row per operation and step, of runs that have more than one step."""
    spans = {span.index: span for span in manifest.steps} if manifest else {}
    indices = sorted({tag.step for tag in measurements} | set(spans))
    if len(indices) < 2:  # noqa: PLR2004 - a single step is the whole run
        return []
    rows = []
    # A flow comes before its parts: it is what its user sees.
    for operation in sorted(
        {tag.operation for tag in measurements}, key=lambda o: (o.kind is not Kind.FLOW, _ORDER[o])
    ):
        for index in indices:
            span = spans.get(index)
            successes, failures = _split(measurements, operation, index)
            rows.append(
                StepRow(
                    index=index,
                    operation=operation,
                    users=span.users if span else None,
                    length_s=span.length_s if span else None,
                    requests=successes.count + failures,
                    failures=failures,
                    per_second=successes.count / span.length_s if span and span.length_s else None,
                    latency=successes.latency(),
                )
            )
    return rows


def _split(
    measurements: Measurements, operation: Operation, step: int | None = None
) -> tuple[Distribution, int]:
    """The successes of an operation, and the number of its failures; of one step, or of all."""
    chosen = [
        (tag.outcome, distribution)
        for tag, distribution in measurements.items()
        if tag.operation is operation and step in {None, tag.step}
    ]
    successes = Distribution.merged(part for outcome, part in chosen if outcome is Outcome.SUCCESS)
    return successes, sum(part.count for outcome, part in chosen if outcome is not Outcome.SUCCESS)


def build_failure_groups(failures: Sequence[FailureRow], contract: Contract) -> list[FailureGroup]:
    """Failures with the same operation and message as one group; the largest first."""
    counts: Counter[tuple[str, str, Outcome | None, str]] = Counter()
    for row in failures:
        counts[row.name, row.method, row.outcome, row.message] += row.count
    return [
        FailureGroup(name, method, parse_operation(method, name, contract), outcome, message, count)
        for (name, method, outcome, message), count in counts.most_common()
    ]
