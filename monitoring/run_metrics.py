"""
The current state of a run as a Prometheus page: plain data in, text out.

The owner of the run fills a new `RunMetrics` for each scrape; nothing is kept between two scrapes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Self

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from conf.operations import Outcome
from monitoring.cumulative import cumulative
from monitoring.histogram_bounds import BOUNDS_S
from monitoring.redaction.redact import redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from hdrh.histogram import HdrHistogram

    from conf.operations import Operation
    from conf.stream_figures import Moment

CONTENT_TYPE = CONTENT_TYPE_LATEST
"""Content type of the page."""
STATE_NUMBERS = {"PASS": 0, "WARN": 1, "FAIL": 2, "NO VERDICT": 3}
"""State in words → its number on the page; a larger number is worse."""
MOST_FAILURES = 50
"""Most groups of failures on the page, the most frequent first: messages come from outside, in any number."""
LONGEST_MESSAGE = 200


class Ending(StrEnum):
    """How results ended, as latencies distinguish it."""

    SUCCESS = "success"
    SLOW = "slow"
    """Waited for in vain: timeouts, and requests that the end of the run cut off. The latency is at least the duration."""
    FAILURE = "failure"
    """Quick failures, which have no latency."""

    @classmethod
    def of(cls, outcome: Outcome) -> Self:
        """The ending that *outcome* belongs to."""
        if outcome is Outcome.SUCCESS:
            return cls(cls.SUCCESS)
        return cls(cls.SLOW) if outcome.is_slow else cls(cls.FAILURE)


class Mark(StrEnum):
    """What was seen of a streamed answer that succeeded."""

    READ = "read"
    """Its text kept up with a homeowner who reads."""
    WAITED_FOR = "waited_for"
    """A homeowner who reads had to wait for text."""
    FAKE = "fake"
    """Its text came all at once; counted as one of the others too."""


@dataclass(frozen=True, slots=True)
class ProcessReading:
    """
    The last measurement of one process of the run, by itself; None for a figure that it does not report.

    Args:
        process: As in ``memory.csv``: ``portal``, ``local``, ``master``, or a worker's name.
        lag_p50_s: Median of how late the event loop was, since the last reading or over the whole run.
    """

    process: str
    rss_bytes: int | None = None
    cpu_ratio: float | None = None
    open_files: int | None = None
    open_files_limit: int | None = None
    lag_p50_s: float | None = None
    lag_p95_s: float | None = None
    lag_p99_s: float | None = None
    lag_max_s: float | None = None


class Criterion(NamedTuple):
    """
    One criterion and its current state.

    Args:
        subject: As the settings spell it.
        metric: As the settings spell it.
        value: In the metric's unit; None where nothing was measured.
        state: One of `STATE_NUMBERS`.
        at_least: Whether the value is a lower bound.
    """

    subject: str
    metric: str
    value: float | None
    state: str
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class FailureCount:
    """Failures that are alike; *message* is redacted here."""

    operation: str
    outcome: str
    message: str
    count: int
    last_seen_s: float
    """Time of the newest of these failures, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class RunMetrics:
    """
    The contents of the page; a field that is left out is not on it.

    Args:
        run_id: Name of the run directory; empty before the first run.
        journeys: Joined with ``+``.
        results: How many results each operation has had, by outcome.
        latencies: Histograms in microseconds, by operation, of successes, slow failures and quick failures.
        steps: Histograms by operation, and by the step that the portal's ``Server-Timing`` names.
        moments: Histograms of streamed answers, by operation, moment, and how they ended.
        marked: How many streamed answers succeeded, by operation, and by what was seen of them.
        bounds_s: Bounds of all histograms; from `monitoring.histogram_bounds.latency_bounds_s`.
        problems: What makes the run NO VERDICT: code → how often.
        verdict: One of `STATE_NUMBERS`; None before there is one.
    """

    run_id: str = ""
    journeys: str = ""
    profile: str = ""
    contract: str = ""
    results: Mapping[tuple[Operation, Outcome], int] = field(default_factory=dict)
    latencies: Mapping[tuple[Operation, Ending], HdrHistogram] = field(default_factory=dict)
    steps: Mapping[tuple[Operation, str], HdrHistogram] = field(default_factory=dict)
    moments: Mapping[tuple[Operation, Moment, Ending], HdrHistogram] = field(default_factory=dict)
    marked: Mapping[tuple[Operation, Mark], int] = field(default_factory=dict)
    bounds_s: tuple[float, ...] = BOUNDS_S
    users: int = 0
    users_wanted: int = 0
    houses: int = 0
    houses_leased: int = 0
    processes: Sequence[ProcessReading] = ()
    criteria: Sequence[Criterion] = ()
    problems: Mapping[str, int] = field(default_factory=dict)
    verdict: str | None = None
    failures: Sequence[FailureCount] = ()


def render(metrics: RunMetrics) -> bytes:
    """The page, in Prometheus's text format; its type is `CONTENT_TYPE`."""
    registry = CollectorRegistry()
    registry.register(_Collector(metrics))
    return generate_latest(registry)


class _Collector:
    """Gives prometheus_client the metric families."""

    def __init__(self, metrics: RunMetrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from _run(self._metrics)
        yield from _results(self._metrics)
        yield from _processes(self._metrics.processes)
        yield from _judgement(self._metrics)
        yield from _failures(self._metrics.failures)


def _run(run: RunMetrics) -> Iterator[Metric]:
    info = InfoMetricFamily("loadtest_run", "The run that this page is about.", labels=())
    if run.run_id:
        labels = {"run_id": run.run_id, "journeys": run.journeys}
        info.add_metric((), {**labels, "profile": run.profile, "contract": run.contract})
    yield info
    yield GaugeMetricFamily("loadtest_users", "Users that live now.", run.users)
    yield GaugeMetricFamily("loadtest_users_wanted", "Users that the load asks for now.", run.users_wanted)
    yield GaugeMetricFamily("loadtest_houses", "Houses of the fixture.", run.houses)
    yield GaugeMetricFamily(
        "loadtest_houses_leased", "Houses in the hands of a live user.", run.houses_leased
    )


def _results(run: RunMetrics) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "loadtest_requests", "Results, those of the warm-up included.", labels=("operation", "outcome")
    )
    for operation in dict.fromkeys(operation for operation, _ in run.results):
        for outcome in Outcome:  # outcomes without a result too: a rate must begin at 0
            requests.add_metric((operation, outcome), run.results.get((operation, outcome), 0))
    yield requests
    latency = HistogramMetricFamily(
        "loadtest_latency_seconds",
        "How long results took; outcome: success, slow (waited for in vain, at least so long) or failure.",
        labels=("operation", "outcome"),
    )  # fmt: skip
    for (operation, ending), histogram in run.latencies.items():
        latency.add_metric((operation, ending), *cumulative(histogram, run.bounds_s))
    yield latency
    step = HistogramMetricFamily(
        "loadtest_server_step_seconds", "How long the portal says its steps took (Server-Timing).",
        labels=("operation", "step"),
    )  # fmt: skip
    for labels, histogram in run.steps.items():
        step.add_metric(labels, *cumulative(histogram, run.bounds_s))
    yield step
    moment = HistogramMetricFamily(
        "loadtest_stream_seconds",
        "Streamed answers: from sending to a moment, or the largest gap; outcome as of loadtest_latency_seconds.",
        labels=("operation", "moment", "outcome"),
    )
    for names, histogram in run.moments.items():
        moment.add_metric(names, *cumulative(histogram, run.bounds_s))
    yield moment
    marked = CounterMetricFamily(
        "loadtest_streamed_answers", "Streamed answers that succeeded, by what was seen of them.",
        labels=("operation", "mark"),
    )  # fmt: skip
    for operation in dict.fromkeys(operation for operation, _ in run.marked):
        for mark in Mark:
            marked.add_metric((operation, mark), run.marked.get((operation, mark), 0))
    yield marked


def _processes(readings: Sequence[ProcessReading]) -> Iterator[Metric]:
    lag = Metric("loadtest_generator_lag_seconds", "How late a generator's event loop was.", "summary")
    for one in readings:
        quantiles = {"0.5": one.lag_p50_s, "0.95": one.lag_p95_s, "0.99": one.lag_p99_s, "1": one.lag_max_s}
        for quantile, lag_s in quantiles.items():
            if lag_s is not None:
                lag.add_sample(lag.name, {"process": one.process, "quantile": quantile}, lag_s)
    yield lag
    figures: dict[str, tuple[str, list[float | None]]] = {
        "loadtest_generator_cpu_ratio": (
            "Time a generator spent on the processor, as a share of one core.",
            [one.cpu_ratio for one in readings],
        ),
        "loadtest_process_resident_bytes": ("Resident memory.", [one.rss_bytes for one in readings]),
        "loadtest_generator_open_files": ("Files and sockets.", [one.open_files for one in readings]),
        "loadtest_generator_open_files_limit": (
            "Files and sockets a generator may have open.",
            [one.open_files_limit for one in readings],
        ),
    }
    for name, (meaning, values) in figures.items():
        family = GaugeMetricFamily(name, meaning, labels=("process",))
        for one, value in zip(readings, values, strict=True):
            if value is not None:
                family.add_metric((one.process,), value)
        yield family


def _judgement(run: RunMetrics) -> Iterator[Metric]:
    findings = GaugeMetricFamily("loadtest_findings", "Criteria by their state now.", labels=("state",))
    for word in STATE_NUMBERS:
        findings.add_metric((word,), sum(one.state == word for one in run.criteria))
    yield findings
    labels = ("subject", "metric")
    value = GaugeMetricFamily(
        "loadtest_criterion_value", "What a criterion measures, in its metric's unit.", labels=labels
    )
    state = GaugeMetricFamily(
        "loadtest_criterion_state", "0 PASS, 1 WARN, 2 FAIL, 3 NO VERDICT.", labels=labels
    )
    at_least = GaugeMetricFamily(
        "loadtest_criterion_at_least", "Whether the value is a lower bound: 1, or 0.", labels=labels
    )
    for one in run.criteria:
        if one.value is not None:
            value.add_metric((one.subject, one.metric), one.value)
        at_least.add_metric((one.subject, one.metric), float(one.at_least))
        state.add_metric((one.subject, one.metric), STATE_NUMBERS[one.state])
    yield from (value, at_least, state)
    problems = GaugeMetricFamily(
        "loadtest_problems", "What makes the run no verdict, by code.", labels=("code",)
    )
    for code, count in run.problems.items():
        problems.add_metric((code,), count)
    yield problems
    verdict = GaugeMetricFamily("loadtest_verdict_state", "0 PASS, 1 WARN, 2 FAIL, 3 NO VERDICT.", labels=())
    if run.verdict is not None:
        verdict.add_metric((), STATE_NUMBERS[run.verdict])
    yield verdict


def _failures(rows: Iterable[FailureCount]) -> Iterator[Metric]:
    groups: dict[tuple[str, str, str], tuple[int, float]] = {}
    for row in rows:
        key = (row.operation, row.outcome, redact(row.message)[:LONGEST_MESSAGE])
        count, last_s = groups.get(key, (0, 0.0))
        groups[key] = (count + row.count, max(last_s, row.last_seen_s))
    labels = ("operation", "outcome", "message")
    total = CounterMetricFamily("loadtest_failures", "Failures that are alike.", labels=labels)
    last = GaugeMetricFamily(
        "loadtest_failure_last_timestamp_seconds", "When such a failure was last seen.", labels=labels
    )
    most = sorted(groups.items(), key=lambda group: group[1][0], reverse=True)[:MOST_FAILURES]
    for key, (count, last_s) in most:
        total.add_metric(key, count)
        last.add_metric(key, last_s)
    yield from (total, last)
