"""HdrHistograms as Prometheus wants them: counts up to each bound, and a sum."""

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
        Bound → count, with ``+Inf`` last; and the sum in seconds. A result counts as at most a bound where the
        HDR bucket that holds it does: that is 0.1 % wide.
    """
    counts = np.frombuffer(histogram.counts, dtype=np.uint64)
    up_to = np.cumsum(counts)
    lowest_us = _lowest_us()
    places = np.searchsorted(lowest_us, np.round(np.multiply(bounds_s, _US_PER_S)), side="right") - 1
    buckets = [
        (str(float(bound)), float(up_to[place])) for bound, place in zip(bounds_s, places, strict=True)
    ]
    middle_us = (lowest_us[:-1] + lowest_us[1:] - 1) / 2
    sum_s = float(counts[:-1] @ middle_us) / _US_PER_S
    return [*buckets, ("+Inf", float(up_to[-1]))], sum_s


@cache
def _lowest_us() -> NDArray[np.int64]:
    """The smallest value of each bucket; all histograms have the same."""
    histogram = new_histogram()
    return np.array([histogram.get_value_from_index(index) for index in range(histogram.counts_len)])
