from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.generator.ceiling import Ceiling, share_out

if TYPE_CHECKING:
    from collections.abc import Callable


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@given(st.integers(1, 20), st.lists(st.floats(0, 0.5), max_size=120))
def test_never_more_start_in_any_second_than_the_ceiling(per_second: int, pauses: list[float]) -> None:
    time = Time()
    ceiling = Ceiling(per_second, lambda: time.now, time.sleep)
    starts = []
    for pause in pauses:
        time.sleep(pause)
        ceiling.wait()
        starts.append(time.now)
    for first, later in zip(starts, starts[per_second:], strict=False):
        assert later - first >= 1.0 - 1e-9
    assert all(earlier <= later for earlier, later in pairwise(starts))


def test_below_the_ceiling_nothing_waits() -> None:
    time = Time()
    ceiling = Ceiling(10, lambda: time.now, time.sleep)
    for _ in range(50):
        ceiling.wait()
        time.sleep(0.11)
    assert (ceiling.held_back, round(time.now, 6)) == (0, 105.5)


def test_what_had_to_wait_is_counted() -> None:
    time = Time()
    ceiling = Ceiling(3, lambda: time.now, time.sleep)
    for _ in range(7):
        ceiling.wait()
    assert (ceiling.held_back, time.now) == (2, 102.0)


def starts_of(ceiling: Ceiling, users: int, meanwhile: Callable[[], None] = lambda: None) -> list[float]:
    """When each of so many users who ask together was let go."""
    starts = []

    def ask() -> None:
        ceiling.wait()
        starts.append(ceiling._starts[-1])

    asking = [gevent.spawn(ask) for _ in range(users)]
    gevent.sleep(0.05)
    meanwhile()
    gevent.joinall(asking)
    return starts


@pytest.mark.parametrize("late_s", [0.0, 0.3])
def test_users_who_wait_together_never_start_more_in_any_second_also_where_they_are_woken_late(
    late_s: float,
) -> None:
    ceiling = Ceiling(20, sleep=lambda seconds: gevent.sleep(seconds + late_s))
    starts = starts_of(ceiling, 60)
    assert ceiling.held_back > 0
    assert min(later - first for first, later in zip(starts, starts[20:], strict=False)) >= 1.0 - 1e-9


def test_a_smaller_share_holds_for_those_too_who_wait() -> None:
    ceiling = Ceiling(20)
    starts = starts_of(ceiling, 30, meanwhile=lambda: ceiling.share(5))
    assert min(later - first for first, later in zip(starts[15:], starts[20:], strict=False)) >= 1.0 - 1e-9


def test_who_has_no_share_sends_nothing_until_there_is_one() -> None:
    started = []
    ceiling = Ceiling(0)
    user = gevent.spawn(lambda: started.append(ceiling.wait()))
    gevent.sleep(0.1)
    assert not started
    ceiling.share(1)
    user.join(5)
    assert len(started) == 1


def test_where_nobody_takes_part_there_is_nothing_to_share() -> None:
    assert share_out(10, 0) == []


@given(st.integers(1, 100), st.integers(1, 100))
def test_the_shares_are_even_and_together_the_whole(per_second: int, processes: int) -> None:
    shares = share_out(per_second, processes)
    assert (len(shares), sum(shares)) == (processes, per_second)
    assert max(shares) - min(shares) <= 1


def test_a_smaller_share_holds_at_once() -> None:
    time = Time()
    ceiling = Ceiling(10, lambda: time.now, time.sleep)
    for _ in range(10):
        ceiling.wait()
    ceiling.share(2)
    ceiling.wait()
    assert time.now == 101.0
