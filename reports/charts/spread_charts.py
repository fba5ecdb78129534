"""Charts of how results are spread: the percentile curve, and the distribution."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from conf.metric import MetricKind, parse_metric
from reports.charts.canvas import ACCENT, INK, LINE, RIGHT, SOFT, Axis, Box, Drawing, Mark, Plane
from reports.charts.points import round_up
from reports.charts.time_charts import value_axis
from reports.wording import figures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from conf.thresholds import Limits
    from reports.course import Bin, CurvePoint, OperationCourse

_MARKED = (0.0, 50.0, 90.0, 99.0, 99.9, 99.99)
_FAR = 2.5
_HALF_A_TICK = 0.08


def draw_percentiles(
    main: OperationCourse, others: Sequence[OperationCourse], limits: Mapping[str, Limits]
) -> Drawing | None:
    """
    How long each share of the results took at most; 0 to 90 %, 90 to 99 % and 99 to 99.9 % are drawn equally wide.

    Args:
        main: The operation that is judged.
        others: Operations of the same journey.
        limits: Limits of the main operation, by metric; each is a short line where a percentile passes.
    """
    curves = [row for row in (*others, main) if len(row.percentiles) > 1]
    if main not in curves:
        return None
    last = max(row.percentiles[-1].percent for row in curves)
    largest = max(row.percentiles[-1].value_ms for row in curves)
    passes = [
        (percent, value)
        for name, limit in limits.items()
        if (percent := (metric := parse_metric(name)).percent) and (value := limit.pass_below)
        if percent <= last and value <= largest * _FAR and not metric.planned and not metric.attempt
    ]
    axis = Axis(
        0, _tail(last), tuple((_tail(p), f"{p:g}") for p in _MARKED if p <= last), "per cent of the results"
    )
    heights = value_axis(max([largest, *(value for _, value in passes)]), "ms")
    plane = Plane(axis, heights, right=80 if others else RIGHT)
    layers = [plane.post(at, LINE) for at, _ in axis.ticks[1:]]
    ends = []
    for row in curves:
        colour = ACCENT if row is main else SOFT
        points = [(_tail(point.percent), point.value_ms) for point in row.percentiles]
        layers.append(plane.line(points, colour, width=2.25 if row is main else 1.25))
        if others:
            ends.append((*points[-1], _short(row), colour))
    layers += [mark for percent, value in passes for mark in _limit(plane, percent, value)]
    layers += [*plane.ends(ends), plane.columns(_between(main.percentiles))]
    title = "Percentile curve"
    return Drawing(title, main.operation.label, _curve_caption(main, passes), plane.svg(title, layers))


def draw_distribution(row: OperationCourse) -> Drawing | None:
    """How many results took how long, with p50 and p95; None where nothing succeeded."""
    if not row.bins:
        return None
    first, last = row.bins[0], row.bins[-1]
    even = math.isclose(first.to_ms - first.over_ms, last.to_ms - last.over_ms, rel_tol=0.01)
    plane = Plane(
        _duration_axis(row.bins, even=even),
        value_axis(max(found.count for found in row.bins), "results", whole=True),
    )
    bars = [Box(found.over_ms, found.to_ms, 0, found.count) for found in row.bins]
    layers = plane.area([(first.over_ms, 0), *_roofs(bars), (last.to_ms, 0)])
    values = {point.percent: point.value_ms for point in row.percentiles}
    for percent in (50, 95):
        if (value := values.get(percent)) is not None and value <= last.to_ms:
            layers += [
                plane.post(value, INK),
                plane.text((value, plane.y.high), f"p{percent}", INK, dy=-8, align="center"),
            ]
    layers.append(plane.columns((b.over_ms, b.to_ms, f"{_span(b)}: {b.count:,} results") for b in row.bins))
    fullest, total = max(row.bins, key=lambda found: found.count), sum(found.count for found in row.bins)
    ends = figures.figure(MetricKind.MAX, last.to_ms)
    caption = f"{total:,} answers; the most frequent are {_span(fullest)}, none is above {ends}."
    if row.waited:
        caption += f" {row.waited:,} more requests were waited for in vain."
    if not even:
        caption += " Each bar is as many times as wide as the one before."
    title = "Distribution"
    return Drawing(title, row.operation.label, caption, plane.svg(title, layers))


def _tail(percent: float) -> float:
    """Position of a percentile on its axis: 90 at 1, 99 at 2, 99.9 at 3."""
    return -math.log10(1 - percent / 100)


def _limit(plane: Plane, percent: float, value: float) -> list[Mark]:
    """A short line where a percentile passes; its text stays inside of the plane."""
    at = _tail(percent)
    left, right = (max(at - _HALF_A_TICK, 0), value), (min(at + _HALF_A_TICK, plane.x.high), value)
    text = f"p{percent:g} < {value:,g}"
    named = (
        plane.text(right, text, dy=-8, align="right")
        if at > plane.x.high / 2
        else plane.text(left, text, dy=-8)
    )
    return [plane.line([left, right], INK, width=2), named]


def _short(row: OperationCourse) -> str:
    return row.operation.value.partition("_")[2] or row.operation.value


def _between(points: Sequence[CurvePoint]) -> list[tuple[float, float, str]]:
    """For each point, the range that shows its text: half-way to the neighbours on both sides."""
    places = [_tail(point.percent) for point in points]
    borders = [places[0], *((a + b) / 2 for a, b in pairwise(places)), places[-1]]
    return [
        (left, right, f"{point.percent:g} % within {_value(point)}")
        for left, right, point in zip(borders, borders[1:], points, strict=False)
    ]


def _value(point: CurvePoint) -> str:
    return figures.figure("p50_ms", point.value_ms, at_least=point.at_least)


def _curve_caption(row: OperationCourse, passes: Sequence[object]) -> str:
    values = {point.percent: _value(point) for point in row.percentiles}
    shares = {50: "half", 95: "95 of 100", 99: "99 of 100", 99.9: "999 of 1,000"}
    said = "; ".join(f"{share} within {values[p]}" for p, share in shares.items() if p in values)
    waited = f" {row.waited:,} were waited for in vain, and count with that time." if row.waited else ""
    return f"{said[:1].upper()}{said[1:]}.{waited}" + (" Short lines: where PASS ends." if passes else "")


def _duration_axis(bins: Sequence[Bin], *, even: bool) -> Axis:
    low, high = bins[0].over_ms, bins[-1].to_ms
    if even:
        step = round_up((high - low) / 6)
        numbers = range(math.ceil(low / step), math.floor(high / step + 1e-9) + 1)
        return Axis(low, high, tuple((step * n, f"{step * n:,g}") for n in numbers), "ms")
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if high / low < 200 else (1,)  # noqa: PLR2004 - two powers of ten
    ticks = [factor * 10.0**power for power in powers for factor in factors]
    return Axis(
        low,
        high,
        tuple((t, f"{t:,g}") for t in ticks if low <= t <= high),
        "ms, each power of ten as wide",
        "log",
    )


def _roofs(bars: Sequence[Box]) -> list[tuple[float, float]]:
    return [corner for bar in bars for corner in ((bar.left, bar.top), (bar.right, bar.top))]


def _span(found: Bin) -> str:
    low, high = (figures.figure(MetricKind.MAX, value) for value in (found.over_ms, found.to_ms))
    return f"{low.removesuffix('ms').rstrip()} to {high}"
