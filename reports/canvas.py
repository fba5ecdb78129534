"""
What a chart is drawn on: two axes, marks, and static SVG that takes its colours and fonts from the page.

Altair makes the specification and vl-convert the SVG; there is no script in it, and no id that could clash. Importing
this module takes a third of a second, the first drawing another: only who draws imports it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import altair as alt
import vl_convert

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

INK, SOFT, LINE = "var(--ink)", "var(--soft)", "var(--line)"
ACCENT, PALE, FAIL = "var(--accent)", "var(--accent-light)", "var(--fail)"
WIDTH, LEFT, RIGHT, TOP, BOTTOM = 354, 46, 36, 18, 36
"""In units of the drawing, 400 wide in all, so that text can be read on a telephone too."""
_LINE_HEIGHT = 12.5
_FONT_SIZE = 11
_LABELLED = re.compile(r'<(path|line|text)((?: [\w:-]+="[^"]*")*?) aria-label="([^"]*)"([^>]*?)/>')
_ACCESSIBILITY = re.compile(r' (?:role|aria-[a-z]+|font-family|pointer-events|xmlns:xlink|class)="[^"]*"')
_NUMBER = re.compile(r"\d+\.\d{2,}")
_GEOMETRY = re.compile(r' (?:d|transform|x2|y2)="[^"]*"')
_FRAMES = re.compile(r'<path class="(?:back|fore)ground"[^>]*/>')
_EMPTY = re.compile(r'<g></g>| stroke-dasharray=""| opacity="1"| transform="translate\(0,0\)"')


class Drawing(NamedTuple):
    """A chart: what it shows, in one sentence what is seen, and the SVG."""

    title: str
    subject: str
    caption: str
    svg: str


@dataclass(frozen=True, slots=True)
class Axis:
    """
    One direction of a plane.

    Args:
        ticks: Where a value is written, and how.
        title: The unit.
    """

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    title: str
    scale: Literal["linear", "log"] = "linear"


class Box(NamedTuple):
    """A rectangle in values of the axes; *text* appears where a pointer rests on it."""

    left: float
    right: float
    bottom: float
    top: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class Plane:
    """Two axes; marks are placed by their values."""

    x: Axis
    y: Axis
    height: int = 170
    right: int = RIGHT
    """Room behind the right edge, for names at the ends of lines."""
    _datasets: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """What the marks stand for, beside the specification: Altair would take longer to look at it than to draw it."""

    def line(
        self,
        points: Iterable[tuple[float, float | None]],
        colour: str,
        *,
        width: float = 2,
        dash: Sequence[float] = (),
    ) -> alt.Chart:
        """A line through the points, in their order; it breaks where a point has no value."""
        rows = [{"x": x, "y": y} for x, y in points]
        chart: alt.Chart = (
            self._chart(rows)
            .mark_line(
                color=colour,
                strokeWidth=width,
                strokeDash=list(dash),
                strokeJoin="round",
                invalid="break-paths-show-path-domains",
            )
            .encode(x=self._x("x"), y=self._y("y"), order=alt.OrderValue(None))
        )
        return chart

    def area(self, corners: Iterable[tuple[float, float]]) -> list[alt.Chart]:
        """What lies below a line, and the line."""
        roof = list(corners)
        rows = [{"x": x, "y": y, "floor": 0} for x, y in roof]
        fill: alt.Chart = (
            self._chart(rows)
            .mark_area(color=PALE)
            .encode(x=self._x("x"), y=self._y("y"), y2=alt.Y2("floor"), order=alt.OrderValue(None))
        )
        return [fill, self.line(roof, ACCENT, width=1.75)]

    def boxes(self, boxes: Iterable[Box], colour: str, *, opacity: float = 1) -> alt.Chart:
        """Filled rectangles."""
        rows = [
            {"x": box.left, "x2": box.right, "y": box.bottom, "y2": box.top, "text": box.text}
            for box in boxes
        ]
        encoding: dict[str, Any] = {
            "x": self._x("x"),
            "x2": alt.X2("x2"),
            "y": self._y("y"),
            "y2": alt.Y2("y2"),
        }
        if any(row["text"] for row in rows):
            encoding["description"] = alt.Description("text", type="nominal")
        chart: alt.Chart = self._chart(rows).mark_rect(color=colour, opacity=opacity).encode(**encoding)
        return chart

    def columns(self, spans: Iterable[tuple[float, float, str]]) -> alt.Chart:
        """Invisible, over the whole height: the text of the one that a pointer rests on appears."""
        return self.boxes(
            (Box(left, right, self.y.low, self.y.high, text) for left, right, text in spans), INK, opacity=0
        )

    def level(self, value: float, colour: str, dash: Sequence[float]) -> alt.Chart:
        """A thin horizontal line at *value*, over the whole width."""
        return self.line([(self.x.low, value), (self.x.high, value)], colour, width=1, dash=dash)

    def post(self, at: float, colour: str) -> alt.Chart:
        """A thin vertical line, over the whole height."""
        return self.line([(at, self.y.low), (at, self.y.high)], colour, width=1)

    def text(  # noqa: PLR0913 - where a text stands
        self,
        at: tuple[float, float],
        text: str,
        colour: str = SOFT,
        *,
        dx: float = 0,
        dy: float = 0,
        align: Literal["left", "center", "right"] = "left",
        bold: bool = False,
    ) -> alt.Chart:
        """A text beside a place."""
        rows = [{"x": at[0], "y": at[1]}]
        chart: alt.Chart = self._chart(rows).mark_text(
            text=text, color=colour, dx=dx, dy=dy, align=align, baseline="middle", fontSize=_FONT_SIZE,
            fontWeight="bold" if bold else "normal",
        ).encode(x=self._x("x"), y=self._y("y"))  # fmt: skip
        return chart

    def ends(self, ends: Sequence[tuple[float, float, str, str]]) -> list[alt.Chart]:
        """Names behind the ends of lines (x, y, name, colour), moved apart where they would overlap."""
        placed: list[alt.Chart] = []
        least = float("inf")
        for x, y, name, colour in sorted(ends, key=lambda end: end[1:3]):
            wanted = self.height * (1 - (y - self.y.low) / (self.y.high - self.y.low))
            pixel = min(wanted, least)
            least = pixel - _LINE_HEIGHT
            placed.append(self.text((x, y), name, colour, dx=5, dy=pixel - wanted, bold=colour == ACCENT))
        return placed

    def svg(self, title: str, layers: Sequence[alt.Chart]) -> str:
        """The finished drawing, to stand in a page."""
        unit = self.text((self.x.low, self.y.high), self.y.title, dx=2 - LEFT, dy=-13)
        chart = alt.layer(*layers, unit).properties(
            width=WIDTH - self.right,
            height=self.height,
            autosize="none",
            background="transparent",
            padding={"left": LEFT, "right": self.right, "top": TOP, "bottom": BOTTOM},
        ).configure_view(stroke=None)  # fmt: skip
        specification = chart.to_dict(validate=False) | {"datasets": self._datasets}
        return _inline(vl_convert.vegalite_to_svg(specification), title)

    def _chart(self, rows: list[dict[str, Any]]) -> alt.Chart:
        name = f"rows{len(self._datasets)}"
        self._datasets[name] = rows
        return alt.Chart(alt.NamedData(name))

    def _x(self, name: str) -> alt.X:
        return alt.X(name, type="quantitative", scale=_scale(self.x), axis=_axis(self.x, grid=False))

    def _y(self, name: str) -> alt.Y:
        return alt.Y(name, type="quantitative", scale=_scale(self.y), axis=_axis(self.y, grid=True))


def _scale(axis: Axis) -> alt.Scale:
    return alt.Scale(type=axis.scale, domain=[axis.low, axis.high], nice=False, zero=False)


def _axis(axis: Axis, *, grid: bool) -> alt.Axis:
    labels = [f"datum.value == {value!r} ? '{label}'" for value, label in axis.ticks]
    return alt.Axis(
        values=[value for value, _ in axis.ticks],
        labelExpr=" : ".join([*labels, "''"]),
        title=None if grid else axis.title,
        titleColor=SOFT, titleFontWeight="normal", titleFontSize=_FONT_SIZE, titlePadding=4,
        labelColor=SOFT, labelFontSize=_FONT_SIZE, labelPadding=6, labelBound=False, labelFlush=False, labelOverlap=False,
        grid=grid, gridColor=LINE, ticks=False, domain=not grid, domainColor=SOFT,
    )  # fmt: skip


def _inline(svg: str, title: str) -> str:
    """Without what a page has itself: fonts, white paper, names for every single mark; those become titles."""
    svg = _LABELLED.sub(_titled, _FRAMES.sub("", svg))
    svg = _ACCESSIBILITY.sub("", svg)
    svg = _GEOMETRY.sub(lambda part: _NUMBER.sub(lambda number: f"{float(number[0]):.1f}", part[0]), svg)
    before = ""
    while before != svg:
        before, svg = svg, _EMPTY.sub("", svg)
    box = re.search(r'viewBox="[^"]*"', svg)
    assert box is not None
    return re.sub(r"<svg[^>]*>", f'<svg {box[0]} role="img" aria-label="{title}">', svg, count=1)


def _titled(mark: re.Match[str]) -> str:
    """Only marks that were given a text of their own say it; others have one that repeats their coordinates."""
    name, before, text, after = mark.groups()
    if 'opacity="0"' not in after:
        return f"<{name}{before}{after}/>"
    return f"<{name}{before}{after}><title>{text}</title></{name}>"
