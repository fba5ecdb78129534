"""
Do two generating processes make twice the load of one?

Twice: where the target answers after a wait, so that users and not cores set the pace; and in requests per second of a
core, all of the suite's processes counted, where they do: what two cannot do on two cores, on which the target runs too,
they do where there are more.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.estate import CHAT, Estate, chat_answer
from benchmarks.figures import Figure, spread
from benchmarks.generator import generating, locust, watch
from benchmarks.null_server import null_server

if TYPE_CHECKING:
    from benchmarks.generator import Rate

ROUNDS = 3
WINDOW_S = 5.0
WAIT_S = 0.5
WAITING_USERS = 200
"""Per process: 400 requests per second, a small part of a core."""
BUSY_USERS = 50


def measure(rounds: int = ROUNDS, seconds: float = WINDOW_S) -> list[Figure]:
    """One process and two, in turn."""
    with tempfile.TemporaryDirectory() as name:
        estate = Estate(Path(name), 2 * WAITING_USERS)
        waiting = [[_rate(estate, n, WAITING_USERS, WAIT_S, seconds) for n in (1, 2)] for _ in range(rounds)]
        busy = [[_rate(estate, n, BUSY_USERS, 0.0, seconds) for n in (1, 2)] for _ in range(rounds)]
    doubled = [two.per_second / one.per_second for one, two in waiting]
    cost = [two.per_core / one.per_core for one, two in busy]
    return [
        Figure(
            f"2 processes ÷ 1, requests per second, each with {WAITING_USERS} users who wait {WAIT_S:g} s for an answer",
            f"{median(two.per_second for _, two in waiting):,.0f} ÷ {median(one.per_second for one, _ in waiting):,.0f};"
            f" {spread(doubled)}",
            median(doubled),
            "at least 1.9",
            median(doubled) >= 1.9,  # noqa: PLR2004 - as the line above says
        ),
        Figure(
            "2 processes and their master ÷ 1, requests per second of a core, no wait",
            f"{median(two.per_core for _, two in busy):,.0f} ÷ {median(one.per_core for one, _ in busy):,.0f};"
            f" {spread(cost)}",
            median(cost),
            "at least 0.95",
            median(cost) >= 0.95,  # noqa: PLR2004 - as the line above says
        ),
    ]


def _rate(estate: Estate, processes: int, users: int, wait_s: float, seconds: float) -> Rate:
    flags = ["--processes", str(processes)] if processes > 1 else []
    with null_server(chat_answer(), wait_s) as server:
        command = locust(CHAT, users * processes, "--host", server.base_url, *flags)
        with generating(command, estate.environ) as process:
            return watch(process, server, seconds, begin_after=5 * users * processes)


if __name__ == "__main__":
    print(*measure(), sep="\n")  # noqa: T201 - a benchmark is run by hand
