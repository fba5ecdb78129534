from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from locustfiles._ceiling import Ceiling


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


def test_a_smaller_share_holds_at_once() -> None:
    time = Time()
    ceiling = Ceiling(10, lambda: time.now, time.sleep)
    for _ in range(10):
        ceiling.wait()
    ceiling.share(2)
    ceiling.wait()
    assert time.now == 101.0
