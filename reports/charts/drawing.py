"""Geometry of the report's small pictures, in per cent of their width; the template draws them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.finding import Finding
    from reports.rows import StepRow
    from reports.statistics.scalability import Scalability

_HEADROOM = 1.2
"""How many times as far a scale reaches as what must be seen on it."""
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
    """*value* in per cent of the largest of *values*; 0..100."""
    largest = max((v for v in values if v is not None), default=0.0)
    return round(100 * value / largest, 2) if value and largest else 0.0


class Curve(NamedTuple):
    """
    Users against something measured, in a box of 300 by 100 with the origin at its lower left.

    Args:
        dots: Where each step lies.
        line: The points of a polyline: through the dots, or along the law that was fitted to them.
        top: The value at the upper edge.
        most_users: The users at the right edge.
    """

    dots: tuple[tuple[float, float], ...]
    line: str
    top: float
    most_users: int


def draw_curve(
    rows: Sequence[StepRow], values: Sequence[float | None], law: Scalability | None = None
) -> Curve | None:
    """How *values* grow with the users of the steps; None where fewer than two values are known."""
    known = sorted(
        (row.users, value) for row, value in zip(rows, values, strict=True) if row.users and value is not None
    )
    if len(known) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    most_users, top = known[-1][0], max(value for _, value in known) * _HEADROOM or 1.0

    def place(users: float, value: float) -> tuple[float, float]:
        return round(300 * users / most_users, 1), round(100 - 100 * min(value / top, 1.0), 1)

    steps = [most_users * part / 60 for part in range(61)]
    drawn = known if law is None else [(users, law.per_second(users)) for users in steps]
    line = " ".join(f"{x},{y}" for x, y in (place(users, value) for users, value in drawn))
    return Curve(tuple(place(*point) for point in known), line, top, most_users)


def sparkline(series: Sequence[float], width: int = 120, height: int = 24) -> str:
    """The points of an SVG polyline; a series that hardly changes is drawn almost flat."""
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
