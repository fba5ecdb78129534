"""Results of one kind, as a mergeable distribution of durations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from monitoring.buckets import BUCKETS, decode_histograms, edges_us
from monitoring.measurement import new_histogram

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hdrh.histogram import HdrHistogram
    from numpy.typing import NDArray

_US_PER_MS = 1000
NEVER = BUCKETS
"""A bucket behind those of HdrHistogram, for results that will never arrive; its value is infinite."""
CELLS = BUCKETS + 1
"""Number of buckets, `NEVER` included."""


@dataclass(frozen=True, slots=True)
class Latency:
    """
    Figures in milliseconds; None where the source does not have the figure.

    Args:
        at_least: Names of the figures that are lower bounds, because they lie among requests waited for in vain.
    """

    min_ms: float | None = None
    mean_ms: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None
    at_least: tuple[str, ...] = ()


class Counts(NamedTuple):
    """Results: buckets, ascending, and how many results are in each."""

    buckets: NDArray[np.int64]
    counts: NDArray[np.int64]

    @property
    def total(self) -> int:
        """Number of results."""
        return int(self.counts.sum())


NOTHING = Counts(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


def nearest_rank(count: int, percent: float) -> int:
    """
    The rank of a percentile among *count* results: count·percent/100, rounded up.

    Percentages have at most three decimals. The rank is computed in integers, so that 95 % of 20 is 19 and not 20.
    """
    return max(-(-count * round(percent * 1000) // 100_000), 1)


def nearest_ranks(counts: NDArray[np.int64], percent: float) -> NDArray[np.int64]:
    """`nearest_rank` of each of *counts*."""
    return np.maximum(-(-counts * round(percent * 1000) // 100_000), 1)


def bucket_beyond(limit_ms: float) -> int:
    """The first bucket with results longer than *limit_ms*; results in the bucket of the limit count as within it."""
    lowest_us, _ = edges_us()
    return int(np.searchsorted(lowest_us, max(int(limit_ms * _US_PER_MS), 1), side="right"))


class Distribution:
    """
    An HdrHistogram of microseconds with three significant digits, read in milliseconds.

    Histograms are merged, percentiles never are. A value is shown as the upper edge of its bucket, as HDR tools do:
    at most 0.1 % too large, and never too small.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(CELLS, dtype=np.int64)

    @classmethod
    def merged(cls, parts: Iterable[Self]) -> Self:
        """The sum of *parts*."""
        whole = cls()
        for part in parts:
            whole.add(part)
        return whole

    def add(self, other: Self) -> None:
        """Add the results of *other*."""
        self._counts += other._counts

    def add_counts(self, buckets: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        """Add *counts* to *buckets*, one each; a bucket may be named more than once."""
        np.add.at(self._counts, buckets, counts)

    def add_encoded(self, payload: str | bytes) -> None:
        """
        Add a histogram in HdrHistogram's compressed base64 form.

        Raises:
            ValueError: *payload* is damaged.
        """
        held, damaged = decode_histograms([payload])
        if damaged:
            raise ValueError("the histogram is damaged or cut off")
        self.add_counts(held.buckets, held.counts)

    def as_histogram(self) -> HdrHistogram:
        """The results as a histogram of hdrh, in microseconds."""
        histogram, (held, counts) = new_histogram(), self.bucket_counts()
        np.ctypeslib.as_array(histogram.counts)[:] = self._counts[:BUCKETS]
        if len(held):
            histogram.set_internal_tacking_values(int(held[0]), int(held[-1]), int(counts.sum()))
        return histogram

    @property
    def count(self) -> int:
        """Number of results."""
        return int(self._counts.sum())

    def bucket_counts(self) -> Counts:
        """The buckets that hold results."""
        held = np.flatnonzero(self._counts)
        return Counts(held, self._counts[held])

    def count_within(self, limit_ms: float) -> int:
        """How many results lie at or below *limit_ms*; one in the bucket of the limit counts as within."""
        return int(self._counts[: bucket_beyond(limit_ms)].sum())

    def value_at_rank(self, rank: int) -> float:
        """The *rank*-th smallest result in milliseconds; the smallest has rank 1."""
        return float(upper_edges_ms(np.searchsorted(np.cumsum(self._counts), rank)))

    def percentile(self, percent: float) -> float:
        """
        The smallest result that at least *percent* of all do not exceed, in milliseconds.

        The nearest-rank definition (rank = n·percent/100, rounded up); needs at least one result.
        """
        return self.value_at_rank(nearest_rank(self.count, percent))

    def latency(self) -> Latency:
        """Every figure that a report shows; all None where there are no results. No result may be in `NEVER`."""
        held, counts = self.bucket_counts()
        if not len(held):
            return Latency()
        lower_ms, upper_ms = _edges_ms()[0][held], upper_edges_ms(held)
        return Latency(
            min_ms=float(lower_ms[0]),
            mean_ms=float(np.average((lower_ms + upper_ms) / 2, weights=counts)),
            p50_ms=self.percentile(50),
            p95_ms=self.percentile(95),
            p99_ms=self.percentile(99),
            max_ms=float(upper_ms[-1]),
        )


@cache
def _edges_ms() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The smallest and the largest value of each bucket; both are infinite for `NEVER`."""
    lowest_us, highest_us = edges_us()
    return np.append(lowest_us / _US_PER_MS, np.inf), np.append(highest_us / _US_PER_MS, np.inf)


def upper_edges_ms(buckets: NDArray[np.int64] | np.int64) -> NDArray[np.float64]:
    """The values that stand for buckets, in milliseconds; they are the same in all histograms."""
    return np.asarray(_edges_ms()[1][buckets])
