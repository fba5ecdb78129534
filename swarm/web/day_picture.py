"""Geometry of the monitoring page's pictures, in a box of 288 by 100: 24 hours from left to right."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WIDTH, HEIGHT = 288.0, 100.0
_HEADROOM = 1.1
_GAP = 0.2
"""Gap between two bars, as a share of a bar's width."""


class Bar(NamedTuple):
    """A rectangle of the picture, and the value that it shows."""

    x: float
    y: float
    width: float
    height: float
    value: int


def draw_bars(values: Sequence[int], each: int) -> tuple[Bar, ...]:
    """Bars for the sums of every *each* values. The largest bar is as high as the picture; a sum of 0 has no bar."""
    sums = [sum(values[start : start + each]) for start in range(0, len(values), each)]
    top, width = max(sums, default=0), WIDTH / max(len(sums), 1)
    return tuple(
        Bar(
            round((number + _GAP / 2) * width, 2),
            round(HEIGHT - HEIGHT * value / top, 2),
            round((1 - _GAP) * width, 2),
            round(HEIGHT * value / top, 2),
            value,
        )
        for number, value in enumerate(sums)
        if value
    )


def top_of(*series: Sequence[float | None]) -> float:
    """The value at the upper edge of a picture of several lines; 0 where there are no values."""
    return max((value for values in series for value in values if value is not None), default=0.0) * _HEADROOM


def draw_lines(values: Sequence[float | None], top: float) -> tuple[str, ...]:
    """Polylines through the known values. An unknown value breaks the line, and a single known one is a short dash."""
    return tuple(" ".join(f"{x:g},{y:g}" for x, y in line) for line in _lines(values, top))


def _lines(values: Sequence[float | None], top: float) -> Iterator[list[tuple[float, float]]]:
    step = WIDTH / max(len(values), 1)
    line: list[tuple[float, float]] = []
    for number, value in enumerate([*values, None]):
        if value is not None:
            line.append((round((number + 0.5) * step, 2), round(HEIGHT - HEIGHT * value / top, 2)))
        elif line:
            x, y = line[-1]
            yield line if len(line) > 1 else [(round(x - step / 2, 2), y), (round(x + step / 2, 2), y)]
            line = []
