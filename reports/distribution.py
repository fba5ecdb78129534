"""Results of one kind, as a mergeable distribution of durations."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Self

import numpy as np

from monitoring.measurement import new_histogram
from reports.record import Latency

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hdrh.histogram import HdrHistogram
    from numpy.typing import NDArray

_US_PER_MS = 1000


def nearest_rank(count: int, percent: float) -> int:
    """
    The rank of a percentile among *count* results: count·percent/100, rounded up.

    Percentages have at most three decimals; computed in integers, so that 95 % of 20 is 19 and not 20.
    """
    return max(-(-count * round(percent * 1000) // 100_000), 1)


class Distribution:
    """
    An HdrHistogram of microseconds with three significant digits, read in milliseconds.

    Histograms are merged, percentiles never are. A value stands for the upper edge of its bucket, as HDR tools
    show it: at most 0.1 % too large, and never too small.
    """

    def __init__(self) -> None:
        self._histogram = new_histogram()

    @classmethod
    def merged(cls, parts: Iterable[Self]) -> Self:
        """The sum of *parts*."""
        whole = cls()
        for part in parts:
            whole.add(part)
        return whole

    def add(self, other: Self) -> None:
        """Add the results of *other*."""
        self._histogram.add(other._histogram)

    def add_encoded(self, payload: str | bytes) -> None:
        """
        Add a histogram in HdrHistogram's compressed base64 form.

        Raises:
            Exception: Of many types, as the decoder finds them: *payload* is damaged.
        """
        self._histogram.decode_and_add(payload)

    @property
    def histogram(self) -> HdrHistogram:
        """The histogram itself, in microseconds; not to be changed."""
        return self._histogram

    @property
    def count(self) -> int:
        """Number of results."""
        return int(self._counts.sum())

    def bucket_counts(self) -> dict[int, int]:
        """Index of each bucket that holds results → how many."""
        counts = self._counts
        return {int(index): int(counts[index]) for index in np.flatnonzero(counts)}

    def count_within(self, limit_ms: float) -> int:
        """How many results lie at or below *limit_ms*; one in the bucket of the limit counts as within."""
        counts = self.bucket_counts()
        index = self._histogram.get_counts_array_index(max(int(limit_ms * _US_PER_MS), 1))
        return sum(count for bucket, count in counts.items() if bucket <= index)

    def value_at_rank(self, rank: int) -> float:
        """The *rank*-th smallest result in milliseconds; the smallest has rank 1."""
        index = int(np.searchsorted(np.cumsum(self._counts), rank))
        return self.upper_edge_ms(index)

    def percentile(self, percent: float) -> float:
        """
        The smallest result that at least *percent* of all do not exceed, in milliseconds.

        The nearest-rank definition (rank = n·percent/100, rounded up); needs at least one result.
        """
        return self.value_at_rank(nearest_rank(self.count, percent))

    def latency(self) -> Latency:
        """Every figure that a report shows; all None where there are no results."""
        indices = np.flatnonzero(self._counts)
        if not len(indices):
            return Latency()
        lower_ms, upper_ms = np.array([_edges_ms(int(index)) for index in indices]).T
        return Latency(
            min_ms=float(lower_ms[0]),
            mean_ms=float(np.average((lower_ms + upper_ms) / 2, weights=self._counts[indices])),
            p50_ms=self.percentile(50),
            p95_ms=self.percentile(95),
            p99_ms=self.percentile(99),
            max_ms=float(upper_ms[-1]),
        )

    @property
    def _counts(self) -> NDArray[np.uint64]:
        return np.ctypeslib.as_array(self._histogram.counts)

    def upper_edge_ms(self, index: int) -> float:
        """The value that stands for a bucket, in milliseconds."""
        return _edges_ms(index)[1]


_scale = new_histogram()


@cache
def _edges_ms(index: int) -> tuple[float, float]:
    """The lower and the upper edge of a bucket, in milliseconds; all histograms have the same buckets."""
    lowest = _scale.get_value_from_index(index)
    return lowest / _US_PER_MS, _scale.get_highest_equivalent_value(lowest) / _US_PER_MS
