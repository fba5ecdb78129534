"""
A figure with its 95 % interval; the ratio and the difference of two.

An interval of the ratio (or of the difference) of two figures is made from the two figures' own intervals, by the
method of variance estimates recovery (Zou & Donner, Statistics in Medicine 27, 2008; for shares it is Newcombe's
method 10, Statistics in Medicine 17, 1998). So nothing is assumed about how durations are distributed. What widens
a figure's own interval, such as results that depend on others of the same time, widens the new interval too.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from reports.statistics.certainty import Z_95

_SHORTEST_MS = 1e-6
_NEXT_MOMENT = 2.0
"""
How many times as slow, or as quick, the next moment may be. Results of a single window show how that moment was.
However many they are, they do not show the next moment: twenty onboardings at once, run six times with the same
commit on a busy machine, took 135 to 211 ms.
"""


class Estimate(NamedTuple):
    """A figure and its 95 % interval; the upper end is infinite where the figure is a lower bound."""

    value: float
    low: float
    high: float

    @property
    def half(self) -> float:
        """The longer half of the interval."""
        return max(self.high - self.value, self.value - self.low)


def share_of(successes: int, count: int) -> Estimate:
    """*successes* of *count*, with Wilson's interval (Journal of the American Statistical Association 22, 1927), the basis of Newcombe's."""
    share, square = successes / count, Z_95**2
    centre = (share + square / (2 * count)) / (1 + square / count)
    half = Z_95 * math.sqrt(share * (1 - share) / count + square / (4 * count**2)) / (1 + square / count)
    return Estimate(share, min(centre - half, share), max(centre + half, share))


def difference_of(baseline: Estimate, new: Estimate) -> Estimate:
    """New minus baseline, from two independent runs; the ends are NaN where either has no interval."""
    value = new.value - baseline.value
    if any(map(math.isnan, (*baseline, *new))):
        return Estimate(value, math.nan, math.nan)
    return Estimate(
        value,
        value - math.hypot(new.value - new.low, baseline.high - baseline.value),
        value + math.hypot(new.high - new.value, baseline.value - baseline.low),
    )


def ratio_of(baseline: Estimate, new: Estimate) -> Estimate:
    """New divided by baseline, from two independent runs: the difference of their logarithms."""
    logarithms = (Estimate(*(math.log(max(end, _SHORTEST_MS)) for end in side)) for side in (baseline, new))
    return Estimate(*(math.exp(end) for end in difference_of(*logarithms)))


def widened(ratio: Estimate, baseline: float) -> tuple[Estimate, Estimate]:
    """The ratio and the difference, with intervals for two moments instead of two runs."""
    wide = Estimate(ratio.value, ratio.low / _NEXT_MOMENT, ratio.high * _NEXT_MOMENT)
    return wide, Estimate(*(baseline * (end - 1) for end in wide))
