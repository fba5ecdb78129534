"""
How many streamed answers does one process follow at once, each of 20 texts a second, before its event loop is late?

Where the first number is too many for the machine, fewer are tried, until the lag is small enough. The server needs more than
half a core, too: where two cores are threads of one, as in many virtual machines, both become slower by more than half.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.estate import CHAT, Estate
from benchmarks.figures import Figure
from benchmarks.generator import cpu_s, generating, locust, until
from benchmarks.held_open import lag_p99_ms
from benchmarks.stream_reading import STREAMED
from benchmarks.stream_server import Pace, stream_server

STREAMS = (2_000, 1_500, 1_200, 1_000, 800, 600, 400)
WINDOW_S = 10.0
PACE = Pace(contents=200, first_s=0.5, gap_s=0.0475)
_PER_S = 20
_LAG_MS = 100.0
_SPAWN_RATE = 500


class Held(NamedTuple):
    """So many streams, followed for a while."""

    streams: int
    texts_per_s: float
    core_ratio: float
    server_core_ratio: float
    lags_ms: list[float]
    """p99 of each second."""

    @property
    def is_in_time(self) -> bool:
        """Whether the loop is late by less than is allowed, and the texts came at the pace that is asked for."""
        return median(self.lags_ms) < _LAG_MS and self.texts_per_s > 0.9 * _PER_S * self.streams


def measure(streams: tuple[int, ...] = STREAMS, seconds: float = WINDOW_S) -> list[Figure]:
    """The largest of these numbers that one process follows in time, or the last one."""
    with tempfile.TemporaryDirectory() as name:
        estate = Estate(Path(name), max(streams))
        for number in streams:
            held = _held(estate, number, seconds)
            if held.is_in_time:
                break
    wanted = streams[0]
    return [
        Figure(
            f"streamed answers followed by one process, each of {_PER_S} texts a second",
            f"{held.streams:,} at a time, {held.texts_per_s:,.0f} texts per second, on {held.core_ratio:.0%} of a core, "
            f"{held.core_ratio / held.texts_per_s * 1e6:.1f} µs of it each; the server took {held.server_core_ratio:.0%} of one",
            held.streams / wanted,
            f"{wanted:,}",
            held.is_in_time and held.streams == wanted,
        ),
        Figure(
            "event-loop lag meanwhile, p99 of a second",
            f"median of the seconds {median(held.lags_ms):.0f} ms, worst {max(held.lags_ms):.0f} ms",
            None,
            f"under {_LAG_MS:g} ms",
            median(held.lags_ms) < _LAG_MS,
        ),
    ]


def _held(estate: Estate, streams: int, seconds: float) -> Held:
    with stream_server(PACE) as server:
        command = locust(CHAT, streams, "--host", server.base_url, spawn_rate=_SPAWN_RATE)
        with generating(command, estate.environ | STREAMED) as process:
            until(lambda: server.served().open >= 0.9 * streams)
            time.sleep(min(seconds, 3.0))  # the second in which the last ones began is over
            before, cpu_before_s = server.served(), cpu_s(process)
            began_s, began_at = time.perf_counter(), time.time()
            time.sleep(seconds)
            after, cpu_after_s = server.served(), cpu_s(process)
            took_s, ended_at = time.perf_counter() - began_s, time.time()
        return Held(
            streams,
            (after.requests - before.requests) / took_s,
            (cpu_after_s - cpu_before_s) / took_s,
            (after.cpu_s - before.cpu_s) / took_s,
            lag_p99_ms(estate.runs, began_at, ended_at),
        )


if __name__ == "__main__":
    print(*measure(), sep="\n")  # noqa: T201 - a benchmark is run by hand
