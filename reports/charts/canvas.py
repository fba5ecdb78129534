"""What a chart is drawn on: two axes and marks, as static SVG that takes its colours and fonts from the page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

INK, SOFT, LINE = "var(--ink)", "var(--soft)", "var(--line)"
ACCENT, PALE, FAIL = "var(--accent)", "var(--accent-light)", "var(--fail)"
WIDTH, LEFT, RIGHT, TOP, BOTTOM = 354, 46, 36, 18, 36
"""Sizes in units of the drawing, which is 400 wide in all, so that text can be read on a telephone too."""
_LINE_HEIGHT = 12.5
_FONT_SIZE = 11
_HALF_A_LETTER = 3
"""Distance from the middle of a text down to its base line."""
_TICKS_BELOW, _TITLE_BELOW = 15, 30
_ANCHORS = {"left": "start", "center": "middle", "right": "end"}

Mark = str
"""SVG in the coordinates of a plane, counted from its upper left corner."""


class Drawing(NamedTuple):
    """A chart: its title and subject, a sentence on what is seen in it, and the SVG."""

    title: str
    subject: str
    caption: str
    svg: str


@dataclass(frozen=True, slots=True)
class Axis:
    """
    One direction of a plane.

    Args:
        ticks: Values that are labelled, and their labels.
        title: The unit.
    """

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    title: str
    scale: Literal["linear", "log"] = "linear"

    def share(self, value: float) -> float:
        """Where a value lies: 0 at the low end, 1 at the high one."""
        if self.scale == "log":
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / ((self.high - self.low) or 1.0)


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
    """Room to the right of the plane, for names at the ends of lines."""

    @property
    def width(self) -> int:
        """Width of the plane itself."""
        return WIDTH - self.right

    def line(
        self,
        points: Iterable[tuple[float, float | None]],
        colour: str,
        *,
        width: float = 2,
        dash: Sequence[float] = (),
    ) -> Mark:
        """A line through the points, in their order; it breaks where a point has no value."""
        path, pen = "", "M"
        for x, y in points:
            path += "" if y is None else pen + self._place(x, y)
            pen = "M" if y is None else "L"
        dashes = f' stroke-dasharray="{",".join(map(_number, dash))}"' if dash else ""
        return f'<path d="{path}" stroke="{colour}" stroke-width="{width}"{dashes} stroke-linejoin="round"/>'

    def area(self, corners: Iterable[tuple[float, float]]) -> list[Mark]:
        """A line, and the filled area below it."""
        roof = list(corners)
        outline = [(roof[0][0], 0.0), *roof, (roof[-1][0], 0.0)]
        path = "L".join(self._place(x, y) for x, y in outline)
        return [f'<path d="M{path}Z" fill="{PALE}"/>', self.line(roof, ACCENT, width=1.75)]

    def boxes(self, boxes: Iterable[Box], colour: str, *, opacity: float = 1) -> Mark:
        """Filled rectangles."""
        look = f'fill="{colour}"' + (f' opacity="{opacity:g}"' if opacity < 1 else "")
        return "".join(self._box(box, look) for box in boxes)

    def columns(self, spans: Iterable[tuple[float, float, str]]) -> Mark:
        """Invisible areas over the whole height; the text of one appears when the pointer rests on it."""
        return self.boxes(
            (Box(left, right, self.y.low, self.y.high, text) for left, right, text in spans), INK, opacity=0
        )

    def level(self, value: float, colour: str, dash: Sequence[float]) -> Mark:
        """A thin horizontal line at *value*, over the whole width."""
        return self.line([(self.x.low, value), (self.x.high, value)], colour, width=1, dash=dash)

    def post(self, at: float, colour: str) -> Mark:
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
    ) -> Mark:
        """A text next to a point."""
        return _text(self._left(at[0]) + dx, self._top(at[1]) + dy, text, colour, align, bold=bold)

    def ends(self, ends: Sequence[tuple[float, float, str, str]]) -> list[Mark]:
        """Names behind the ends of lines (x, y, name, colour), moved apart where they would overlap."""
        placed: list[Mark] = []
        least = float("inf")
        for x, y, name, colour in sorted(ends, key=lambda end: end[1:3]):
            wanted = self._top(y)
            pixel = min(wanted, least)
            least = pixel - _LINE_HEIGHT
            placed.append(self.text((x, y), name, colour, dx=5, dy=pixel - wanted, bold=colour == ACCENT))
        return placed

    def svg(self, title: str, layers: Sequence[Mark]) -> str:
        """The finished drawing, to stand in a page."""
        box = f"0 0 {LEFT + WIDTH} {TOP + self.height + BOTTOM}"
        unit = self.text((self.x.low, self.y.high), self.y.title, dx=2 - LEFT, dy=-13)
        marks = "".join([*self._axes(), *layers, unit])
        return (
            f'<svg viewBox="{box}" role="img" aria-label="{escape(title)}">'
            f'<g fill="none" font-size="{_FONT_SIZE}px" transform="translate({LEFT},{TOP})">{marks}</g></svg>'
        )

    def _axes(self) -> Iterable[Mark]:
        """Both axes with their labels, and a line for each tick of the vertical one."""
        for value, label in self.y.ticks:
            yield self.level(value, LINE, ())
            yield _text(-6, self._top(value), label, SOFT, "right")
        yield self.level(self.y.low, SOFT, ())
        for value, label in self.x.ticks:
            yield _text(self._left(value), self.height + _TICKS_BELOW - _HALF_A_LETTER, label, SOFT, "center")
        below = self.height + _TITLE_BELOW - _HALF_A_LETTER
        yield _text(self.width / 2, below, self.x.title, SOFT, "center")

    def _box(self, box: Box, look: str) -> Mark:
        left, top = self._left(box.left), self._top(box.top)
        path = (
            f"M{_number(left)},{_number(top)}h{_number(self._left(box.right) - left)}"
            f"v{_number(self._top(box.bottom) - top)}H{_number(left)}Z"
        )
        if not box.text:
            return f'<path d="{path}" {look}/>'
        return f'<path d="{path}" {look}><title>{escape(box.text)}</title></path>'

    def _left(self, x: float) -> float:
        return self.width * self.x.share(x)

    def _top(self, y: float) -> float:
        return self.height * (1 - self.y.share(y))

    def _place(self, x: float, y: float) -> str:
        return f"{_number(self._left(x))},{_number(self._top(y))}"


def _text(x: float, y: float, text: str, colour: str, align: str, *, bold: bool = False) -> Mark:  # noqa: PLR0913 - where a text stands
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{_number(x)}" y="{_number(y + _HALF_A_LETTER)}" text-anchor="{_ANCHORS[align]}"'
        f' fill="{colour}"{weight}>{escape(text)}</text>'
    )


def _number(value: float) -> str:
    """The value in tenths of a unit, which are finer than a screen shows."""
    return f"{value:z.1f}".removesuffix(".0")
