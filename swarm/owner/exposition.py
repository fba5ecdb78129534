"""The present figures of a run, for its Prometheus page."""

from __future__ import annotations

from locust.stats import StatsError

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from conf.stream_figures import Moment, Quantity
from monitoring.histogram_bounds import latency_bounds_s
from monitoring.measurement import new_histogram
from monitoring.run_metrics import Criterion, Ending, FailureCount, Mark, ProcessReading, RunMetrics
from reports.judgement.measured_sample import AT_ONCE_MS
from reports.reading.locust_csv import parse_failure
from reports.wording.sentences import CONSEQUENCES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hdrh.histogram import HdrHistogram

    from conf.operations import Operation, Outcome
    from reports.reading.measurement_log import Measurements
    from reports.record import Verdict
    from swarm.owner.run import Run


class Totals(NamedTuple):
    """All measurements since the start of a run, warm-up included: counts, and histograms in microseconds."""

    results: dict[tuple[Operation, Outcome], int]
    latencies: dict[tuple[Operation, Ending], HdrHistogram]
    steps: dict[tuple[Operation, str], HdrHistogram]
    moments: dict[tuple[Operation, Moment, Ending], HdrHistogram]
    marked: dict[tuple[Operation, Mark], int]


def build_totals(measurements: Measurements) -> Totals:
    """Add up the measurements of all steps."""
    results: Counter[tuple[Operation, Outcome]] = Counter()
    latencies: dict[tuple[Operation, Ending], HdrHistogram] = {}
    steps: dict[tuple[Operation, str], HdrHistogram] = {}
    moments: dict[tuple[Operation, Moment, Ending], HdrHistogram] = {}
    marked: Counter[tuple[Operation, Mark]] = Counter()
    for tag, series in measurements.items():
        histogram = series.whole.as_histogram()
        if tag.server_step:
            steps.setdefault((tag.operation, tag.server_step), new_histogram()).add(histogram)
        elif tag.is_result:
            results[tag.operation, tag.outcome] += series.count
            if not tag.outcome.is_apart:
                key = tag.operation, Ending.of(tag.outcome)
                latencies.setdefault(key, new_histogram()).add(histogram)
        elif isinstance(tag.figure, Moment) and not tag.planned and not tag.split:
            moment = tag.operation, tag.figure, Ending.of(tag.outcome)
            moments.setdefault(moment, new_histogram()).add(histogram)
        elif tag.figure is Quantity.FAKE:
            marked[tag.operation, Mark.FAKE] += series.count
        elif tag.figure is Quantity.WAITED:
            read = series.whole.count_within(AT_ONCE_MS)
            marked[tag.operation, Mark.READ] += read
            marked[tag.operation, Mark.WAITED_FOR] += series.count - read
    return Totals(results, latencies, steps, moments, marked)


def build_run_metrics(run: Run, verdict: Verdict, totals: Totals) -> RunMetrics:
    """
    The figures of *run* that the page shows.

    For a run under way, having too few results is not a problem yet.
    """
    settings = run.choice.settings
    return RunMetrics(
        run_id=verdict.run_id,
        journeys="+".join(verdict.journeys),
        profile=settings.run.profile,
        contract=settings.target.contract,
        results=totals.results,
        latencies=totals.latencies,
        steps=totals.steps,
        moments=totals.moments,
        marked=totals.marked,
        bounds_s=latency_bounds_s(settings.thresholds),
        users=run.runner.user_count if run.ending.is_under_way else 0,
        users_wanted=run.users.wanted,
        houses=len(run.dealer),
        houses_leased=run.dealer.leased if run.ending.is_under_way else 0,
        processes=list(_processes(run)),
        criteria=[
            Criterion(f.subject, f.metric, f.value, f.state.word, f.at_least)
            for f in verdict.findings
            if f.state is not None
        ],
        problems=Counter(
            problem.code
            for problem in verdict.problems
            if not (run.ending.is_under_way and problem.code in CONSEQUENCES)
        ),
        verdict=verdict.state.word,
        failures=list(_failures(run)),
    )


def _failures(run: Run) -> Iterator[FailureCount]:
    for error in run.environment.stats.errors.values():
        row = parse_failure(error.method, error.name, StatsError.parse_error(error.error), error.occurrences)
        yield FailureCount(row.name, row.outcome or "", row.message, row.count, error.last_seen or 0.0)


def _processes(run: Run) -> Iterator[ProcessReading]:
    rss_bytes = dict(run.memory.rss_bytes)
    for process, contribution in run.processes.items():
        last, lag = contribution.last, contribution.lag
        if last is None or contribution.lost:
            continue
        p50, p95, p99 = (lag.get_value_at_percentile(percent) / 1e6 for percent in (50, 95, 99))
        yield ProcessReading(
            process=process,
            rss_bytes=rss_bytes.pop(process, last.rss_bytes),
            cpu_ratio=last.cpu_ratio,
            open_files=last.open_files,
            open_files_limit=last.open_files_limit,
            lag_p50_s=p50,
            lag_p95_s=p95,
            lag_p99_s=p99,
            lag_max_s=lag.get_max_value() / 1e6,
        )
    for process, rss in rss_bytes.items():
        yield ProcessReading(process=process, rss_bytes=rss)
