"""Records added up: errors by kind and route, times by route and step."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from monitoring.journal_reading import JournalReader
from monitoring.measurement import HIGHEST_US, new_histogram
from monitoring.tracker import PERFORMANCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from hdrh.histogram import HdrHistogram

    from monitoring.journal_reading import Record

TOTAL = ""
"""The step that stands for the whole request."""
_HOUR_LENGTH = len("2026-11-24T17")


@dataclass(slots=True)
class ErrorCount:
    """Errors of one kind and route; failures that the load left out of the log are counted with them."""

    kind: str
    route: str
    count: int = 0
    newest: str = ""
    message: str = ""
    """Of the newest."""


class StepTimes(NamedTuple):
    """How long a step of a route took, in milliseconds; the whole request has the step ``TOTAL``."""

    route: str
    step: str
    times: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


def count_errors(records: Iterable[Record]) -> list[ErrorCount]:
    """By kind and route, the most frequent first."""
    counts: dict[tuple[str, str], ErrorCount] = {}
    for record in records:
        key = str(record.get("kind")), str(record.get("route"))
        count = counts.setdefault(key, ErrorCount(*key))
        count.count += 1 + int(record.get("left_out", 0))
        count.newest, count.message = str(record.get("time")), str(record.get("message"))
    return sorted(counts.values(), key=lambda count: (-count.count, count.kind, count.route))


class PerformanceTimes:
    """Times by route and step, by the hour, so that what has become too old can be dropped."""

    def __init__(self) -> None:
        self._hours: dict[str, dict[tuple[str, str], HdrHistogram]] = {}

    def add(self, record: Record) -> None:
        """Count one record; a damaged one is not."""
        hour = self._hours.setdefault(str(record.get("time"))[:_HOUR_LENGTH], defaultdict(new_histogram))
        route, steps = str(record.get("route")), record.get("steps_ms")
        times = {TOTAL: record.get("total_ms"), **(steps if isinstance(steps, dict) else {})}
        for step, milliseconds in times.items():
            if isinstance(milliseconds, int | float):
                hour[route, step].record_value(min(max(round(milliseconds * 1000), 1), HIGHEST_US))

    def forget(self, before: str) -> None:
        """Drop the hours that were over at *before*, a time as records spell it."""
        for hour in [hour for hour in self._hours if hour < before[:_HOUR_LENGTH]]:
            del self._hours[hour]

    def rows(self) -> list[StepTimes]:
        """By route; its total first, then its steps in the order in which they were first seen."""
        merged: dict[tuple[str, str], HdrHistogram] = defaultdict(new_histogram)
        for histograms in self._hours.values():
            for key, histogram in histograms.items():
                merged[key].add(histogram)
        return [
            StepTimes(
                route,
                step,
                histogram.get_total_count(),
                *(histogram.get_value_at_percentile(percent) / 1000 for percent in (50, 95, 99)),
            )
            for (route, step), histogram in sorted(merged.items(), key=lambda item: item[0][0])
        ]


class RecentPerformance:
    """
    The times of the last hours, kept up to date by reading what is new; for pages that are asked again and again.

    Args:
        log_dir: Where the log is.
        since: Gives the time that is the oldest of interest now, as records spell it. Times are dropped by whole hours.
    """

    def __init__(self, log_dir: Path, since: Callable[[], str]) -> None:
        self._since = since
        self._reader = JournalReader(log_dir, PERFORMANCE, since=since())
        self._times = PerformanceTimes()

    def rows(self) -> list[StepTimes]:
        """As of now."""
        for record in self._reader.read():
            self._times.add(record)
        self._times.forget(self._since())
        return self._times.rows()
