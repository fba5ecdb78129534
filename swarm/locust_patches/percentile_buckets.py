"""Locust's own statistics, kept as finely as ours, so that its web UI and its CSV files agree with the report."""

from __future__ import annotations

_EXACT_BITS = 11


def fine_bucket(response_time: float) -> int:
    """
    The bucket of a response time in milliseconds: whole ones up to 2,047, beyond that a thousandth of the value.

    Locust itself keeps two significant digits, and names this function as the one to replace. Buckets are those of
    an HdrHistogram with three digits, and stand for their upper edge as there.
    """
    whole = round(response_time)
    width = 1 << max(whole.bit_length() - _EXACT_BITS, 0)
    return whole // width * width + width - 1
