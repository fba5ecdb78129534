"""Results that the suite measured itself, and the figures that metrics make of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from conf.metric import OF_STREAMS, Metric, MetricKind
from conf.operations import Outcome
from conf.stream_figures import Quantity
from reports.cut_off import CutOff
from reports.judgement.sample import Measured, share_interval
from reports.statistics.latencies import Latencies
from reports.statistics.series import Series

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from conf.stream_figures import Moment
    from conf.subject import Subject
    from conf.thresholds import Limits
    from reports.statistics.certainty import Interval
    from reports.statistics.latencies import Bound

_SHARES = frozenset({MetricKind.SUCCESS_RATIO, MetricKind.RATIO, MetricKind.GOODPUT_RATIO}) | OF_STREAMS
_BAD_SHARES = frozenset({MetricKind.BROKEN_STREAM_RATIO, MetricKind.FAKE_STREAM_RATIO})
AT_ONCE_MS = 0.001
"""A microsecond, the least that a histogram holds."""


class _Share(NamedTuple):
    """
    Args:
        counted: Results that belong to it.
        decided: Results of which it is known whether they do.
        undecided: Results of which it is not known, since the end of the run cut them off.
    """

    counted: int
    decided: int
    undecided: int


@dataclass(frozen=True, slots=True)
class MeasuredSample:
    """
    Results that the suite measured itself.

    Args:
        subject: The subject of a criterion that the results belong to.
        results: By outcome, with durations from sending.
        planned: By outcome, with durations from the planned start; empty where flows had none.
        length_s: Length of the selected part of the run; None where unknown.
        figures: Of streamed answers, by figure, whether from the planned start, and outcome.
        came: As ``figures``, of answers that did not succeed, though the moment came.
        good: Good streamed answers, by the limits that they keep.
        split: Successes, by what a header of the answer said.
    """

    subject: Subject
    results: Mapping[Outcome, Series]
    planned: Mapping[Outcome, Series]
    length_s: float | None
    figures: Mapping[tuple[Moment | Quantity, bool], Mapping[Outcome, Series]] = field(default_factory=dict)
    came: Mapping[tuple[Moment | Quantity, bool], Mapping[Outcome, Series]] = field(default_factory=dict)
    good: Mapping[str, Series] = field(default_factory=dict)
    split: Mapping[str, Series] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        """All results, whatever outcome the subject names."""
        return sum(series.count for series in self.results.values())

    @property
    def attempts(self) -> int:
        """
        All results but those that the end of the run cut off, and those that are counted apart.

        If the subject names an outcome that is counted apart, its share is of all: then they are attempts too.
        """
        decided = self.requests - self.cut_off.count
        if self.subject.outcome is not None and self.subject.outcome.is_apart:
            return decided
        return decided - sum(self.with_outcome(one) for one in Outcome if one.is_apart)

    @property
    def successes(self) -> int:
        """Results that succeeded."""
        return self.with_outcome(Outcome.SUCCESS)

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
        results = self._durations(metric)
        if self.subject.outcome is not None:
            named = {self.subject.outcome}
            return Latencies(_merged([*_present(results, named), *_present(self._came(metric), named)]))
        never = {Outcome.CUT_OFF} if cut_off_lost else set()
        slow = []
        if slower_than_ms is not None:
            others = [outcome for outcome in Outcome if outcome.is_failure and not outcome.is_slow]
            late = [*_present(results, others), *_present(self._came(metric), [*Outcome])]
            slower = [Series.beyond(series, slower_than_ms) for series in late]
            slow = [series for series in slower if series.count]
        failed = (
            {one for one in Outcome if one.is_failure} if metric and metric.attempt and results else set()
        )
        waited = [outcome for outcome in Outcome if outcome.is_slow and outcome not in never | failed]
        # Each failure is one of the whole results, though of a streamed answer it may have no such moment.
        whole = self.planned if metric and metric.planned else self.results
        parts = _present(whole, failed), _present(results, never), _present(self._came(metric), never)
        lost = [Series.never(series) for part in parts for series in part]
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
        share = self._share(metric, limits)
        if share is None or not share.decided:
            return None
        value = share.counted / share.decided
        if self.subject.outcome is Outcome.CUT_OFF:
            return Measured(value)
        of_all = share.decided + share.undecided
        worst = [share.counted / of_all]
        is_bad = metric.kind is MetricKind.RATIO and self.subject.outcome is not Outcome.SUCCESS
        if is_bad or metric.kind in _BAD_SHARES:
            worst.append((share.counted + share.undecided) / of_all)
        return Measured(value, cut_off_failed=tuple(worst))

    def judged_count(self, metric: Metric) -> int | None:
        """How many results the metric is judged by: for a latency, the results that it is computed from."""
        if (metric.planned and not self.planned) or (metric.is_of_stream and not self.figures):
            return None
        if metric.is_latency and self.subject.outcome is None:
            return self.latencies(metric).count
        return self.attempts

    def count(self, metric: Metric) -> int | None:
        """How many results the value rests on; None for a rate and a maximum, of which no interval is given."""
        if metric.kind in OF_STREAMS:
            share = self._share_of_streams(metric.kind)
            return share and share.decided
        if metric.kind in _SHARES:
            return self.attempts
        return (
            self.latencies(metric).count if metric.kind in {MetricKind.PERCENTILE, MetricKind.MEAN} else None
        )

    def interval(self, metric: Metric, limits: Limits) -> Interval | None:
        """The value's 95 % interval; None where there is none, or too few results for one."""
        if metric.kind in _SHARES:
            share = self._share(metric, limits)
            return share_interval(share.counted, share.decided) if share else None
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
        counted = self.with_outcome(outcome)
        more = 0 if outcome in {Outcome.SUCCESS, Outcome.CUT_OFF} else self.cut_off.count
        return Measured(counted / self.length_s, cut_off_failed=((counted + more) / self.length_s,))

    def _share(self, metric: Metric, limits: Limits) -> _Share | None:
        """
        The results that belong to a share, and those of which it is known; None where the run did not look at it.

        A request that was cut off is undecided, unless it had already waited longer than a quick answer may take.
        """
        cut_off = self.cut_off.count
        match metric.kind:
            case kind if kind in OF_STREAMS:
                return self._share_of_streams(kind)
            case MetricKind.GOODPUT_RATIO:
                assert limits.within_ms is not None
                waits = self.results.get(Outcome.CUT_OFF)
                undecided = waits.whole.count_within(limits.within_ms) if waits else 0
                good = self._good(limits)
                return None if good is None else _Share(good, self.attempts + cut_off - undecided, undecided)
        outcome = self.subject.outcome or Outcome.SUCCESS
        if outcome is Outcome.CUT_OFF:
            return _Share(cut_off, self.requests, 0)
        return _Share(self.with_outcome(outcome), self.attempts, cut_off)

    def _share_of_streams(self, kind: MetricKind) -> _Share | None:
        if not self.figures:
            return None
        if kind is MetricKind.BROKEN_STREAM_RATIO:
            broken = self.with_outcome(Outcome.TRUNCATED) + self.with_outcome(Outcome.STREAM_ERROR)
            return _Share(broken, self.attempts, self.cut_off.count)
        read = self._figure(Quantity.WAITED).get(
            Outcome.SUCCESS, Series()
        )  # one of each, and of no whole answer
        if kind is MetricKind.FAKE_STREAM_RATIO:
            fake = self._figure(Quantity.FAKE).get(Outcome.SUCCESS, Series())
            return _Share(fake.count, read.count, self.cut_off.count)
        waited_for = sum(self.with_outcome(one) for one in Outcome if one.is_slow and one.is_failure)
        kept = read.whole.count_within(AT_ONCE_MS)
        return _Share(kept, read.count + waited_for, self.cut_off.count)

    def _good(self, limits: Limits) -> int | None:
        """Results that are good by *limits*; None where the run looked at streamed answers by other limits."""
        if limits.within is None:
            series = self.results.get(Outcome.SUCCESS)
            return series.whole.count_within(limits.within_ms or 0) if series else 0
        series = self.good.get(str(limits.within))
        if series is None:
            return None if self.successes else 0
        return series.whole.count_within(AT_ONCE_MS)

    def _durations(self, metric: Metric | None) -> Mapping[Outcome, Series]:
        if metric is None or metric.moment is None:
            return self.planned if metric and metric.planned else self.results
        return self._figure(metric.moment, planned=metric.planned)

    def _came(self, metric: Metric | None) -> Mapping[Outcome, Series]:
        if metric is None or metric.moment is None:
            return {}
        return self.came.get((metric.moment, metric.planned), {})

    def _figure(self, figure: Moment | Quantity, *, planned: bool = False) -> Mapping[Outcome, Series]:
        return self.figures.get((figure, planned), {})

    def with_outcome(self, outcome: Outcome) -> int:
        """How many results ended so."""
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
