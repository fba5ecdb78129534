"""Geometry of the report's small pictures, in per cent of their width; the template draws them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.record import Finding

_HEADROOM = 1.2
"""How far a scale goes beyond what must be seen on it."""
_LEAST_SPREAD_MB = 1.0


class Track(NamedTuple):
    """
    A criterion as a line from better (left) to worse (right).

    Args:
        passes: Where PASS ends.
        fails: Where FAIL begins; 100 where nothing fails.
        marker: Where the value stands.
    """

    passes: float
    fails: float
    marker: float


def draw_track(finding: Finding) -> Track | None:
    """A value among its limits; None where either is missing."""
    limits, value = finding.limits, finding.value
    if limits is None or value is None:
        return None
    small = limits.pass_below is not None or limits.fail_above is not None
    if small:
        passes, fails, best = limits.pass_below, limits.fail_above, 0.0
    else:
        at_least = limits.pass_at_least if limits.pass_above is None else limits.pass_above
        passes, fails, best = at_least, limits.fail_below, 1.0
    first = passes if passes is not None else fails
    last = fails if fails is not None else passes
    assert first is not None
    assert last is not None
    reach = max(abs(value - best), abs(last - best)) * _HEADROOM or 1.0

    def place(position: float) -> float:
        return round(abs(position - best) / reach * 100, 2)

    return Track(place(first), place(last) if fails is not None else 100.0, place(value))


def share(value: float | None, values: Sequence[float | None]) -> float:
    """How large *value* is beside the largest of *values*; 0..100."""
    largest = max((v for v in values if v is not None), default=0.0)
    return round(100 * value / largest, 2) if value and largest else 0.0


def sparkline(series: Sequence[float], width: int = 120, height: int = 24) -> str:
    """The points of an SVG polyline; a series that hardly moves is drawn as hardly moving."""
    low, high = min(series), max(series)
    spread = max(high - low, _LEAST_SPREAD_MB, high * 0.1)
    step = width / max(len(series) - 1, 1)
    points = [
        (index * step, height - 2 - (value - low) / spread * (height - 4))
        for index, value in enumerate(series)
    ]
    if len(points) == 1:
        points.append((float(width), points[0][1]))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
