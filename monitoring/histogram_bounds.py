"""The bounds of Prometheus's latency histograms: dense near the thresholds, and one on every limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.metric import parse_metric

if TYPE_CHECKING:
    from conf.thresholds import Thresholds

BOUNDS_S = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75,
    2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0,
)  # fmt: skip
"""From 5 ms to the 60 s after which a request is a timeout; all limits of the Phase 17 document are among them."""


def latency_bounds_s(thresholds: Thresholds) -> tuple[float, ...]:
    """
    `BOUNDS_S`, and every latency limit that is not among them.

    ``histogram_quantile`` interpolates between bounds. With a bound on the limit itself, its result lies beyond the limit
    exactly when the percentile does, also with coarse buckets.
    """
    limits_ms = {
        limit
        for demands in thresholds.values()
        for name, limits in demands.items()
        for limit in (
            (limits.pass_below, limits.fail_above) if parse_metric(name).is_latency else (limits.within_ms,)
        )
        if limit
    }
    return tuple(sorted({*BOUNDS_S, *(limit / 1000 for limit in limits_ms)}))
