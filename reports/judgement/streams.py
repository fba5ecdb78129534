"""What homeowners saw of streamed answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.metric import Metric, MetricKind
from conf.operations import Operation, Outcome
from conf.stream_figures import STALL_S, Moment, Quantity
from conf.subject import Subject
from reports.judgement.measured_sample import AT_ONCE_MS
from reports.judgement.selection import select_sample
from reports.rows import MomentRow, StreamRow
from reports.statistics.distribution import Latency
from reports.statistics.series import Series

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reports.judgement.measured_sample import MeasuredSample
    from reports.manifest import Manifest
    from reports.reading.measurement_log import Measurements

_US_PER_MS = 1000


def build_stream_rows(measurements: Measurements, manifest: Manifest | None) -> list[StreamRow]:
    """
    One row per operation with streamed answers.

    Args:
        measurements: The measurements of the whole run; results of the warm-up are left out.
        manifest: Gives the times of the steps.
    """
    streamed = {tag.operation for tag in measurements if tag.figure and tag.is_judged}
    samples = (select_sample(measurements, Subject(op), manifest) for op in Operation if op in streamed)
    return [_row(sample) for sample in samples]


def _row(sample: MeasuredSample) -> StreamRow:
    assert sample.subject.operation is not None
    answers, gaps, read = (
        sample.successes,
        _successes(sample, Quantity.GAP),
        _successes(sample, Quantity.WAITED),
    )
    stalled = _successes(sample, Quantity.STALLED)
    tokens = _successes(sample, Quantity.TOKENS)
    each = {
        quantity: _sum_ms(_successes(sample, quantity)) * _US_PER_MS / answers if answers else 0.0
        for quantity in (Quantity.CONTENTS, Quantity.CHARACTERS, Quantity.WORDS, Quantity.HEARTBEATS)
    }
    return StreamRow(
        operation=sample.subject.operation,
        answers=answers,
        moments=tuple(_moments(sample)),
        gaps=gaps.whole.latency(),
        stalls=gaps.count - gaps.whole.count_within(STALL_S * 1000),
        stalled_s=_sum_ms(stalled) / 1000,
        read=read.whole.count_within(AT_ONCE_MS),
        fake=_successes(sample, Quantity.FAKE).count,
        contents=each[Quantity.CONTENTS],
        characters=each[Quantity.CHARACTERS],
        words=each[Quantity.WORDS],
        heartbeats=each[Quantity.HEARTBEATS],
        tokens=_sum_ms(tokens) * _US_PER_MS / tokens.count if tokens.count else None,
    )


def _moments(sample: MeasuredSample) -> Iterator[MomentRow]:
    for moment in Moment:
        found = sample.latencies(Metric(MetricKind.PERCENTILE, moment=moment))
        if found.count:
            yield MomentRow(moment, found.count, found.summary() or Latency())


def _successes(sample: MeasuredSample, quantity: Quantity) -> Series:
    return sample.figures.get((quantity, False), {}).get(Outcome.SUCCESS) or Series()


def _sum_ms(series: Series) -> float:
    return (series.whole.latency().mean_ms or 0.0) * series.count
