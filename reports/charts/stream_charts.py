"""Charts of streamed answers: what a homeowner sees, the gaps between texts, and single answers text by text."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from conf.stream_figures import Moment
from reports.charts.canvas import ACCENT, INK, LINE, PALE, SOFT, Axis, Box, Drawing, Mark, Plane
from reports.charts.spread_charts import draw_distribution
from reports.charts.time_charts import value_axis
from reports.wording import figures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.course import OperationCourse
    from reports.manifest import SlowAnswer
    from reports.rows import StreamRow

_STAGES = {
    Moment.HEADERS: "nothing yet",
    Moment.FIRST_EVENT: "headers, nothing to see",
    Moment.FIRST_CONTENT: "events, no text",
    Moment.DONE: "text comes",
}
"""Moment that ends a stage → what a homeowner has meanwhile."""
_COLOURS = dict(zip(_STAGES, (LINE, SOFT, PALE, ACCENT), strict=True))
_BARS = {"p50_ms": "p50", "p95_ms": "p95"}
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
    plane = Plane(axis, Axis(0, len(_BARS), ticks, ""), height=90)
    layers: list[Mark] = []
    for number, name in enumerate(_BARS):
        low = len(_BARS) - number - 0.8
        borders = [0.0]
        for end in ends[name]:
            borders.append(max(end, borders[-1]))
        for (left, right), moment in zip(pairwise(borders), _STAGES, strict=True):
            said = f"{_BARS[name]}: {_STAGES[moment]} until {figures.figure(name, right)}"
            layers.append(plane.boxes([Box(left, right, low, low + 0.6, said)], _COLOURS[moment]))
        at = borders[-2]
        layers.append(plane.line([(at, low - 0.08), (at, low + 0.68)], INK, width=2))
    first, done = found[Moment.FIRST_CONTENT], found[Moment.DONE]
    caption = (
        f"The first text after {figures.latency_figure(first, 'p50_ms')} (p95 {figures.latency_figure(first, 'p95_ms')}), "
        f"the last after {figures.latency_figure(done, 'p50_ms')} (p95 {figures.latency_figure(done, 'p95_ms')}). "
        "Grey: nothing to read. Upright line: the first text."
    )
    title = "What a homeowner sees"
    return Drawing(title, row.operation.label, caption, plane.svg(title, layers))


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
