"""
How long requests took, also where only a lower bound is known, because they were waited for in vain.

A timeout, or a request that the end of the run cut off, has no latency but was waited for: its result is censored.
It counts in every figure up to the time that it waited, so that no slow failure makes a figure better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from reports.statistics.certainty import Interval, mean_interval, percentile_interval
from reports.statistics.distribution import (
    NEVER,
    Counts,
    Latency,
    nearest_rank,
    nearest_ranks,
    upper_edges_ms,
)
from reports.statistics.series import Series

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reports.statistics.certainty import Windows

_RESOLUTION = 1e-3
SHOWN = {"p50_ms": 50.0, "p95_ms": 95.0, "p99_ms": 99.0}
"""The percentiles in every table."""
_RANDOM_SEED = 17
"""Seed of the bootstrap, so that the same run is always judged the same."""


class Bound(NamedTuple):
    """
    A latency in milliseconds.

    Args:
        value: Infinite where it lies among results that will never arrive.
        worst: The value if all that waited had never been answered; it may be infinite.
    """

    value: float
    worst: float

    @property
    def at_least(self) -> bool:
        """Whether the true latency may be larger than the value."""
        return self.worst > self.value * (1 + _RESOLUTION)


def percentile(answered: Counts, waited: Counts, percent: float) -> Bound:
    """
    A percentile by nearest rank; there must be at least one result.

    For values up to the time that it waited, a result that waited counts among the larger results; for values beyond,
    it does not count at all. This is Kaplan and Meier's reduced-sample estimate (Journal of the American Statistical
    Association 53, 1958, section 3). So another result that waited never makes the percentile smaller. The percentile
    is a lower bound if it would be larger, had all that waited never been answered.

    Args:
        answered: Results with a known duration.
        waited: Results of which only a lower bound is known.
        percent: 0..100.
    """
    if not waited.total:
        value = _at_rank(answered, nearest_rank(answered.total, percent))
        return Bound(value, value)
    buckets = np.union1d(answered.buckets, waited.buckets)
    known, open_ended = (_spread(part, buckets) for part in (answered, waited))
    before = np.cumsum(known) - known
    still_waiting = np.cumsum(open_ended[::-1])[::-1]
    reached = np.flatnonzero(before < nearest_ranks(answered.total + still_waiting, percent))[-1]
    value = float(upper_edges_ms(buckets[reached]))
    rank = nearest_rank(answered.total + waited.total, percent)
    worst = _at_rank(answered, rank) if rank <= answered.total else math.inf
    return Bound(value, worst)


def _at_rank(results: Counts, rank: int) -> float:
    return float(upper_edges_ms(results.buckets[np.searchsorted(np.cumsum(results.counts), rank)]))


def _spread(part: Counts, buckets: NDArray[np.int64]) -> NDArray[np.int64]:
    counts = np.zeros(len(buckets), dtype=np.int64)
    counts[np.searchsorted(buckets, part.buckets)] = part.counts
    return counts


@dataclass(frozen=True, slots=True)
class Latencies:
    """
    The results that a latency is computed from.

    Args:
        answered: Results with a known duration; it is infinite for results that will never arrive.
        waited: Results of which only a lower bound is known: timeouts, and requests that the end of the run cut off.
    """

    answered: Series = field(default_factory=Series)
    waited: Series = field(default_factory=Series)

    @property
    def count(self) -> int:
        """Number of results, answered or waited for in vain."""
        return self.answered.count + self.waited.count

    def percentile(self, percent: float) -> Bound | None:
        """The percentile, as `percentile` computes it; None where there is no result."""
        return percentile(*self._counts(), percent) if self.count else None

    def mean(self) -> Bound | None:
        """The mean; a result that waited counts with the time it waited, but only where that makes the mean larger."""
        known_ms = self.answered.whole.latency().mean_ms
        if not self.waited.count:
            return None if known_ms is None else Bound(known_ms, known_ms)
        buckets, counts = (column[::-1] for column in self.waited.whole.bucket_counts())
        sums = (known_ms or 0.0) * self.answered.count + np.cumsum(upper_edges_ms(buckets) * counts)
        means = sums / (self.answered.count + np.cumsum(counts))
        return Bound(max(float(means.max()), known_ms or 0.0), math.inf)

    def maximum(self) -> Bound | None:
        """The longest of all results; None where there is no result."""
        parts = [part for part in self._counts() if part.total]
        if not parts:
            return None
        longest = max(float(upper_edges_ms(part.buckets[-1])) for part in parts)
        return Bound(longest, math.inf if self.waited.count else longest)

    def summary(self) -> Latency | None:
        """Every figure that a report shows; None where there is no result. The fastest is the fastest answer."""
        bounds = {name: self.percentile(percent) for name, percent in SHOWN.items()}
        bounds |= {"mean_ms": self.mean(), "max_ms": self.maximum()}
        known = {name: bound for name, bound in bounds.items() if bound is not None}
        if not known:
            return None
        return Latency(
            min_ms=self.answered.whole.latency().min_ms,
            **{name: bound.value for name, bound in known.items()},
            at_least=tuple(name for name, bound in known.items() if bound.at_least),
        )

    def percentile_interval(self, percent: float) -> Interval | None:
        """
        The 95 % interval; the percentile is always in it.

        Its upper end is a lower bound where it lies among results that waited or will never arrive: it is then the
        longest known time.

        Returns:
            None with too few results, and where the whole interval lies among results that will never arrive.
        """
        value, low = self.percentile(percent), self._interval(percent, self.waited)
        if value is None or low is None or math.isinf(value.value):
            return None
        worst = self._interval(percent, Series.never(self.waited)) if self.waited.count else low
        end = max(value.value, low.high) if math.isfinite(low.high) else self._longest_known()
        beyond = worst is not None and worst.high > end * (1 + _RESOLUTION)
        return Interval(min(low.low, value.value), end, low.method, at_least=value.at_least or beyond)

    def mean_interval(self) -> Interval | None:
        """The 95 % interval of the mean; its upper end is a lower bound where any result waited."""
        value, found = self.mean(), mean_interval(self._windows(self.waited), random=_random())
        if value is None or found is None:
            return None
        low, high = min(found.low, value.value), max(found.high, value.value)
        return Interval(low, high, found.method, at_least=value.at_least)

    def _interval(self, percent: float, waited: Series) -> Interval | None:
        return percentile_interval(self._windows(waited), percent, random=_random())

    def _windows(self, waited: Series) -> Windows:
        return Series.merged((self.answered, waited)).windows()

    def _counts(self) -> tuple[Counts, Counts]:
        return self.answered.whole.bucket_counts(), self.waited.whole.bucket_counts()

    def _longest_known(self) -> float:
        held = np.concatenate([part.buckets for part in self._counts()])
        return float(upper_edges_ms(held[held != NEVER].max()))


def _random() -> np.random.Generator:
    return np.random.default_rng(_RANDOM_SEED)
