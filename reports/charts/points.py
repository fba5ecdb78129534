"""From measurements to the points of the charts."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypedDict

import numpy as np

from conf.operations import Operation, Outcome
from conf.stream_figures import Quantity
from conf.subject import Subject
from reports.course import Bin, Course, CurvePoint, OperationCourse, UserLevel, Window
from reports.judgement.selection import select_sample
from reports.statistics.distribution import NOTHING, nearest_rank, upper_edges_ms
from reports.statistics.latencies import SHOWN, percentile
from reports.statistics.series import Series

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reports.judgement.measured_sample import MeasuredSample
    from reports.manifest import Manifest
    from reports.reading.measurement_log import Measurements
    from reports.statistics.distribution import Counts
    from reports.statistics.latencies import Latencies

_MOST_WINDOWS = 360
"""Windows of all operations of a run together, at most 120 of each, so that the record stays below 300 kB."""
_MOST_BINS = 60
_MOST_LEVELS = 240
_LEAST_GAP_S = 0.5
_PERCENTS = (
    *range(0, 95, 5), 92.5, 95, 96, 97, 98, 98.5, 99, 99.25, 99.5, 99.7, 99.8, 99.9, 99.95, 99.98, 99.99,
    99.995, 99.999,
)  # fmt: skip


def build_course(
    measurements: Measurements, users: Sequence[tuple[float, int]], manifest: Manifest | None
) -> Course | None:
    """
    The values that the charts show; None where nothing was measured.

    Args:
        measurements: The measurements of the whole run.
        users: Moments in seconds since the epoch, with the number of users.
        manifest: Gives the start of the run; without it, the run starts with its first results.
    """
    measured = {tag: series for tag, series in measurements.items() if tag.is_result and series.count}
    if not measured:
        return None
    clock = _read_clock(measured, manifest)
    present = {tag.operation for tag in measured}
    return Course(
        users=_levels(users, clock.began_s),
        operations=tuple(
            _operation_course(
                operation,
                measured,
                _server_steps(operation, measurements, clock.width_s, manifest),
                clock,
                select_sample(measurements, Subject(operation), manifest),
            )
            for operation in Operation
            if operation in present
        ),
    )


class _Percentiles(TypedDict):
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    at_least: tuple[str, ...]


class _Clock(NamedTuple):
    """Windows of *width_s*: number of a window → the time that it covers, in seconds since the epoch."""

    began_s: float
    width_s: float
    spans_s: dict[int, tuple[float, float]]


def _read_clock(measured: Measurements, manifest: Manifest | None) -> _Clock:
    width_s = max(series.width_s for series in measured.values())
    most = _MOST_WINDOWS // max(len({tag.operation for tag in measured}), 3)
    while max(spans_s := _spans_s(measured, width_s)) - min(spans_s) >= most:
        width_s *= 2
    first_s = min(start for start, _ in spans_s.values())
    return _Clock(manifest.started_at.timestamp() if manifest else first_s, width_s, spans_s)


def _spans_s(measured: Measurements, width_s: float) -> dict[int, tuple[float, float]]:
    """Number of a window → the time that its intervals cover, over all operations."""
    found: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for series in measured.values():
        for number, span_s in series.spans_s(width_s).items():
            found[number].append(span_s)
    return {
        number: (min(start for start, _ in spans), max(end for _, end in spans))
        for number, spans in sorted(found.items())
    }


def _server_steps(
    operation: Operation, measurements: Measurements, width_s: float, manifest: Manifest | None
) -> dict[str, dict[int, Counts]]:
    """Label of a step → number of a window → answers."""
    labels = manifest.server_step_labels.get(operation, {}) if manifest else {}
    found: defaultdict[str, list[Series]] = defaultdict(list)
    for tag, series in measurements.items():
        if tag.operation is operation and tag.server_step:
            found[tag.server_step].append(series)
    known = [name for name in labels if name in found] + sorted(set(found) - set(labels))
    return {labels.get(name, name): _windows(found[name], width_s) for name in known}


def _operation_course(
    operation: Operation,
    measured: Measurements,
    steps: dict[str, dict[int, Counts]],
    clock: _Clock,
    sample: MeasuredSample,
) -> OperationCourse:
    found: defaultdict[Outcome, list[Series]] = defaultdict(list)
    for tag, series in measured.items():
        if tag.operation is operation:
            found[tag.outcome].append(series)
    counts = {outcome: _windows(parts, clock.width_s) for outcome, parts in found.items()}
    outcomes = tuple(
        outcome
        for outcome in Outcome
        if outcome is not Outcome.SUCCESS and not outcome.is_apart and outcome in counts
    )
    succeeded = counts.get(Outcome.SUCCESS, {})
    waited = _windows([part for one in found if one.is_slow for part in found[one]], clock.width_s)
    windows = [
        Window(
            start_s=round(max(start - clock.began_s, 0.0), 2),
            length_s=round(end - start, 2),
            successes=_count(succeeded.get(number)),
            failures=tuple(_count(counts[outcome].get(number)) for outcome in outcomes),
            **_percentiles(succeeded.get(number, NOTHING), waited.get(number, NOTHING)),
            steps_ms=tuple(_mean_ms(windows.get(number)) for windows in steps.values()),
        )
        for number, (start, end) in clock.spans_s.items()
    ]
    latencies = sample.latencies()
    gaps = sample.figures.get((Quantity.GAP, False), {}).get(Outcome.SUCCESS, Series())
    return OperationCourse(
        operation,
        outcomes,
        tuple(steps),
        _without_gaps(windows),
        _curve(latencies),
        _bins(latencies.answered),
        latencies.waited.count,
        _bins(gaps),
    )


def _windows(parts: Iterable[Series], width_s: float) -> dict[int, Counts]:
    """The results of all *parts* together, by windows of *width_s*."""
    total = Series.merged(parts)
    return total.counts(max(width_s, total.width_s))


def _count(window: Counts | None) -> int:
    return 0 if window is None else int(window.counts.sum())


def _percentiles(answered: Counts, waited: Counts) -> _Percentiles:
    if not answered.total + waited.total:
        return {"p50_ms": None, "p95_ms": None, "p99_ms": None, "at_least": ()}
    bounds = {name: percentile(answered, waited, percent) for name, percent in SHOWN.items()}
    p50, p95, p99 = (round(bound.value, 3) for bound in bounds.values())
    at_least = tuple(name for name, bound in bounds.items() if bound.at_least)
    return {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "at_least": at_least}


def _mean_ms(window: Counts | None) -> float | None:
    """The mean, in which a bucket stands for its upper edge."""
    if window is None:
        return None
    return round(float(np.average(upper_edges_ms(window.buckets), weights=window.counts)), 3)


def _without_gaps(windows: Sequence[Window]) -> tuple[Window, ...]:
    """The windows, with an empty one wherever time is missing between two: nothing ended in it."""
    whole = list(windows[:1])
    for before, after in pairwise(windows):
        end_s = before.start_s + before.length_s
        if after.start_s - end_s >= _LEAST_GAP_S:
            nothing, unknown = (0,) * len(after.failures), (None,) * len(after.steps_ms)
            length_s = round(after.start_s - end_s, 2)
            whole.append(Window(round(end_s, 2), length_s, 0, nothing, None, None, None, (), unknown))
        whole.append(after)
    return tuple(whole)


def _curve(latencies: Latencies) -> tuple[CurvePoint, ...]:
    count = latencies.count
    points = [
        (percent, latencies.percentile(percent))
        for percent in _PERCENTS
        if nearest_rank(count, percent) < count or count == 1
    ]
    return tuple(
        CurvePoint(percent, round(bound.value, 3), bound.at_least)
        for percent, bound in points
        if bound is not None
    )


def _bins(answered: Series) -> tuple[Bin, ...]:
    if not answered.count:
        return ()
    buckets, counts = answered.whole.bucket_counts()
    values = upper_edges_ms(buckets)
    edges = _edges(float(values.min()), float(values.max()), answered.count)
    places = np.searchsorted(edges, values)  # a value on an edge belongs to the bin that ends there
    held = np.bincount(places, weights=counts, minlength=len(edges))
    return tuple(
        Bin(round(float(low), 4), round(float(high), 4), int(count))
        for (low, high), count in zip(pairwise(edges), held[1:], strict=True)
    )


def _edges(low: float, high: float, count: int) -> Sequence[float]:
    """Edges of equal, round widths where results lie close together; otherwise of equal ratios."""
    wanted = min(max(int(2 * count**0.5), 16), _MOST_BINS - 2)
    if high > low * 8:
        ratio = (high / low) ** (1 / wanted)
        return [low * ratio ** (number - 1) * (1 + 1e-9) for number in range(wanted + 2)]
    width = round_up((high - low) / wanted or high / 10)
    first, last = math.ceil(low / width - 1e-9) - 1, math.ceil(high / width - 1e-9)
    return [width * number for number in range(first, last + 1)]


def round_up(number: float) -> float:
    """*number*, rounded up to one of 1, 2, 5, 10, 20, 50 …: people can read such widths and steps."""
    power = 10.0 ** math.floor(math.log10(number))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= number * (1 - 1e-9))


def _levels(users: Sequence[tuple[float, int]], began_s: float) -> tuple[UserLevel, ...]:
    changes = [
        seen
        for before, seen in zip([None, *users], users, strict=False)
        if not before or before[1] != seen[1]
    ]
    if users and changes[-1] != users[-1]:
        changes.append(users[-1])
    stride = -(-len(changes) // _MOST_LEVELS)
    return tuple(
        UserLevel(round(max(at_s - began_s, 0.0), 1), number) for at_s, number in changes[:: max(stride, 1)]
    )
