"""The planned starts of an open workload, as pure code: which moments they are, and what becomes of each."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING

import numpy as np
import pytest
import scipy  # its parts are imported where they are used
from hypothesis import given
from hypothesis import strategies as st

from conf.profile import Arrivals
from swarm.generator.arrivals import Schedule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

CONSTANT, POISSON = Arrivals.CONSTANT, Arrivals.POISSON
IMPROBABLE = 1e-4
"""The seeds are fixed, so that a test passes always or never; a true claim fails for one set of seeds in 10,000."""

rates = st.floats(0.1, 500)
kinds = st.sampled_from(Arrivals)


def test_a_start_that_is_given_back_is_taken_by_somebody_else_and_missed_only_where_nobody_is_there() -> None:
    schedule = Schedule(1.0, CONSTANT, "seed", 0, 1)
    first, second, third = (schedule.take() for _ in range(3))
    schedule.begin(first)
    schedule.give_back(first)  # it was made: there is nothing to give
    schedule.give_back(third)
    schedule.give_back(second)
    assert schedule.missed(-1.0) == 0
    assert schedule.take() == second
    schedule.begin(second)
    assert schedule.missed(2.0) == 1
    assert schedule.begun == 2


def starts_until(end_s: float, schedule: Schedule) -> list[float]:
    def taken() -> Iterator[float]:
        while True:
            yield schedule.take()

    return list(takewhile(lambda planned_s: planned_s <= end_s, taken()))


def merged_starts(end_s: float, rate: float, arrivals: Arrivals, seed: str, shares: int) -> list[float]:
    """The starts of all processes of a run, in the order of time."""
    each = [starts_until(end_s, Schedule(rate, arrivals, seed, share, shares)) for share in range(shares)]
    return sorted(planned_s for starts in each for planned_s in starts)


@given(rates, st.integers(1, 12))
def test_constant_shares_interleave_at_equal_distances_and_begin_at_once(rate: float, shares: int) -> None:
    count = 60
    merged = merged_starts((count - 0.5) / rate, rate, CONSTANT, "17/chat", shares)
    assert merged == pytest.approx([number / rate for number in range(count)])


@given(rates, kinds, st.integers(0, 3))
def test_starts_never_go_back_in_time_and_nobody_gets_one_twice(
    rate: float, arrivals: Arrivals, share: int
) -> None:
    schedule = Schedule(rate, arrivals, "17/chat", share, 4)
    taken = [schedule.take() for _ in range(200)]
    assert taken[0] >= 0
    assert all(earlier < later for earlier, later in pairwise(taken))


@pytest.mark.parametrize("shares", [1, 2, 7])
def test_poisson_shares_add_up_to_the_rate_that_was_asked_for(shares: int) -> None:
    rate, length_s, runs = 40.0, 50.0, 20
    counts = [len(merged_starts(length_s, rate, POISSON, f"{run}/chat", shares)) for run in range(runs)]
    mean = rate * length_s * runs
    assert scipy.stats.poisson.cdf(sum(counts), mean) == pytest.approx(0.5, abs=0.5 - IMPROBABLE / 2)
    # The counts themselves scatter as independent visitors do: neither evenly nor in bunches.
    dispersion = sum((count - rate * length_s) ** 2 for count in counts) / (rate * length_s)
    assert scipy.stats.chi2.cdf(dispersion, runs) == pytest.approx(0.5, abs=0.5 - IMPROBABLE / 2)


@pytest.mark.parametrize("shares", [1, 2, 7])
def test_poisson_shares_together_have_exponential_and_independent_distances(shares: int) -> None:
    rate = 40.0
    distances = np.diff(merged_starts(200.0, rate, POISSON, "17/chat", shares), prepend=0.0)
    assert scipy.stats.kstest(distances, scipy.stats.expon(scale=1 / rate).cdf).pvalue > IMPROBABLE
    assert scipy.stats.spearmanr(distances[:-1], distances[1:]).pvalue > IMPROBABLE


def test_the_distances_of_constant_starts_would_be_noticed() -> None:
    distances = np.diff(merged_starts(200.0, 40.0, CONSTANT, "17/chat", 2))
    assert scipy.stats.kstest(distances, scipy.stats.expon(scale=1 / 40.0).cdf).pvalue < IMPROBABLE


@given(rates, kinds, st.integers(0, 3), st.integers(4, 6))
def test_the_same_seed_plans_the_same_starts(
    rate: float, arrivals: Arrivals, share: int, shares: int
) -> None:
    one, same = (Schedule(rate, arrivals, "17/chat", share, shares) for _ in range(2))
    assert [one.take() for _ in range(50)] == [same.take() for _ in range(50)]


def test_every_process_plans_the_same_starts_from_the_same_seed() -> None:
    """Python hashes texts differently in each process."""
    program = (
        "from swarm.generator.arrivals import Schedule; from conf.profile import Arrivals; import json;"
        "s = Schedule(20, Arrivals.POISSON, '17/chat', 0, 2); print(json.dumps([s.take() for _ in range(20)]))"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    ]
    own = Schedule(20, POISSON, "17/chat", 0, 2)
    assert [json.loads(text) for text in told] == [[own.take() for _ in range(20)]] * 2


def test_another_seed_and_another_share_plan_other_starts() -> None:
    plans = [
        Schedule(20, POISSON, seed, share, 2)
        for seed, share in (("17/chat", 0), ("17/chat", 1), ("18/chat", 0), ("17/rag", 0))
    ]
    starts = [{plan.take() for _ in range(100)} for plan in plans]
    assert len(set.union(*starts)) == 400


@pytest.mark.parametrize("arrivals", Arrivals)
def test_a_process_that_joined_when_all_was_dealt_has_no_starts(arrivals: Arrivals) -> None:
    schedule = Schedule(20, arrivals, "17/chat", 0, 0)
    assert [schedule.take() for _ in range(3)] == [math.inf] * 3
    assert schedule.missed(1e9) == 0
    assert schedule.begun == 0


@given(rates, kinds, st.integers(0, 60), st.floats(0, 1), st.randoms(use_true_random=False))
def test_every_start_up_to_the_end_is_begun_or_missed(
    rate: float, arrivals: Arrivals, users: int, at: float, random: Random
) -> None:
    end_s = 60 * at / rate
    planned = starts_until(end_s, Schedule(rate, arrivals, "17/chat", 1, 2))
    schedule = Schedule(rate, arrivals, "17/chat", 1, 2)
    taken = [schedule.take() for _ in range(users)]
    begun = [planned_s for planned_s in taken if random.random() < 0.7]
    for planned_s in begun:
        schedule.begin(planned_s)
    assert schedule.begun == len(begun)
    assert schedule.missed(end_s) == len(set(planned) - set(begun))
    assert schedule.missed(end_s) == len(set(planned) - set(begun)), "asking twice changes nothing"


def test_a_start_that_is_made_in_the_last_moment_is_not_missed() -> None:
    """Between the end of the plan and the moment when its users stop, one of them may still come to it."""
    schedule = Schedule(10, CONSTANT, "17/chat", 0, 1)
    first, second = schedule.take(), schedule.take()
    assert schedule.missed(0.35) == 4
    schedule.begin(first)
    assert schedule.missed(0.35) == 3
    schedule.begin(second)
    assert (schedule.begun, schedule.missed(0.35)) == (2, 2)


def test_a_start_that_is_planned_for_later_is_not_missed() -> None:
    schedule = Schedule(10, CONSTANT, "17/chat", 0, 1)
    for _ in range(5):
        schedule.take()
    assert schedule.missed(0.25) == 3


def test_a_start_is_made_once_and_only_by_whom_it_was_given_to() -> None:
    schedule = Schedule(10, CONSTANT, "17/chat", 0, 1)
    taken = schedule.take()
    schedule.begin(taken)
    with pytest.raises(KeyError):
        schedule.begin(taken)
    with pytest.raises(KeyError):
        schedule.begin(0.1)
