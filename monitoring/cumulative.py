"""HdrHistograms in Prometheus's form: counts up to each bound, and a sum."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from monitoring.measurement import new_histogram

if TYPE_CHECKING:
    from hdrh.histogram import HdrHistogram
    from numpy.typing import NDArray

_US_PER_S = 1_000_000


def cumulative(histogram: HdrHistogram, bounds_s: tuple[float, ...]) -> tuple[list[tuple[str, float]], float]:
    """
    Count the results up to each bound, the bound included.

    Args:
        histogram: Of microseconds, as `monitoring.measurement.new_histogram` makes them.
        bounds_s: Ascending.

    Returns:
        Bound → count, with ``+Inf`` last; and the sum in seconds. A result is known to the width of its HDR bucket, 0.1 %:
        the whole bucket counts as within the bound or as beyond it.
    """
    counts = np.frombuffer(histogram.counts, dtype=np.uint64)
    filled = np.flatnonzero(counts)
    here = counts[filled].astype(np.float64)
    lowest_us, middle_us = _edges_us()
    # For each bound: how many of the buckets with results begin at or below it.
    places = np.searchsorted(
        lowest_us[filled], np.round(np.multiply(bounds_s, _US_PER_S)).astype(np.int64), side="right"
    )
    up_to = np.concatenate(([0.0], np.cumsum(here)))
    buckets = [
        (str(float(bound)), float(up_to[place])) for bound, place in zip(bounds_s, places, strict=True)
    ]
    return [*buckets, ("+Inf", float(up_to[-1]))], float(here @ middle_us[filled]) / _US_PER_S


@cache
def _edges_us() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The smallest and the middle value of each bucket; all histograms have the same buckets."""
    histogram = new_histogram()
    values = [histogram.get_value_from_index(index) for index in range(histogram.counts_len + 1)]
    edges = np.array(values, dtype=np.int64)
    return edges[:-1], (edges[:-1] + edges[1:] - 1) / 2
