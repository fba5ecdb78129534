"""Makes Locust's statistics as fine as the suite's, so that its web UI and CSV files agree with the report."""

from __future__ import annotations

_EXACT_BITS = 11


def fine_bucket(response_time: float) -> int:
    """
    The bucket of a response time in milliseconds: 1 ms wide up to 2,047, beyond that a thousandth of the value.

    Locust keeps two significant digits, and names its function as the place to change that. The buckets are those of
    an HdrHistogram with three digits; each is named by its upper edge, as there.
    """
    whole = round(response_time)
    width = 1 << max(whole.bit_length() - _EXACT_BITS, 0)
    return whole // width * width + width - 1
