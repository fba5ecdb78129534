"""What Locust's own statistics say about a criterion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conf.metric import Metric, MetricKind
from conf.stream_figures import Moment
from reports.cut_off import CutOff
from reports.judgement.sample import Measured, share_interval

if TYPE_CHECKING:
    from conf.thresholds import Limits
    from reports.reading.locust_csv import StatsRow
    from reports.statistics.certainty import Interval


@dataclass(frozen=True, slots=True)
class LocustSample:
    """Results known only from a row of Locust's statistics: without outcomes, steps or planned starts."""

    row: StatsRow

    @property
    def attempts(self) -> int:
        """All results."""
        return self.row.requests

    @property
    def successes(self) -> int:
        """Results that succeeded."""
        return self.row.requests - self.row.failures

    @property
    def cut_off(self) -> CutOff:
        """Always empty: Locust does not count requests that were cut off."""
        return CutOff()

    def measured(self, metric: Metric, _: Limits) -> Measured | None:
        """The figure; None where Locust does not keep it."""
        latency = self.row.latency
        value = None
        match metric:
            case Metric(MetricKind.SUCCESS_RATIO):
                value = self.successes / self.attempts if self.attempts else None
            case Metric(MetricKind.PER_SECOND):
                value = self._successes_per_second()
            case Metric(moment=Moment()):
                pass
            case Metric(MetricKind.PERCENTILE, float(percent), False, False):
                value = self.row.percentiles.get(percent)
            case Metric(MetricKind.MEAN, _, False):
                value = latency.mean_ms
            case Metric(MetricKind.MAX, _, False):
                value = latency.max_ms
        return None if value is None else Measured(value)

    def _successes_per_second(self) -> float | None:
        """Successes per second, as a share of Locust's rate of all requests."""
        rate = self.row.per_second
        return rate * self.successes / self.attempts if rate is not None and self.attempts else None

    def judged_count(self, metric: Metric) -> int:
        """How many results the metric is judged by; the answers for a latency, although Locust mixes failures in."""
        return self.successes if metric.is_latency else self.attempts

    def count(self, metric: Metric) -> int | None:
        """Known for the share of successes alone: Locust keeps too little of the latencies."""
        return self.attempts if metric.kind is MetricKind.SUCCESS_RATIO else None

    def interval(self, metric: Metric, _: Limits) -> Interval | None:
        """The interval of the share of successes; None for every other metric."""
        return share_interval(self.successes, self.attempts) if self.count(metric) is not None else None
