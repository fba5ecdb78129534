"""Health of a process that generates load, as it measures itself: event-loop lag, processor time, open files."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from monitoring.measurement import HIGHEST_US, new_histogram

if TYPE_CHECKING:
    from collections.abc import Callable

_SAMPLE_EVERY_S = 0.02
_SAMPLE_EVERY_US = 20_000
_DESCRIPTORS = Path("/proc/self/fd")


class LagSampler:
    """
    Measures how late this process's event loop is: asks to be woken every 20 ms, and takes how much later it wakes.

    An answer that arrives while the loop is busy is timed only when the loop reads it: the generator may add the lag
    to each latency. There is one sample for each 20 ms: a pause of a second counts as fifty.

    Args:
        sleep: Waits that many seconds and lets other greenlets run.
        clock: Seconds, monotonic.
    """

    def __init__(
        self, sleep: Callable[[float], object], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._sleep = sleep
        self._clock = clock
        self._histogram = new_histogram()

    def run(self) -> None:
        """Sample until killed."""
        while True:
            self.sample()

    def sample(self) -> None:
        """
        Take one sample.

        While the loop stood still, more samples were due, each late by one interval less than the sample before. They
        are recorded too: otherwise one long pause would hide behind many quick samples (coordinated omission).
        """
        asked = self._clock()
        self._sleep(_SAMPLE_EVERY_S)
        late_us = round((self._clock() - asked - _SAMPLE_EVERY_S) * 1e6)
        self._histogram.record_corrected_value(min(max(late_us, 1), HIGHEST_US), _SAMPLE_EVERY_US)

    def take(self) -> bytes:
        """The lags since the last call, in microseconds, in HdrHistogram's compressed base64 form."""
        encoded: bytes = self._histogram.encode()
        self._histogram = new_histogram()  # takes an eighth of the time of a reset
        return encoded


@dataclass(frozen=True, slots=True)
class Vitals:
    """
    One reading of a process.

    Args:
        rss_bytes: Resident memory.
        cpu_ratio: Time on the processor since the last reading, as a share of one core.
        open_files: Files and sockets.
        open_files_limit: How many it may have.
    """

    rss_bytes: int
    cpu_ratio: float
    open_files: int
    open_files_limit: int


class OwnVitals:
    """Reads this process's vitals; must be made in the process itself, after any fork."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._process = psutil.Process(os.getpid())
        self._read_at, self._cpu_s = clock(), self._used_s()
        self._last = Vitals(int(self._process.memory_info().rss), 0.0, self._open_files(), self._limit())

    def read(self) -> Vitals:
        """
        The process as it is now.

        A reading opens files. Where the process may not open more, the reading says that its files are used up, and repeats
        the other values of the last reading.
        """
        try:
            self._last = self._look()
        except OSError:
            limit = self._limit()
            self._last = replace(self._last, open_files=limit, open_files_limit=limit)
        return self._last

    def _look(self) -> Vitals:
        now, used_s = self._clock(), self._used_s()
        rss_bytes, open_files = int(self._process.memory_info().rss), self._open_files()
        elapsed_s = now - self._read_at
        ratio = (used_s - self._cpu_s) / elapsed_s if elapsed_s > 0 else 0.0
        self._read_at, self._cpu_s = now, used_s
        return Vitals(rss_bytes, ratio, open_files, self._limit())

    def _limit(self) -> int:
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]

    def _open_files(self) -> int:
        """Linux 6.2 and later give the number; a list of ten thousand files takes a twentieth of a second."""
        counted = _DESCRIPTORS.stat().st_size if _DESCRIPTORS.exists() else 0
        return counted or int(self._process.num_fds())

    def _used_s(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)
