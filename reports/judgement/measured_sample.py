"""Results that the suite measured itself, and the figures that metrics make of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conf.metric import Metric, MetricKind
from conf.operations import Outcome
from reports.cut_off import CutOff
from reports.judgement.sample import Measured, share_interval
from reports.statistics.latencies import Latencies
from reports.statistics.series import Series

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from conf.subject import Subject
    from conf.thresholds import Limits
    from reports.statistics.certainty import Interval
    from reports.statistics.latencies import Bound

_SHARES = frozenset({MetricKind.SUCCESS_RATIO, MetricKind.RATIO, MetricKind.GOODPUT_RATIO})


@dataclass(frozen=True, slots=True)
class MeasuredSample:
    """
    Results that the suite measured itself.

    Args:
        subject: The subject of a criterion that the results belong to.
        results: By outcome, with durations from sending.
        planned: By outcome, with durations from the planned start; empty where flows had none.
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
    def attempts(self) -> int:
        """All results but those that the end of the run cut off."""
        return self.requests - self.cut_off.count

    @property
    def successes(self) -> int:
        """Results that succeeded."""
        return self._count(Outcome.SUCCESS)

    @property
    def cut_off(self) -> CutOff:
        """Requests that the end of the run cut off."""
        series = self.results.get(Outcome.CUT_OFF)
        return CutOff(series.count, series.whole.latency().max_ms) if series else CutOff()

    def latencies(
        self,
        metric: Metric | None = None,
        *,
        cut_off_lost: bool = False,
        slower_than_ms: float | None = None,
    ) -> Latencies:
        """
        The results that a latency is computed from: the answers, and requests waited for in vain.

        If the subject names an outcome, they are the results with that outcome, unchanged.

        Args:
            metric: Says whether latencies count from the planned start, and whether a failure counts as never answered.
            cut_off_lost: Whether requests that were cut off count as never answered.
            slower_than_ms: A failure of any other kind that took longer counts as waited for in vain too. Quicker ones
                have no latency; without this limit, none of them has one.
        """
        results = self.planned if metric and metric.planned else self.results
        if self.subject.outcome is not None:
            return Latencies(results.get(self.subject.outcome) or Series())
        never = {Outcome.CUT_OFF} if cut_off_lost else set()
        slow = []
        if slower_than_ms is not None:
            others = [
                outcome for outcome in Outcome if outcome is not Outcome.SUCCESS and not outcome.is_slow
            ]
            slower = [Series.beyond(series, slower_than_ms) for series in _present(results, others)]
            slow = [series for series in slower if series.count]
        if metric and metric.attempt:
            never |= {*Outcome} - {Outcome.SUCCESS, Outcome.CUT_OFF}
        waited = [outcome for outcome in Outcome if outcome.is_slow and outcome not in never]
        lost = [Series.never(series) for series in _present(results, never)]
        return Latencies(
            _merged([*_present(results, [Outcome.SUCCESS]), *lost]),
            _merged([*_present(results, waited), *slow]),
        )

    def measured(self, metric: Metric, limits: Limits) -> Measured | None:
        """The figure; None where it was not measured."""
        if metric.is_latency:
            return self._measured_latency(metric, limits)
        if metric.kind is MetricKind.PER_SECOND:
            return self._measured_rate()
        if not self.requests:
            return None
        counted, cut_off = self._counted(metric, limits), self.cut_off.count
        worst = [counted / self.requests]
        if self.subject.outcome is Outcome.CUT_OFF:
            return Measured(worst[0])
        if metric.kind is MetricKind.RATIO and self.subject.outcome is not Outcome.SUCCESS:
            worst.append((counted + cut_off) / self.requests)
        decided = self._decided(metric, limits)
        return Measured(counted / decided, cut_off_failed=tuple(worst)) if decided else None

    def judged_count(self, metric: Metric) -> int | None:
        """How many results the metric is judged by: for a latency, the results that it is computed from."""
        if metric.planned and not self.planned:
            return None
        if metric.is_latency and self.subject.outcome is None:
            return self.latencies(metric).count
        return self.attempts

    def count(self, metric: Metric) -> int | None:
        """How many results the value rests on; None for a rate and a maximum, of which no interval is given."""
        if metric.kind in _SHARES:
            return self.attempts
        return (
            self.latencies(metric).count if metric.kind in {MetricKind.PERCENTILE, MetricKind.MEAN} else None
        )

    def interval(self, metric: Metric, limits: Limits) -> Interval | None:
        """The value's 95 % interval; None where there is none, or too few results for one."""
        if metric.kind in _SHARES:
            return share_interval(self._counted(metric, limits), self._decided(metric, limits))
        if metric.kind is MetricKind.PERCENTILE:
            assert metric.percent is not None
            found = self.latencies(metric, slower_than_ms=_slower_than_ms(metric, limits))
            return found.percentile_interval(metric.percent)
        return self.latencies(metric).mean_interval() if metric.kind is MetricKind.MEAN else None

    def _measured_latency(self, metric: Metric, limits: Limits) -> Measured | None:
        slower_than_ms = _slower_than_ms(metric, limits)
        bound = _bound(self.latencies(metric, slower_than_ms=slower_than_ms), metric)
        if bound is None:
            return None
        worst: Bound | None = bound
        if self.cut_off.count:
            lost = self.latencies(metric, cut_off_lost=True, slower_than_ms=slower_than_ms)
            worst = _bound(lost, metric)
        assert worst is not None
        return Measured(bound.value, bound.at_least, (worst.value,), (bound.worst,))

    def _measured_rate(self) -> Measured | None:
        if not self.length_s or not self.requests:
            return None
        outcome = self.subject.outcome or Outcome.SUCCESS
        counted = self._count(outcome)
        more = 0 if outcome in {Outcome.SUCCESS, Outcome.CUT_OFF} else self.cut_off.count
        return Measured(counted / self.length_s, cut_off_failed=((counted + more) / self.length_s,))

    def _counted(self, metric: Metric, limits: Limits) -> int:
        """The number of decided results that belong to a share."""
        if metric.kind is not MetricKind.GOODPUT_RATIO:
            return self._count(self.subject.outcome or Outcome.SUCCESS)
        assert limits.within_ms is not None
        series = self.results.get(Outcome.SUCCESS)
        return series.whole.count_within(limits.within_ms) if series else 0

    def _decided(self, metric: Metric, limits: Limits) -> int:
        """
        The number of results of which it is known whether they belong to a share.

        A request that was cut off is undecided, unless it had already waited longer than a quick answer may take.
        """
        if self.subject.outcome is Outcome.CUT_OFF:
            return self.requests
        cut_off = self.results.get(Outcome.CUT_OFF)
        if metric.kind is not MetricKind.GOODPUT_RATIO or not cut_off:
            return self.attempts
        assert limits.within_ms is not None
        return self.requests - cut_off.whole.count_within(limits.within_ms)

    def _count(self, outcome: Outcome) -> int:
        return self.results[outcome].count if outcome in self.results else 0


def _slower_than_ms(metric: Metric, limits: Limits) -> float | None:
    """
    A failure slower than this counts as a slow answer in percentiles and the maximum.

    It is the outermost limit of the criterion, so that late errors cannot make a latency look better.
    """
    if metric.attempt or metric.kind is MetricKind.MEAN:
        return None
    return limits.fail_above if limits.fail_above is not None else limits.pass_below


def _bound(latencies: Latencies, metric: Metric) -> Bound | None:
    if metric.kind is MetricKind.PERCENTILE:
        assert metric.percent is not None
        return latencies.percentile(metric.percent)
    return latencies.mean() if metric.kind is MetricKind.MEAN else latencies.maximum()


def _present(results: Mapping[Outcome, Series], outcomes: Collection[Outcome]) -> list[Series]:
    return [results[outcome] for outcome in Outcome if outcome in outcomes and outcome in results]


def _merged(parts: Sequence[Series]) -> Series:
    return parts[0] if len(parts) == 1 else Series.merged(parts)
