from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
import scipy  # its parts are imported where they are used
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

from reports.statistics.certainty import (
    Method,
    Windows,
    bootstrap_interval,
    is_dependent,
    least_count,
    mean_interval,
    percentile_interval,
    quantile_ranks,
    ratio_interval,
)
from reports.statistics.distribution import nearest_rank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

BUCKET = 0.01
"""Width of a bucket, as a share of its value."""
SIGMA = 0.5
"""Scatter of the logarithms of results within a window."""


def upper_edge(value: float) -> float:
    return math.exp(math.ceil(math.log(value) / BUCKET) * BUCKET)


def windows_of(results: Sequence[NDArray[np.float64]]) -> Windows:
    """Results in buckets, as the product has them."""
    buckets = np.ceil(np.log(np.concatenate(results)) / BUCKET).astype(np.int64)
    found, columns = np.unique(buckets, return_inverse=True)
    counts = np.zeros((len(results), len(found)), dtype=np.int64)
    rows = np.repeat(np.arange(len(results)), [len(window) for window in results])
    np.add.at(counts, (rows, columns), 1)
    return Windows(np.exp(found * BUCKET), counts)


def run(
    random: np.random.Generator, *, windows: int = 60, each: float = 50, spread: float = 0, rho: float = 0
) -> Windows:
    """
    A run whose windows are slow or fast as a whole: AR(1), with the given *spread* of the logarithm.

    Stationary, so that its true percentiles are those of ``true_percentile``.
    """
    level = np.empty(windows)
    state = random.normal()
    for number in range(windows):
        level[number] = state
        state = rho * state + math.sqrt(1 - rho**2) * random.normal()
    return windows_of(
        [
            100 * np.exp(spread * level[number] + SIGMA * random.normal(size=random.poisson(each)))
            for number in range(windows)
        ]
    )


def true_percentile(percent: float, spread: float = 0) -> float:
    return upper_edge(100 * math.exp(float(ndtri(percent / 100)) * math.hypot(spread, SIGMA)))


def order_interval(windows: Windows, percent: float) -> tuple[float, float]:
    ranks = quantile_ranks(windows.count, percent)
    assert ranks
    return windows.value_at_rank(ranks[0]), windows.value_at_rank(ranks[1])


def exact_coverage(count: int, percent: float, low: int, high: int) -> float:
    """The probability that of *count* results at least *low*, but fewer than *high*, lie below the percentile."""
    return float(
        scipy.stats.binom.cdf(high - 1, count, percent / 100)
        - scipy.stats.binom.cdf(low - 1, count, percent / 100)
    )


@cache
def tried_ranks(count: int, percent: int) -> tuple[int, int] | None:
    """As ``quantile_ranks``, by trying every pair, in whole numbers."""
    weights = [
        math.comb(count, number) * percent**number * (100 - percent) ** (count - number)
        for number in range(count + 1)
    ]
    rank = -(-count * percent // 100)
    pairs = [
        (high - low, abs(low + high - 2 * rank), -sum(weights[low:high]), low, high)
        for low in range(1, count + 1)
        for high in range(low + 1, count + 1)
        if low <= rank <= high and 20 * sum(weights[low:high]) >= 19 * 100**count
    ]
    return min(pairs)[3:] if pairs else None


@pytest.mark.parametrize(
    ("percent", "count"), [(50, 6), (90, 29), (95, 59), (99, 299), (99.9, 2995), (1, 299)]
)
def test_fewer_results_than_the_least_count_have_no_interval(percent: float, count: int) -> None:
    assert least_count(percent) == count
    assert quantile_ranks(count - 1, percent) is None
    ranks = quantile_ranks(count, percent)
    assert ranks
    assert exact_coverage(count, percent, *ranks) >= 0.95


@pytest.mark.parametrize("percent", [0, 100, -5, 101])
def test_there_is_no_interval_of_the_smallest_or_the_largest(percent: float) -> None:
    with pytest.raises(ValueError, match="not between 0 and 100"):
        quantile_ranks(1000, percent)


@pytest.mark.parametrize("percent", [5, 50, 75, 90, 95, 99])
def test_ranks_are_those_found_by_trying_every_pair(percent: int) -> None:
    counts = [*range(1, 40), 58, 59, 60, 77, 93, 94, 100]
    assert {count: quantile_ranks(count, percent) for count in counts} == {
        count: tried_ranks(count, percent) for count in counts
    }


@settings(max_examples=150)
@given(st.integers(1, 20_000), st.sampled_from([1, 25, 50, 75, 90, 95, 99, 99.5, 99.9]))
def test_ranks_reach_the_confidence_and_no_closer_pair_does(count: int, percent: float) -> None:
    ranks = quantile_ranks(count, percent)
    assert (ranks is None) == (count < least_count(percent))
    if ranks is None:
        return
    low, high = ranks
    assert 1 <= low <= nearest_rank(count, percent) <= high <= count
    assert exact_coverage(count, percent, low, high) >= 0.95
    closer = np.arange(1, count - (high - low) + 2)
    covered = scipy.stats.binom.cdf(closer + (high - low) - 2, count, percent / 100) - scipy.stats.binom.cdf(
        closer - 1, count, percent / 100
    )
    assert covered.max() < 0.95


def test_of_equally_close_pairs_it_is_the_one_around_the_nearest_rank() -> None:
    assert nearest_rank(577, 1) == 6
    assert quantile_ranks(577, 1) == (1, 11)
    assert exact_coverage(577, 1, 2, 12) > exact_coverage(577, 1, 1, 11) >= 0.95


@pytest.mark.parametrize("percent", [50, 95, 99])
def test_a_hundred_million_results_are_no_harder(percent: float) -> None:
    ranks = quantile_ranks(10**8, percent)
    assert ranks
    assert 0.95 <= exact_coverage(10**8, percent, *ranks) < 0.9502


def test_a_higher_confidence_needs_more_results_and_a_wider_pair() -> None:
    assert least_count(95, 0.99) == 90
    assert quantile_ranks(89, 95, 0.99) is None
    usual, sure = quantile_ranks(500, 95), quantile_ranks(500, 95, 0.99)
    assert usual
    assert sure
    assert sure[1] - sure[0] > usual[1] - usual[0]


@pytest.mark.parametrize("count", [60, 300, 2000])
def test_of_independent_results_the_interval_covers_as_often_as_the_binomial_says(count: int) -> None:
    random = np.random.default_rng(4)
    ranks = quantile_ranks(count, 95)
    assert ranks
    results = np.sort(random.lognormal(size=(4000, count)), axis=1)
    truth = math.exp(float(ndtri(0.95)))
    covered = np.mean((results[:, ranks[0] - 1] <= truth) & (truth <= results[:, ranks[1] - 1]))
    assert covered == pytest.approx(exact_coverage(count, 95, *ranks), abs=3 * math.sqrt(0.05 * 0.95 / 4000))


@given(st.integers(0, 400), st.integers(0, 400))
def test_the_interval_of_a_share_is_the_exact_one(successes: int, failures: int) -> None:
    count = successes + failures
    interval = ratio_interval(successes, count)
    if not count:
        assert interval is None
        return
    expected = scipy.stats.binomtest(successes, count).proportion_ci(method="exact")
    assert interval == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_no_failure_among_sixty_does_not_mean_that_there_are_none() -> None:
    interval = ratio_interval(60, 60)
    assert interval == pytest.approx((0.025 ** (1 / 60), 1))
    assert ratio_interval(0, 60) == pytest.approx((0, 1 - 0.025 ** (1 / 60)))


@pytest.mark.parametrize(("each", "percent"), [(20, 95), (4, 99)])
def test_independent_results_are_rarely_taken_for_dependent(each: float, percent: float) -> None:
    random = np.random.default_rng(5)
    assert sum(is_dependent(run(random, windows=30, each=each), percent) for _ in range(250)) <= 7


@pytest.mark.parametrize("percent", [50, 95, 99])
def test_results_that_are_slow_at_the_same_time_are_seen_to_be_dependent(percent: float) -> None:
    random = np.random.default_rng(6)
    assert sum(is_dependent(run(random, spread=0.2, rho=0.5), percent) for _ in range(50)) >= 48


def test_results_that_become_slower_bit_by_bit_are_dependent() -> None:
    random = np.random.default_rng(7)
    drifting = [100 * np.exp(0.01 * number + SIGMA * random.normal(size=8)) for number in range(40)]
    assert is_dependent(windows_of(drifting), 95)
    random.shuffle(shuffled := np.concatenate(drifting))
    assert not is_dependent(windows_of(np.split(shuffled, 40)), 95)


def test_windows_that_scatter_little_are_dependent_where_neighbours_are_alike() -> None:
    above = np.repeat(np.arange(44, 57), 3)
    values = np.array([10.0, 900.0])
    assert is_dependent(Windows(values, np.stack((100 - above, above), axis=1)), 50)
    np.random.default_rng(3).shuffle(above)
    assert not is_dependent(Windows(values, np.stack((100 - above, above), axis=1)), 50)


def test_one_burst_in_a_steady_run_makes_it_dependent() -> None:
    counts = np.tile([[99, 1]], (40, 1))
    assert not is_dependent(Windows(np.array([10.0, 900.0]), counts), 95)
    counts[20] = [40, 60]
    assert is_dependent(Windows(np.array([10.0, 900.0]), counts), 98)


def test_of_fewer_than_eight_windows_nothing_can_be_told() -> None:
    counts = np.tile([[100, 0], [0, 100]], (4, 1))
    values = np.array([10.0, 900.0])
    assert is_dependent(Windows(values, counts), 50)
    assert not is_dependent(Windows(values, counts[:7]), 50)
    gaps = np.vstack((counts[:7], np.zeros((20, 2), dtype=np.int64)))
    assert not is_dependent(Windows(values, gaps), 50)


def test_the_same_results_are_judged_alike() -> None:
    windows = run(np.random.default_rng(8), windows=20, spread=0.08, rho=0.5)
    assert len({is_dependent(windows, 95) for _ in range(5)}) == 1


def test_of_dependent_results_only_the_bootstrap_covers_often_enough() -> None:
    random = np.random.default_rng(9)
    truth = true_percentile(95, spread=0.2)
    naive = resampled = 0
    for _ in range(100):
        windows = run(random, spread=0.2, rho=0.5)
        low, high = order_interval(windows, 95)
        naive += low <= truth <= high
        interval = percentile_interval(windows, 95, random=random)
        assert interval
        resampled += interval.low <= truth <= interval.high
    assert naive < 75  # order statistics: far from 95
    assert resampled > 88  # block bootstrap: 95 but for three standard errors


def test_of_independent_results_the_chosen_interval_covers_often_enough() -> None:
    random = np.random.default_rng(10)
    truth = true_percentile(95)
    intervals = [percentile_interval(run(random, each=20), 95, random=random) for _ in range(150)]
    assert sum(bool(found and found.low <= truth <= found.high) for found in intervals) / 150 > 0.9
    assert sum(bool(found and found.method is Method.ORDER_STATISTICS) for found in intervals) >= 146


def test_dependence_never_makes_an_interval_narrower_than_that_of_independent_results() -> None:
    random = np.random.default_rng(11)
    for percent in (50, 95, 99):
        windows = run(random, windows=12, each=40, spread=0.3)
        low, high = order_interval(windows, percent)
        interval = percentile_interval(windows, percent, random=random)
        assert interval
        assert interval.method is Method.BLOCK_BOOTSTRAP
        assert interval.low <= low <= high <= interval.high


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(8, 40), st.sampled_from([1, 5, 30]), st.sampled_from([50, 95, 99]))
def test_the_measured_percentile_is_always_within(
    seed: int, windows: int, each: float, percent: float
) -> None:
    random = np.random.default_rng(seed)
    measured = run(random, windows=windows, each=each, spread=0.3)
    interval = percentile_interval(measured, percent, random=random)
    assert (interval is None) == (measured.count < least_count(percent))
    if interval:
        value = measured.value_at_rank(nearest_rank(measured.count, percent))
        assert interval.low <= value <= interval.high
        assert {interval.low, interval.high} <= set(measured.values)


def test_windows_without_results_change_nothing() -> None:
    windows = run(np.random.default_rng(12), windows=20, spread=0.3, rho=0.5)
    gaps = np.insert(windows.counts, [0, 5, 5, 20], 0, axis=0)
    assert len(gaps) == 24
    for measured in (windows, Windows(windows.values, gaps)):
        random = np.random.default_rng(1)
        assert is_dependent(measured, 95)
        assert percentile_interval(measured, 95, random=random) == percentile_interval(
            windows, 95, random=np.random.default_rng(1)
        )
        assert mean_interval(measured, random=np.random.default_rng(1)) == mean_interval(
            windows, random=np.random.default_rng(1)
        )


def test_the_same_seed_gives_the_same_interval() -> None:
    windows = run(np.random.default_rng(13), spread=0.3, rho=0.5)
    first, second, other = (
        bootstrap_interval(windows, 99, random=np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first == second != other


@pytest.mark.parametrize("shape", [(1, 400), (20, 20)])
def test_of_results_that_are_all_the_same_both_ends_are_that_value(shape: tuple[int, int]) -> None:
    windows = Windows(np.array([250.0]), np.full((shape[0], 1), shape[1]))
    random = np.random.default_rng(14)
    percentile, mean = percentile_interval(windows, 99, random=random), mean_interval(windows, random=random)
    assert percentile
    assert (percentile.low, percentile.high) == (250, 250)
    assert percentile.method is Method.ORDER_STATISTICS
    assert bootstrap_interval(windows, 99, random=random) == (250, 250)
    assert mean
    assert (mean.low, mean.high) == (250, 250)


@pytest.mark.parametrize("counts", [np.zeros((0, 0)), np.zeros((9, 0)), np.zeros((9, 1)), np.eye(1)])
def test_no_result_or_one_has_no_interval(counts: NDArray[np.float64]) -> None:
    windows = Windows(np.full(counts.shape[1], 5.0), counts.astype(np.int64))
    random = np.random.default_rng(15)
    assert percentile_interval(windows, 50, random=random) is None
    assert mean_interval(windows, random=random) is None
    assert not is_dependent(windows, 50)


def test_one_result_is_resampled_to_itself() -> None:
    windows = Windows(np.array([5.0]), np.array([[1]]))
    assert bootstrap_interval(windows, 50, random=np.random.default_rng(16)) == (5, 5)


def test_the_mean_of_few_windows_has_students_interval() -> None:
    windows = Windows(np.array([10.0, 20.0, 60.0]), np.array([[2, 1, 0], [0, 1, 1]]))
    interval = mean_interval(windows, random=np.random.default_rng(17))
    assert interval
    assert interval.method is Method.NORMAL
    assert (interval.low, interval.high) == pytest.approx(
        (24 - 2.776445 * 20.736441 / math.sqrt(5), 24 + 2.776445 * 20.736441 / math.sqrt(5))
    )


@pytest.mark.parametrize(("spread", "rho"), [(0, 0), (0.2, 0.5)])
def test_the_interval_of_the_mean_covers_often_enough(spread: float, rho: float) -> None:
    random = np.random.default_rng(18)
    truth = 100 * math.exp((spread**2 + SIGMA**2) / 2) * math.expm1(BUCKET) / BUCKET
    covered = 0
    for _ in range(150):
        interval = mean_interval(run(random, spread=spread, rho=rho), random=random)
        assert interval
        assert interval.method is Method.BLOCK_BOOTSTRAP
        covered += interval.low <= truth <= interval.high
    assert covered / 150 > 0.9
