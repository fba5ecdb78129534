from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

from reports.statistics.scalability import Fitted, LoadLevel, Scalability, fit_scalability, largest_holding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LAW = (5.0, 0.02, 0.0002)
"""A peak at 70 users, with 105 results per second."""
USERS = (5, 10, 20, 40, 80, 160)


def throughput(users: float, law: tuple[float, float, float]) -> float:
    per_user, contention, coherency = law
    return per_user * users / (1 + contention * (users - 1) + coherency * users * (users - 1))


def levels(
    law: tuple[float, float, float] = LAW,
    users: Sequence[int] = USERS,
    *,
    noise_ratio: float = 0,
    reported_ratio: float = 0,
    seed: int = 0,
) -> list[LoadLevel]:
    """Levels with a normal error of *noise_ratio*, whose standard error is said to be *reported_ratio*."""
    random = np.random.default_rng(seed)
    return [
        LoadLevel(
            number,
            throughput(number, law) * (1 + noise_ratio * random.normal()),
            throughput(number, law) * reported_ratio,
        )
        for number in users
    ]


def fitted(measured: Sequence[LoadLevel], resamples: int = 100) -> Scalability:
    scalability = fit_scalability(measured, random=np.random.default_rng(1), resamples=resamples)
    assert scalability
    return scalability


def parameters(scalability: Scalability) -> tuple[Fitted, Fitted, Fitted]:
    return scalability.per_user, scalability.contention, scalability.coherency


@pytest.mark.parametrize(
    "law", [LAW, (0.4, 0, 0.001), (120, 0.3, 0), (7, 0, 0), (7, 0.5, 0.00001), (7, 1, 0), (0.004, 0.1, 0.01)]
)
def test_parameters_are_recovered_from_levels_without_noise(law: tuple[float, float, float]) -> None:
    scalability = fitted(levels(law))
    for estimate, truth in zip(parameters(scalability), law, strict=True):
        assert estimate.value == pytest.approx(truth, rel=1e-4, abs=1e-7)
        assert estimate.low <= estimate.value <= estimate.high
    assert scalability.residual_ratio == pytest.approx(0, abs=1e-5)
    assert scalability.per_second(100) == pytest.approx(throughput(100, law), rel=1e-4)


def test_the_peak_is_where_one_more_user_and_one_fewer_bring_less() -> None:
    scalability = fitted(levels())
    assert scalability.peak_users
    assert scalability.peak_users == pytest.approx(70)
    assert scalability.peak_per_second == pytest.approx(104.6, abs=0.01)
    best = max(range(1, 1000), key=lambda users: throughput(users, LAW))
    assert scalability.peak_users == pytest.approx(best, abs=1)
    assert scalability.peak_per_second == pytest.approx(throughput(best, LAW), rel=1e-4)
    assert scalability.peak_users_interval
    low, high = scalability.peak_users_interval
    assert low <= scalability.peak_users <= high


def misfit(law: Sequence[float], measured: Sequence[LoadLevel]) -> float:
    return sum(residual**2 for residual in residuals(law, measured))


def residuals(law: Sequence[float] | NDArray[np.float64], /, measured: Sequence[LoadLevel]) -> list[float]:
    return [
        (level.per_second - throughput(level.users, (law[0], law[1], law[2]))) / level.standard_error
        for level in measured
    ]


def least_misfit(measured: Sequence[LoadLevel]) -> float:
    """As found by another method, from several starts."""
    return min(
        2
        * least_squares(
            residuals,
            start,
            bounds=([1e-9, 0, 0], [np.inf, 1, np.inf]),
            x_scale=[1, 0.1, 1e-3],
            args=(measured,),
        ).cost
        for start in ([5, 0.02, 1e-4], [1, 0.5, 0.01], [20, 0.01, 1e-4])
    )


@settings(max_examples=40)
@given(
    st.sampled_from([0, 0.01, 0.2, 0.9]),
    st.sampled_from([0, 1e-5, 1e-3, 0.05]),
    st.sampled_from([0.01, 0.1, 0.2]),
    st.integers(0, 2**32),
)
def test_no_other_parameters_fit_better(
    contention: float, coherency: float, noise_ratio: float, seed: int
) -> None:
    measured = levels((5, contention, coherency), noise_ratio=noise_ratio, reported_ratio=0.05, seed=seed)
    law = [estimate.value for estimate in parameters(fitted(measured, resamples=1))]
    assert misfit(law, measured) <= least_misfit(measured) * 1.001 + 1e-6


def test_levels_that_follow_no_law_get_the_best_fit_there_is() -> None:
    wild = [
        LoadLevel(2, 30.159, 3.0159),
        LoadLevel(10, 8.874, 0.8874),
        LoadLevel(30, 2.012, 0.2012),
        LoadLevel(500, 3.19, 0.319),
    ]
    law = [estimate.value for estimate in parameters(fitted(wild, resamples=1))]
    assert misfit(law, wild) <= least_misfit(wild) * 1.001
    # With enough resamples it shows that the fit leaves open what a user alone gets.
    assert fit_scalability(wild, random=np.random.default_rng(1)) is None


def test_an_interval_holds_its_value_however_few_the_resamples() -> None:
    for seed in range(5):
        scalability = fitted(levels(noise_ratio=0.05, reported_ratio=0.05, seed=seed), resamples=1)
        for estimate in parameters(scalability):
            assert estimate.low <= estimate.value <= estimate.high


@pytest.mark.parametrize(
    ("noise_ratio", "reported_ratio", "users"),
    [
        (0.03, 0.03, USERS),  # as reported
        (0.05, 0, USERS),  # nothing reported: from the residuals alone
        (0.05, 0.01, (1, 2, *USERS)),  # far less reported than there is
    ],
)
def test_intervals_hold_the_true_value_in_about_95_of_100_runs(
    noise_ratio: float, reported_ratio: float, users: Sequence[int]
) -> None:
    covered = dict.fromkeys(("per_user", "contention", "coherency", "peak"), 0)
    for seed in range(100):
        scalability = fitted(
            levels(users=users, noise_ratio=noise_ratio, reported_ratio=reported_ratio, seed=seed)
        )
        for name, estimate, truth in zip(covered, parameters(scalability), LAW, strict=False):
            covered[name] += estimate.low <= truth <= estimate.high
        low, high = scalability.peak_users_interval or (0, math.inf)
        covered["peak"] += low <= 70 <= high
    # Three standard errors of 100 runs are 6.5; the bootstrap's 100 resamples scatter too.
    assert min(covered.values()) >= 88, covered


def test_intervals_are_no_wider_than_the_noise_demands() -> None:
    quiet, loud = (fitted(levels(reported_ratio=ratio)) for ratio in (0.01, 0.04))
    for narrow, wide in zip(parameters(quiet), parameters(loud), strict=True):
        assert wide.high - wide.low == pytest.approx(4 * (narrow.high - narrow.low), rel=0.25)


def test_residuals_larger_than_the_reported_errors_widen_the_intervals() -> None:
    measured = levels(noise_ratio=0.05, seed=3)
    believed = [LoadLevel(level.users, level.per_second, 0.05 * level.per_second) for level in measured]
    boasting = [LoadLevel(level.users, level.per_second, 0.002 * level.per_second) for level in measured]
    assert fitted(believed).residual_ratio == pytest.approx(fitted(boasting).residual_ratio, rel=0.1)
    for real, claimed in zip(parameters(fitted(believed)), parameters(fitted(boasting)), strict=True):
        assert claimed.high - claimed.low > 0.7 * (real.high - real.low)


def test_a_level_that_is_less_sure_counts_for_less() -> None:
    sure = levels(reported_ratio=0.01)
    odd = LoadLevel(80, 2 * throughput(80, LAW), throughput(80, LAW))
    scalability = fitted([*sure, odd])
    assert scalability.peak_users == pytest.approx(70, rel=0.02)
    assert scalability.residual_ratio > 0.3


@pytest.mark.parametrize("law", [(5, 0, 0), (5, 0.1, 0), (5, 0.001, 1e-8)])
def test_throughput_that_never_falls_within_reach_has_no_peak(law: tuple[float, float, float]) -> None:
    scalability = fitted(levels(law))
    assert scalability.peak_users is None
    assert scalability.peak_per_second is None
    assert scalability.peak_users_interval is None


def test_a_linear_system_in_noise_has_no_peak_that_is_bounded() -> None:
    bounded = [
        fitted(levels((5, 0, 0), noise_ratio=0.03, reported_ratio=0.03, seed=seed)).peak_users_interval
        for seed in range(30)
    ]
    assert sum(interval is not None for interval in bounded) <= 2


def test_a_peak_far_beyond_the_levels_is_seen_but_not_bounded() -> None:
    scalability = fitted(levels((5, 0.02, 1e-6), reported_ratio=0.02))
    assert scalability.peak_users == pytest.approx(990, rel=0.01)
    assert scalability.peak_users_interval is None


def test_throughput_that_falls_from_the_first_user_on_has_its_peak_there() -> None:
    scalability = fitted(levels((5, 0.5, 2.0)))
    assert scalability.peak_users == 1
    assert scalability.peak_per_second == pytest.approx(5, rel=0.001)


@pytest.mark.parametrize(
    "measured",
    [
        [],
        levels(users=(10, 20, 40)),
        levels(users=(10, 20, 20, 40, 40)),
        [*levels(), LoadLevel(200, 0, 0)],
        [*levels(), LoadLevel(200, -1, 0)],
        [*levels(), LoadLevel(0, 1, 0)],
    ],
    ids=["none", "three", "repeated", "standstill", "negative", "nobody"],
)
def test_too_few_levels_or_a_standstill_have_no_law(measured: list[LoadLevel]) -> None:
    assert fit_scalability(measured, random=np.random.default_rng(1)) is None


def test_four_levels_are_enough_and_may_come_in_any_order() -> None:
    measured = levels(users=(100, 10, 200, 50))
    assert fitted(measured).peak_users == pytest.approx(70, rel=1e-3)
    assert fitted([*measured, *measured]).peak_users == pytest.approx(70, rel=1e-3)


def test_whatever_is_measured_is_fitted_in_finite_numbers() -> None:
    random = np.random.default_rng(2)
    for _ in range(60):
        users = random.choice([1, 2, 5, 20, 50, 100, 300, 10_000], size=5, replace=False)
        measured = [
            LoadLevel(int(number), float(random.lognormal(sigma=3)), float(random.choice([0, 0.1, 10])))
            for number in users
        ]
        scalability = fit_scalability(measured, random=random, resamples=20)
        for estimate in parameters(scalability) if scalability else ():
            assert 0 <= estimate.low <= estimate.value <= estimate.high < math.inf
        assert scalability is None or scalability.contention.high <= 1


def test_the_same_seed_gives_the_same_law() -> None:
    measured = levels(noise_ratio=0.02, reported_ratio=0.02)
    first, second, other = (
        fit_scalability(measured, random=np.random.default_rng(seed), resamples=50) for seed in (1, 1, 2)
    )
    assert first == second != other


@pytest.mark.parametrize(
    ("tried", "most"),
    [
        ([], None),
        ([(10, False)], None),
        ([(10, True)], 10),
        ([(10, True), (20, True), (40, False)], 20),
        ([(10, True), (20, False), (40, True)], 10),
        ([(10, False), (20, True)], None),
        ([(40, False), (10, True), (20, True)], 20),
        ([(10, True), (20, True), (20, False)], 10),
        ([(20, False), (20, True), (10, True)], 10),
    ],
)
def test_criteria_hold_up_to_the_level_below_the_first_that_fails(
    tried: list[tuple[int, bool]], most: int | None
) -> None:
    assert largest_holding(tried) == most
