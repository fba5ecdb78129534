"""The results that a criterion is about, and what its metric makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from conf.metric import Metric, MetricKind
from conf.operations import Outcome
from conf.subject import Subject
from reports.cut_off import CutOff
from reports.statistics.certainty import Interval, Method, ratio_interval
from reports.statistics.latencies import Latencies
from reports.statistics.series import Series

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from conf.operations import Operation
    from conf.thresholds import Limits
    from reports.manifest import Manifest, StepSpan
    from reports.reading.measurement_log import Measurements
    from reports.statistics.latencies import Bound

_SHARES = frozenset({MetricKind.SUCCESS_RATIO, MetricKind.RATIO, MetricKind.GOODPUT_RATIO})


class Measured(NamedTuple):
    """
    A figure, and what else it may be; in the metric's unit.

    Args:
        value: Infinite where it lies among requests that were never answered.
        at_least: Whether the value is a lower bound.
        cut_off_failed: What it would be if all that the end of the run cut off had failed, at worst.
        never_answered: What it would be if what timed out had never been answered either.
    """

    value: float
    at_least: bool = False
    cut_off_failed: tuple[float, ...] = ()
    never_answered: tuple[float, ...] = ()


class Sample(Protocol):
    """Results of one subject."""

    @property
    def attempts(self) -> int:
        """All results but those that the end of the run cut off."""

    @property
    def successes(self) -> int:
        """Results that succeeded."""

    @property
    def cut_off(self) -> CutOff:
        """What the end of the run cut off."""

    def measured(self, metric: Metric, limits: Limits) -> Measured | None:
        """The figure; None where it was not measured."""

    def judged_count(self, metric: Metric) -> int | None:
        """How many results there are to judge the metric by; None where the metric does not apply to them."""

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
    def attempts(self) -> int:
        """All results but those that the end of the run cut off."""
        return self.requests - self.cut_off.count

    @property
    def successes(self) -> int:
        """Results that succeeded."""
        return self._count(Outcome.SUCCESS)

    @property
    def cut_off(self) -> CutOff:
        """What the end of the run cut off."""
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
        What a latency is computed from: the answers, and what was waited for in vain.

        Of a subject that names an outcome, it is the results with that outcome as they are.

        Args:
            metric: Says from where latencies count, and whether a failure counts as never answered.
            cut_off_lost: Whether what the end of the run cut off counts as never answered.
            slower_than_ms: A failure of any other kind that took longer was waited for in vain too; quicker ones, and
                without a limit all of them, have no latency.
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
        """How many results there are to judge the metric by: of a latency those that it is computed from."""
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
        """What a share is of: these results among those that are decided."""
        if metric.kind is not MetricKind.GOODPUT_RATIO:
            return self._count(self.subject.outcome or Outcome.SUCCESS)
        assert limits.within_ms is not None
        series = self.results.get(Outcome.SUCCESS)
        return series.whole.count_within(limits.within_ms) if series else 0

    def _decided(self, metric: Metric, limits: Limits) -> int:
        """
        Results of which it is known whether they belong to a share.

        What was cut off is not decided; but where it had waited for longer than an answer may take, no quick answer.
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
    From where on a failure of any kind is one that a percentile or a maximum must not be spared: beyond all its limits.

    An error that comes after half a minute is no quick failure: whether an answer was there in time, it says no.
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


def share_interval(count: int, requests: int) -> Interval | None:
    """The 95 % interval of a share; None where there is nothing that it is of."""
    ends = ratio_interval(count, requests)
    return Interval(*ends, Method.CLOPPER_PEARSON) if ends else None


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
