from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.measurement import new_histogram
from swarm.locust_patches.percentile_buckets import fine_bucket


@pytest.mark.parametrize(
    ("ms", "bucket"), [(0, 0), (0.4, 0), (1.6, 2), (1234.4, 1234), (2047, 2047), (3432, 3433)]
)
def test_a_bucket_is_exact_up_to_two_seconds(ms: float, bucket: int) -> None:
    assert fine_bucket(ms) == bucket


@given(st.floats(0, 600_000))
def test_a_bucket_is_never_off_by_more_than_a_thousandth_and_half_a_millisecond(ms: float) -> None:
    assert abs(fine_bucket(ms) - ms) <= ms / 1000 + 0.5


@given(st.integers(1, 600_000))
def test_buckets_are_those_of_the_reports_histogram(ms: int) -> None:
    assert fine_bucket(ms) == new_histogram().get_highest_equivalent_value(ms)
