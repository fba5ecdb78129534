"""What a load generator measures of itself: how late its event loop is, how busy it is, and what it holds open."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import gevent
import psutil
import pytest
from patience import TIMEOUT_S

from monitoring.health import LagSampler, OwnVitals
from monitoring.measurement import HIGHEST_US, new_histogram

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hdrh.histogram import HdrHistogram

EVERY_S = 0.02


class Loop:
    """An event loop that wakes its sleepers late by as much as it is told, and a clock that knows."""

    def __init__(self, late_s: Iterable[float]) -> None:
        self.now_s = 1000.0
        self.asked_s: list[float] = []
        self._late_s = iter(late_s)

    def sleep(self, seconds: float) -> None:
        self.asked_s.append(seconds)
        self.now_s += seconds + next(self._late_s)

    def clock(self) -> float:
        return self.now_s


def sampled(*late_s: float) -> LagSampler:
    loop = Loop(late_s)
    sampler = LagSampler(loop.sleep, loop.clock)
    for _ in late_s:
        sampler.sample()
    assert loop.asked_s == [EVERY_S] * len(late_s)
    return sampler


def taken(sampler: LagSampler) -> HdrHistogram:
    histogram = new_histogram()
    histogram.decode_and_add(sampler.take())
    return histogram


def lags_ms(*late_s: float) -> HdrHistogram:
    return taken(sampled(*late_s))


def test_a_pause_of_a_second_counts_as_fifty_samples_and_not_as_one() -> None:
    lags = lags_ms(*[0.0] * 100, 1.0)
    assert lags.get_total_count() == pytest.approx(150, abs=1)
    assert lags.get_max_value() == pytest.approx(1e6, rel=0.001)
    assert lags.get_value_at_percentile(95) > 800_000, "1 of 101 samples would leave the p95 at nothing"
    late = [item.value_iterated_to for item in lags.get_recorded_iterator()][1:]
    assert late == pytest.approx([number * EVERY_S * 1e6 for number in range(1, 51)], rel=0.001)


def test_a_delay_shorter_than_the_distance_of_samples_is_one_sample() -> None:
    lags = lags_ms(0.005, 0.019)
    assert lags.get_total_count() == 2
    assert lags.get_max_value() == pytest.approx(19_000, rel=0.001)
    assert lags.get_min_value() == pytest.approx(5_000, rel=0.001)


@pytest.mark.parametrize("late_s", [0.0, -0.001])
def test_a_loop_that_wakes_in_time_or_early_is_not_late(late_s: float) -> None:
    assert lags_ms(late_s).get_max_value() == 1


def test_a_pause_of_an_hour_is_told_as_the_longest_that_can_be() -> None:
    assert lags_ms(3600.0).get_max_value() == pytest.approx(HIGHEST_US, rel=0.001)


def test_lags_are_handed_over_once() -> None:
    sampler = sampled(0.001, 0.002)
    assert taken(sampler).get_total_count() == 2
    assert taken(sampler).get_total_count() == 0


def test_a_real_loop_that_is_blocked_is_seen_to_be_late() -> None:
    sampler = LagSampler(gevent.sleep)
    sampling = gevent.spawn(sampler.run)
    gevent.sleep(2 * EVERY_S)
    burn(0.3)
    gevent.sleep(2 * EVERY_S)
    sampling.kill()
    lags = taken(sampler)
    assert lags.get_max_value() >= 1e6 * (0.3 - EVERY_S) * 0.999
    assert lags.get_total_count() >= 14


def burn(seconds: float) -> None:
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s:
        pass


class Clock:
    """Stands still until it is set."""

    now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


def test_time_on_the_processor_is_a_share_of_the_time_since_the_last_reading() -> None:
    clock = Clock()
    vitals = OwnVitals(clock)
    used_s = time.process_time()
    while time.process_time() < used_s + 0.5:
        pass
    clock.now_s += 10
    assert vitals.read().cpu_ratio == pytest.approx(0.05, rel=0.1)
    clock.now_s += 10
    assert vitals.read().cpu_ratio < 0.02, "what was read before is not read again"


def test_two_readings_at_the_same_moment_divide_by_nothing() -> None:
    vitals = OwnVitals(Clock())
    burn(0.05)
    assert vitals.read().cpu_ratio == 0


def test_files_and_sockets_that_are_open_are_counted_beside_what_is_allowed() -> None:
    vitals = OwnVitals()
    before = vitals.read()
    with ExitStack() as opened:
        for _ in range(5):
            opened.enter_context(socket.socket())
            opened.enter_context(Path(os.devnull).open())
        assert vitals.read().open_files == before.open_files + 10
    assert vitals.read().open_files == before.open_files
    assert before.open_files_limit == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_memory_is_that_of_this_process() -> None:
    read = OwnVitals().read()
    assert read.rss_bytes == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)
    assert read.rss_bytes > 1_000_000


FULL = """
import os, resource
from monitoring.health import OwnVitals
vitals = OwnVitals()
before = vitals.read()
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, most))
opened = []
try:
    while True:
        opened.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    full = vitals.read()
for descriptor in opened:
    os.close(descriptor)
after = vitals.read()
print(full.open_files, full.open_files_limit, full.rss_bytes == before.rss_bytes, after.open_files == before.open_files)
"""


def test_a_process_that_has_as_many_files_open_as_it_may_is_read_as_full() -> None:
    said = subprocess.run(
        [sys.executable, "-c", FULL], capture_output=True, text=True, check=True, timeout=TIMEOUT_S
    )
    assert said.stdout.split() == ["64", "64", "True", "True"]
