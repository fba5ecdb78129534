"""The results that a criterion is about, and what its metric makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from conf.metric import Metric, MetricKind
from conf.operations import Outcome
from conf.subject import Subject
from reports.certainty import Interval, Method, mean_interval, percentile_interval, ratio_interval
from reports.series import Series

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from conf.operations import Operation
    from conf.thresholds import Limits
    from reports.locust_csv import StatsRow
    from reports.manifest import Manifest, StepSpan
    from reports.measurement_log import Measurements
    from reports.record import Latency

_RANDOM_SEED = 17
"""Of the bootstrap: the same run is always judged the same."""
_SHARES = frozenset({MetricKind.SUCCESS_RATIO, MetricKind.RATIO, MetricKind.GOODPUT_RATIO})


class Sample(Protocol):
    """Results of one subject."""

    @property
    def requests(self) -> int:
        """All results."""

    @property
    def successes(self) -> int:
        """Results that succeeded."""

    def value(self, metric: Metric, limits: Limits) -> float | None:
        """In the metric's unit; None where it was not measured."""

    def count(self, metric: Metric) -> int | None:
        """How many results the value rests on; None where that says nothing of how sure it is."""

    def interval(self, metric: Metric, limits: Limits) -> Interval | None:
        """The value's 95 % interval; None where there is none, or too few results for one."""


@dataclass(frozen=True, slots=True)
class MeasuredSample:
    """
    Results that the suite measured itself.

    Args:
        subject: What was selected.
        results: By outcome, from sending.
        planned: By outcome, from the planned start; empty where flows had none.
        length_s: Length of the selected part of the run; None where unknown.
    """

    subject: Subject
    results: Mapping[Outcome, Series]
    planned: Mapping[Outcome, Series]
    length_s: float | None

    @property
    def requests(self) -> int:
        """All results, whatever outcome the subject names."""
        return sum(series.count for series in self.results.values())

    @property
    def successes(self) -> int:
        """Results that succeeded."""
        return self.results[Outcome.SUCCESS].count if Outcome.SUCCESS in self.results else 0

    def series(self, metric: Metric) -> Series:
        """What a latency is computed from: results of the subject's outcome, which is success by default."""
        accounts = self.planned if metric.planned else self.results
        return accounts.get(self.subject.outcome or Outcome.SUCCESS) or Series()

    def within(self, limit_ms: float) -> int:
        """Successes that took at most so long."""
        series = self.results.get(Outcome.SUCCESS)
        return series.whole.count_within(limit_ms) if series else 0

    def value(self, metric: Metric, limits: Limits) -> float | None:
        """In the metric's unit; None where it was not measured."""
        match metric.kind:
            case MetricKind.SUCCESS_RATIO:
                return self._share(self.successes)
            case MetricKind.RATIO:
                return self._share(self.series(metric).count)
            case MetricKind.GOODPUT_RATIO:
                assert limits.within_ms is not None
                return self._share(self.within(limits.within_ms))
            case MetricKind.PER_SECOND:
                return self.series(metric).count / self.length_s if self.length_s and self.requests else None
            case MetricKind.PERCENTILE:
                distribution = self.series(metric).whole
                assert metric.percent is not None
                return distribution.percentile(metric.percent) if distribution.count else None
        latency = self.series(metric).whole.latency()
        return latency.mean_ms if metric.kind is MetricKind.MEAN else latency.max_ms

    def count(self, metric: Metric) -> int | None:
        """How many results the value rests on; None for a rate and a maximum, of which no interval is given."""
        if metric.kind in _SHARES:
            return self.requests
        return self.series(metric).count if metric.kind in {MetricKind.PERCENTILE, MetricKind.MEAN} else None

    def interval(self, metric: Metric, limits: Limits) -> Interval | None:
        """The value's 95 % interval; None where there is none, or too few results for one."""
        random = np.random.default_rng(_RANDOM_SEED)
        match metric.kind:
            case MetricKind.SUCCESS_RATIO:
                return _share_interval(self.successes, self.requests)
            case MetricKind.RATIO:
                return _share_interval(self.series(metric).count, self.requests)
            case MetricKind.GOODPUT_RATIO:
                assert limits.within_ms is not None
                return _share_interval(self.within(limits.within_ms), self.requests)
            case MetricKind.PERCENTILE:
                assert metric.percent is not None
                return percentile_interval(self.series(metric).windows(), metric.percent, random=random)
            case MetricKind.MEAN:
                return mean_interval(self.series(metric).windows(), random=random)
        return None

    def _share(self, count: int) -> float | None:
        return count / self.requests if self.requests else None


def _share_interval(count: int, requests: int) -> Interval | None:
    ends = ratio_interval(count, requests)
    return Interval(*ends, Method.CLOPPER_PEARSON) if ends else None


@dataclass(frozen=True, slots=True)
class LocustSample:
    """Results of which there is only a row of Locust's statistics: no outcomes, no steps, no planned starts."""

    row: StatsRow

    @property
    def requests(self) -> int:
        """All results."""
        return self.row.requests

    @property
    def successes(self) -> int:
        """Results that succeeded."""
        return self.row.requests - self.row.failures

    def value(self, metric: Metric, _: Limits) -> float | None:
        """In the metric's unit; None where Locust does not keep it."""
        latency: Latency = self.row.latency
        match metric:
            case Metric(MetricKind.SUCCESS_RATIO):
                return self.successes / self.requests if self.requests else None
            case Metric(MetricKind.PER_SECOND):
                return self.row.per_second
            case Metric(MetricKind.PERCENTILE, float(percent), False):
                return self.row.percentiles.get(percent)
            case Metric(MetricKind.MEAN, _, False):
                return latency.mean_ms
            case Metric(MetricKind.MAX, _, False):
                return latency.max_ms
        return None

    def count(self, metric: Metric) -> int | None:
        """Known for the share of successes alone: of the latencies Locust keeps too little."""
        return self.requests if metric.kind is MetricKind.SUCCESS_RATIO else None

    def interval(self, metric: Metric, _: Limits) -> Interval | None:
        """Of the share of successes."""
        return _share_interval(self.successes, self.requests) if self.count(metric) is not None else None


def select_sample(measurements: Measurements, subject: Subject, manifest: Manifest | None) -> MeasuredSample:
    """
    The results of *subject*; those of the warm-up are never among them.

    A step is named by its number of users; where several steps have as many, it is all of them.
    """
    spans = [span for span in manifest.steps if subject.users in {None, span.users}] if manifest else []
    steps = None if subject.users is None else {span.index for span in spans}
    length_s = (
        None if manifest is None else sum(span.length_s for span in spans) if spans else manifest.judged_s
    )
    return build_sample(measurements, subject, steps, length_s)


def select_step(
    measurements: Measurements, operation: Operation, index: int, span: StepSpan | None
) -> MeasuredSample:
    """The results of one operation in one step."""
    return build_sample(measurements, Subject(operation), {index}, span.length_s if span else None)


def build_sample(
    measurements: Measurements, subject: Subject, steps: Collection[int] | None, length_s: float | None
) -> MeasuredSample:
    """
    The results of a subject's operation.

    Args:
        measurements: Where they are.
        subject: Its operation and outcome count; its users are what *steps* stands for.
        steps: Only these; None: all but the warm-up.
        length_s: How long these steps were.
    """
    chosen = {
        tag: series
        for tag, series in measurements.items()
        if tag.operation is subject.operation
        and tag.is_judged
        and not tag.server_step
        and (steps is None or tag.step in steps)
    }
    return MeasuredSample(
        subject, _by_outcome(chosen, planned=False), _by_outcome(chosen, planned=True), length_s
    )


def _by_outcome(chosen: Measurements, *, planned: bool) -> dict[Outcome, Series]:
    found = {
        outcome: [
            series for tag, series in chosen.items() if tag.outcome is outcome and tag.planned is planned
        ]
        for outcome in Outcome
    }
    return {outcome: Series.merged(parts) for outcome, parts in found.items() if parts}
