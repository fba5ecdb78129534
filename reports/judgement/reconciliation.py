"""Whether the two counts of a run's results agree: our own measurements, and Locust's statistics."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from conf.operations import Operation, Outcome
from conf.run_directory import MEASUREMENTS, STATS
from reports.problem import Problem, ProblemCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reports.reading.locust_csv import StatsRow
    from reports.reading.measurement_log import Measurements

_NEXT_STEP = "Results are missing from one of the two. Run the journey again; if it happens again, report it."


class Count(NamedTuple):
    """How many results one operation has, and how many of them failed."""

    requests: int
    failures: int


def reconcile(measurements: Measurements, stats: Iterable[StatsRow]) -> list[Problem]:
    """A problem for each operation that the measurements and Locust's CSV count differently."""
    measured = _counts(
        (
            tag.operation,
            series.count,
            0 if tag.outcome is Outcome.SUCCESS or tag.outcome.is_apart else series.count,
        )
        for tag, series in measurements.items()
        if tag.is_result
    )
    counted = _counts(
        (Operation(row.name), row.requests, row.failures) for row in stats if row.name in set(Operation)
    )
    none = Count(0, 0)
    return [
        Problem(
            ProblemCode.NOT_RECONCILED,
            f"{operation}: {MEASUREMENTS} holds {_words(measured.get(operation, none))}, "
            f"{STATS} {_words(counted.get(operation, none))}",
            _NEXT_STEP,
        )
        for operation in Operation
        if measured.get(operation, none) != counted.get(operation, none)
    ]


def _counts(parts: Iterable[tuple[Operation, int, int]]) -> dict[Operation, Count]:
    requests: Counter[Operation] = Counter()
    failures: Counter[Operation] = Counter()
    for operation, results, failed in parts:
        requests[operation] += results
        failures[operation] += failed
    return {operation: Count(requests[operation], failures[operation]) for operation in requests}


def _words(count: Count) -> str:
    return f"{count.requests:,} results with {count.failures:,} failures"
