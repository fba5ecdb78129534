from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from measured_series import distribution, series

from reports.statistics.distribution import nearest_rank
from reports.statistics.series import Series


def test_results_of_the_same_five_seconds_are_one_window() -> None:
    windows = series((100.0, [1, 1]), (104.9, [2]), (105.0, [3])).windows()
    assert windows.values.tolist() == pytest.approx([1, 2, 3], rel=1e-3)
    assert windows.counts.tolist() == [[2, 1, 0], [0, 0, 1]]


def test_a_window_without_results_is_not_there_however_far_apart_the_others_are() -> None:
    assert series((0.0, [1]), (1.7e9, [1])).windows().counts.tolist() == [[1], [1]]


def test_a_long_run_has_wider_windows_and_loses_nothing() -> None:
    made = series(*((5.0 * number, [number + 1.0]) for number in range(1000)))
    counts = made.windows().counts
    assert len(counts) == 125
    assert set(counts.sum(axis=1)) == {8}
    assert made.count == counts.sum() == 1000


def test_series_of_different_width_are_merged_window_by_window() -> None:
    long = series(*((5.0 * number, [1.0]) for number in range(300)))
    short = series((3.0, [2.0, 2.0]))
    windows = Series.merged([short, long]).windows()
    assert windows.counts[0].tolist() == [2, 2]
    assert windows.counts.sum() == 302


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 60_000)), min_size=1, max_size=50))
def test_windows_hold_what_the_whole_holds(results: list[tuple[int, int]]) -> None:
    made = series(*((float(at), [float(ms)]) for at, ms in results))
    windows = made.windows()
    rank = nearest_rank(made.count, 95)
    assert windows.value_at_rank(rank) == made.whole.value_at_rank(rank)
    assert windows.counts.sum() == made.count


@given(st.integers(1, 10_000), st.sampled_from([1, 50, 90, 95, 99, 99.9, 99.99]))
def test_a_nearest_rank_is_the_smallest_that_reaches_its_share(count: int, percent: float) -> None:
    rank = nearest_rank(count, percent)
    thousandths = round(percent * 1000)
    assert rank * 100_000 >= thousandths * count
    assert (rank - 1) * 100_000 < thousandths * count


@given(st.lists(st.integers(1, 5000), min_size=1), st.integers(1, 6000))
def test_results_within_a_limit_are_counted_by_their_buckets(values_ms: list[int], limit_ms: int) -> None:
    counted = distribution(*values_ms).count_within(limit_ms)
    values = np.array(values_ms)
    assert (values <= limit_ms * 0.998).sum() <= counted <= (values <= limit_ms * 1.002).sum()
