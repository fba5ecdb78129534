"""Charts of streamed answers: what a homeowner sees, the gaps between texts, and single answers text by text."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from conf.stream_figures import Moment
from reports.charts.canvas import ACCENT, INK, LINE, PALE, SOFT, Axis, Box, Drawing, Mark, Plane
from reports.charts.spread_charts import draw_distribution
from reports.charts.time_charts import value_axis
from reports.wording import figures

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reports.course import OperationCourse
    from reports.manifest import SlowAnswer
    from reports.rows import StreamRow


class _Stage(NamedTuple):
    """
    A stretch of an answer; its height tells it from the others where colours do not.

    Args:
        name: In the legend.
        words: What a homeowner has meanwhile.
        height: Of its bar, in bars.
    """

    name: str
    words: str
    colour: str
    height: float


_STAGES = {
    Moment.HEADERS: _Stage("nothing", "nothing yet", LINE, 0.15),
    Moment.FIRST_EVENT: _Stage("headers", "headers, nothing to see", SOFT, 0.3),
    Moment.FIRST_CONTENT: _Stage("events, no text", "events, no text", PALE, 0.45),
    Moment.DONE: _Stage("text", "text comes", ACCENT, 0.6),
}
"""Moment that ends a stage → the stage."""
_BARS = {"p50_ms": "p50", "p95_ms": "p95"}
_SWATCH, _LETTER = 14, 6.5
"""Widths in units of the drawing; of a letter at its widest, as on a telephone."""
_MS_PER_S = 1000


def draw_stages(row: StreamRow) -> Drawing | None:
    """From sending to the end of an answer, stage by stage, at p50 and at p95; None where a moment never came."""
    found = {one.moment: one.latency for one in row.moments}
    if not _STAGES.keys() <= found.keys():
        return None
    ends = {name: [getattr(found[moment], name) or 0.0 for moment in _STAGES] for name in _BARS}
    longest = max(ends["p95_ms"][-1], 1.0)
    axis = replace(value_axis(longest, "ms"), title="ms from sending")
    ticks = tuple((len(_BARS) - number - 0.5, label) for number, label in enumerate(_BARS.values()))
    plane = Plane(axis, Axis(0, len(_BARS) + 0.8, ticks, ""), height=120)
    layers: list[Mark] = list(_legend(plane))
    for number, name in enumerate(_BARS):
        low = len(_BARS) - number - 0.8
        borders = [0.0]
        for end in ends[name]:
            borders.append(max(end, borders[-1]))
        for (left, right), stage in zip(pairwise(borders), _STAGES.values(), strict=True):
            said = f"{_BARS[name]}: {stage.words} until {figures.figure(name, right)}"
            layers.append(plane.boxes([Box(left, right, low, low + stage.height, said)], stage.colour))
        at = borders[-2]
        layers.append(plane.line([(at, low - 0.08), (at, low + 0.68)], INK, width=2))
    first, done = found[Moment.FIRST_CONTENT], found[Moment.DONE]
    caption = (
        f"The first text after {figures.latency_figure(first, 'p50_ms')} (p95 {figures.latency_figure(first, 'p95_ms')}), "
        f"the last after {figures.latency_figure(done, 'p50_ms')} (p95 {figures.latency_figure(done, 'p95_ms')}). "
        "Upright line: the first text."
    )
    title = "What a homeowner sees"
    return Drawing(title, row.operation.label, caption, plane.svg(title, layers))


def _legend(plane: Plane) -> Iterator[Mark]:
    """A swatch and the name of each stage, in a row above the bars."""
    low, at = plane.y.high - 0.6, 0.0
    for stage in _STAGES.values():
        left, right = (units / plane.width * plane.x.high for units in (at, at + _SWATCH))
        yield plane.boxes([Box(left, right, low, low + stage.height)], stage.colour)
        yield plane.text((right, low + 0.2), stage.name, dx=4)
        at += 2 * _SWATCH + _LETTER * len(stage.name)


def draw_gaps(course: OperationCourse) -> Drawing | None:
    """How long the times between two texts were; None where no answer had two."""
    drawn = draw_distribution(replace(course, bins=course.gap_bins, percentiles=(), waited=0))
    return drawn and drawn._replace(
        title="Gaps between texts", caption=drawn.caption.replace("answers;", "gaps;"), svg=drawn.svg
    )


def draw_texts(title: str, answers: Sequence[SlowAnswer]) -> Drawing | None:
    """Single answers: a line each from sending to the end, a stroke for each text; None where none has texts."""
    shown = [answer for answer in answers if answer.texts]
    if not shown:
        return None
    longest = max(answer.ms for answer in shown)
    axis = replace(value_axis(longest, "ms"), title="ms from sending")
    ticks = tuple((len(shown) - number - 0.5, str(number + 1)) for number in range(len(shown)))
    plane = Plane(axis, Axis(0, len(shown), ticks, ""), height=28 * len(shown))
    layers: list[Mark] = []
    for number, answer in enumerate(shown):
        at = len(shown) - number - 0.5
        layers.append(plane.line([(0, at), (answer.ms, at)], LINE, width=1.5))
        layers += [
            plane.line([(text.ms, at - 0.3), (text.ms, at + 0.3)], ACCENT, width=1.5) for text in answer.texts
        ]
        said = f"{number + 1}: {answer.ms:,.0f} ms, {_largest_gap(answer)}, trace {answer.trace_id}"
        layers.append(plane.boxes([Box(0, longest, at - 0.5, at + 0.5, said)], INK, opacity=0))
    caption = "; ".join(
        f"{number}: {answer.ms:,.0f} ms, {_largest_gap(answer)}" for number, answer in enumerate(shown, 1)
    )
    return Drawing(
        title, shown[0].operation.label, f"A stroke for each text. {caption}.", plane.svg(title, layers)
    )


def _largest_gap(answer: SlowAnswer) -> str:
    moments = [text.ms for text in answer.texts]
    gap_ms = max((after - before for before, after in pairwise(moments)), default=0.0)
    return f"largest gap {gap_ms:,.0f} ms"
