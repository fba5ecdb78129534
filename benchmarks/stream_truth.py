"""
Are the moments of streamed answers that the suite records those at which the portal wrote?

The server writes down when it had read each request and when it wrote each text. What the suite recorded of the same answer,
found by its trace, before it went into a histogram, is held against it. The way through the system's sockets takes time, too,
more on a busy machine: at the same time a bare loop reads as many streams of the same server, and its own error is what the
transport does. Each error is without its sign; that of a moment is never negative.
"""

from __future__ import annotations

import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.estate import Estate
from benchmarks.figures import Figure
from benchmarks.generator import generating, locust, until
from benchmarks.stream_floor import load_noted
from benchmarks.stream_reading import STREAMED
from benchmarks.stream_server import Pace, load_written, stream_server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.stream_floor import Noted
    from benchmarks.stream_server import Written

ROUNDS = 3
WINDOW_S = 10.0
STREAMS = 200
PACE = Pace(contents=40, first_s=0.3, gap_s=0.05, longest_s=0.5)
CIRCUMSTANCES = ((1, 0.0), (1, 0.1), (2, 0.0), (2, 0.1))
"""Processes of the suite, and seconds from one heartbeat to the next."""
_USERS = (str(Path(__file__).parent / "noting_user.py"),)
_MOST_MS = 1.0


class Errors(NamedTuple):
    """How far a reader was off, in milliseconds: each of first text, largest gap and done."""

    p50: Sequence[float]
    p99: Sequence[float]
    largest: Sequence[float]


class Round(NamedTuple):
    """Both readers, at the same time."""

    answers: int
    """Of the suite."""
    ours: Errors
    bare: Errors


def measure(
    rounds: int = ROUNDS,
    seconds: float = WINDOW_S,
    streams: int = STREAMS,
    pace: Pace = PACE,
    circumstances: Sequence[tuple[int, float]] = CIRCUMSTANCES,
) -> list[Figure]:
    """The suite's errors beyond the transport's, in each of the circumstances."""
    figures = []
    for processes, heartbeat_s in circumstances:
        beating = pace._replace(heartbeat_s=heartbeat_s)
        found = [_round(streams, processes, beating, seconds) for _ in range(rounds)]
        what = f"{streams} streams, {processes} process{'es' * (processes > 1)}"
        figures.append(_figure(what + f", a heartbeat each {heartbeat_s:g} s" * bool(heartbeat_s), found))
    return figures


def _figure(what: str, rounds: list[Round]) -> Figure:
    p99, transport, p50, largest = (
        np.median(errors, axis=0)
        for errors in zip(
            *((r.ours.p99, r.bare.p99, r.ours.p50, r.ours.largest) for r in rounds), strict=True
        )
    )
    beyond = np.median([np.subtract(r.ours.p99, r.bare.p99) for r in rounds], axis=0)
    return Figure(
        f"recorded first text, largest gap and done beside the server's own log, {what}: error at p99, less the transport's",
        f"{_ms(beyond)}: {_ms(p99)} less {_ms(transport)}; p50 {_ms(p50)}, largest {_ms(largest)}; {len(rounds)} rounds, "
        f"{sum(r.answers for r in rounds):,} answers",
        None,
        f"each within {_MOST_MS:g} ms",
        bool(max(beyond) <= _MOST_MS),
    )


def _ms(errors: Sequence[float]) -> str:
    """Of the three moments."""
    return " / ".join(f"{error:.2f}" for error in errors) + " ms"


def _round(streams: int, processes: int, pace: Pace, seconds: float) -> Round:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        estate, log, read = Estate(place, streams), place / "written.jsonl", place / "bare.jsonl"
        notes = place / "notes"
        notes.mkdir()
        flags = ["--processes", str(processes)] if processes > 1 else []
        request = estate.environ["BENCHMARK_REQUEST"]
        with stream_server(pace, log) as server:
            url = server.base_url
            bare = [sys.executable, "-m", "benchmarks.stream_floor", url, str(streams), request, str(read)]
            ours = locust(_USERS, streams, "--host", url, *flags)
            environ = estate.environ | STREAMED | {"BENCHMARK_NOTES": str(notes)}
            with generating(ours, environ), generating(bare, estate.environ):
                until(lambda: server.served().open >= 1.8 * streams)
                time.sleep(min(seconds, 2.0))  # all users have begun
                begun_s = time.perf_counter()  # the server's clock, too
                time.sleep(seconds)
                ended_s = time.perf_counter()
        written = {
            trace_id: one
            for trace_id, one in load_written(log).items()
            if begun_s <= one.asked_s and one.done_s <= ended_s
        }
        noted = load_noted(list(notes.iterdir()))
        return Round(
            sum(one.trace_id in written for one in noted),
            _errors(noted, written),
            _errors(load_noted([read]), written),
        )


def _errors(noted: list[Noted], written: dict[str, Written]) -> Errors:
    off_s = [
        (
            one.first_text_s - (true.contents_s[0] - true.asked_s),
            one.largest_gap_s - max(after - before for before, after in pairwise(true.contents_s)),
            one.done_s - (true.done_s - true.asked_s),
        )
        for one in noted
        if (true := written.get(one.trace_id))
    ]
    return Errors(*np.percentile(np.abs(off_s) * 1000, [50, 99, 100], axis=0).tolist())


if __name__ == "__main__":
    print(*measure(), sep="\n")  # noqa: T201 - a benchmark is run by hand
