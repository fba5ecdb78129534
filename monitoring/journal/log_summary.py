"""Records added up: errors by kind and route, times by route and step."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from monitoring.measurement import HIGHEST_US, new_histogram

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hdrh.histogram import HdrHistogram

    from monitoring.journal.reading import Record

TOTAL = ""
"""Name of the step that stands for the whole request."""


@dataclass(slots=True)
class ErrorCount:
    """Errors of one kind and route; failures that the load left out of the log are counted with them."""

    kind: str
    route: str
    count: int = 0
    newest: str = ""
    message: str = ""
    """Message of the newest of these errors."""


class StepTimes(NamedTuple):
    """How long a step of a route took, in milliseconds; the whole request has the step ``TOTAL``."""

    route: str
    step: str
    times: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


def count_errors(records: Iterable[Record]) -> list[ErrorCount]:
    """Errors by kind and route, the most frequent first."""
    counts: dict[tuple[str, str], ErrorCount] = {}
    for record in records:
        key = str(record.get("kind")), str(record.get("route"))
        count = counts.setdefault(key, ErrorCount(*key))
        count.count += 1 + int(record.get("left_out", 0))
        count.newest, count.message = str(record.get("time")), str(record.get("message"))
    return sorted(counts.values(), key=lambda count: (-count.count, count.kind, count.route))


class PerformanceTimes:
    """Times by route and step."""

    def __init__(self) -> None:
        self._histograms: dict[tuple[str, str], HdrHistogram] = defaultdict(new_histogram)

    def add(self, record: Record) -> None:
        """Count one record; a damaged one is left out."""
        route, steps = str(record.get("route")), record.get("steps_ms")
        times = {TOTAL: record.get("total_ms"), **(steps if isinstance(steps, dict) else {})}
        for step, milliseconds in times.items():
            if isinstance(milliseconds, int | float):
                microseconds = min(max(round(milliseconds * 1000), 1), HIGHEST_US)
                self._histograms[route, step].record_value(microseconds)

    def rows(self) -> list[StepTimes]:
        """Rows by route: first its total, then its steps in the order in which they first came."""
        return [
            StepTimes(
                route,
                step,
                histogram.get_total_count(),
                *(histogram.get_value_at_percentile(percent) / 1000 for percent in (50, 95, 99)),
            )
            for (route, step), histogram in sorted(self._histograms.items(), key=lambda item: item[0][0])
        ]
