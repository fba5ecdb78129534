"""
How many homeowners does one process hold open, each waiting for an answer, and what does it cost?

Memory is measured while every user waits for its first answer. Then answers come after two seconds, and each is
followed by the next question at once: to hold 10,000 open takes 5,000 requests a second, which needs most of a core.
"""

from __future__ import annotations

import csv
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING

from benchmarks.estate import BARE_FAST, CHAT, Estate, chat_answer
from benchmarks.figures import Figure
from benchmarks.generator import cpu_s, generating, locust, until
from benchmarks.null_server import null_server

if TYPE_CHECKING:
    from collections.abc import Sequence

USERS = 10_000
WAIT_S = 2.0
WINDOW_S = 10.0
HOUSES = 10_000
_FEW = 500
_LONG_S = 100.0
_SPAWN_RATE = 500
_LAG_MS = 100.0
_PATIENCE_S = 60.0


def measure(users: int = USERS, few: int = _FEW, seconds: float = WINDOW_S) -> list[Figure]:
    """Memory of both, then how ours bears it."""
    with tempfile.TemporaryDirectory() as name:
        estate = Estate(Path(name), HOUSES)
        ours, bare = (_bytes_per_user(way, estate, users, few) for way in (CHAT, BARE_FAST))
        memory = Figure(
            f"memory per homeowner, {users:,} of them waiting ÷ a bare `FastHttpUser`'s",
            f"{ours / 1024:.1f} kB ÷ {bare / 1024:.1f} kB",
            ours / bare,
            "at most 1.0",
            ours <= bare,
        )
        return [memory, *_held(estate, users, seconds)]


def _bytes_per_user(way: Sequence[str], estate: Estate, users: int, few: int) -> float:
    """What each user adds to a process, beyond the first few."""
    rss = []
    for count in (few, users):
        with (
            null_server(chat_answer(), _LONG_S) as server,
            generating(
                locust(way, count, "--host", server.base_url, spawn_rate=_SPAWN_RATE), estate.environ
            ) as process,
        ):
            until(lambda: server.served().open >= count)  # noqa: B023 - used up within the turn
            time.sleep(1.0)
            rss.append(process.memory_info().rss)
            process.kill()  # it would wait for the answers
    return (rss[1] - rss[0]) / (users - few)


def _held(estate: Estate, users: int, seconds: float) -> list[Figure]:
    with (
        null_server(chat_answer(), WAIT_S) as server,
        generating(
            locust(CHAT, users, "--host", server.base_url, spawn_rate=_SPAWN_RATE), estate.environ
        ) as process,
    ):
        with suppress(TimeoutError):  # a machine that cannot is measured as it is
            until(lambda: server.served().connections >= users, _PATIENCE_S)
        time.sleep(2 * WAIT_S)
        begun, cpu_before_s, began_s, began_at = (
            server.served(),
            cpu_s(process),
            time.perf_counter(),
            time.time(),
        )
        held = []
        while time.perf_counter() < began_s + seconds:
            time.sleep(0.25)
            held.append(server.served().open)
        took_s, ended_at = time.perf_counter() - began_s, time.time()
        requests, used_s = server.served().requests - begun.requests, cpu_s(process) - cpu_before_s
    lags_ms = lag_p99_ms(estate.runs, began_at, ended_at)
    return [
        Figure(
            f"homeowners held open by one process, each waiting {WAIT_S:g} s",
            f"{mean(held):,.0f} at a time, at {requests / took_s:,.0f} requests per second, on {used_s / took_s:.0%} of a core",
            mean(held) / users,
            f"{users:,}",
            mean(held) >= 0.99 * users,
        ),
        Figure(
            "event-loop lag meanwhile, p99 of a second",
            f"median of the seconds {median(lags_ms):.0f} ms, worst {max(lags_ms):.0f} ms",
            None,
            f"under {_LAG_MS:g} ms",
            median(lags_ms) < _LAG_MS,
        ),
    ]


def lag_p99_ms(runs: Path, began_at: float, ended_at: float) -> list[float]:
    """What the suite itself says, of each report within the window."""
    (newest,) = sorted(runs.glob("*/health.csv"), key=lambda path: path.stat().st_mtime)[-1:]
    with newest.open(encoding="utf-8", newline="") as file:
        return [
            float(row["lag_p99_ms"])
            for row in csv.DictReader(file)
            if began_at <= float(row["time"]) <= ended_at
        ]


if __name__ == "__main__":
    print(*measure(), sep="\n")  # noqa: T201 - a benchmark is run by hand
