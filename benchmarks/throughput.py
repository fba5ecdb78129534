"""
How many requests does a generating process make per second of its core, compared with the alternatives?

All post the same bytes to the same null server, with as many users that do not think, several rounds in turn. What counts
is the processor's time of the generating process: a busy neighbour does not take from it. Start and end are left out.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import peers
from benchmarks.estate import BARE_FAST, BARE_HTTP, CHAT, SERVER_TIMING, Estate, chat_answer
from benchmarks.figures import Figure, spread
from benchmarks.generator import Rate, generating, locust, watch
from benchmarks.null_server import null_server

if TYPE_CHECKING:
    from collections.abc import Callable

USERS = 50
ROUNDS = 3
WINDOW_S = 4.0
HOUSES = 200
OURS = "`HomeownerChatUser`, as shipped"
TIMED = "`HomeownerChatUser`, answers with `Server-Timing`"
BARE = "bare `FastHttpUser`"
_LEAST = {BARE: 1.25, TIMED: 1.05}
"""Of the first way of a ratio; on a machine with quick system calls it is more."""


class Round(NamedTuple):
    """One way, once."""

    rate: Rate
    served: int
    reported: int
    """By Locust's own file; 0 for who writes none."""


def measure(rounds: int = ROUNDS, seconds: float = WINDOW_S, *, with_peers: bool = True) -> list[Figure]:
    """The figures; a generator that is missing is named, with the reason."""
    measured: dict[str, list[Round]] = {}
    with tempfile.TemporaryDirectory() as name:
        estate = Estate(Path(name), HOUSES)
        ways = _ways(estate)
        missing = peers.installed() if with_peers else "they were not asked for"
        if not missing:
            ways |= _peers(estate)
        for _ in range(rounds):
            for way, command in ways.items():
                measured.setdefault(way, []).append(_round(way, command, estate, seconds))
    figures = _figures(measured)
    return [*figures, Figure("Artillery, autocannon", f"not measured: {missing}")] if missing else figures


def _ways(estate: Estate) -> dict[str, Callable[[str], list[str]]]:
    def flags(url: str) -> list[str]:
        return ["--host", url, "--csv", str(estate.csv)]

    return {
        OURS: lambda url: locust(CHAT, USERS, *flags(url)),
        BARE: lambda url: locust(BARE_FAST, USERS, *flags(url)),
        TIMED: lambda url: locust(CHAT, USERS, *flags(url)),
        "bare `HttpUser`": lambda url: locust(BARE_HTTP, USERS, *flags(url)),
        "geventhttpclient alone": lambda url: [sys.executable, "-m", "benchmarks.floor", url, str(USERS)],
    }


def _peers(estate: Estate) -> dict[str, Callable[[str], list[str]]]:
    request = json.loads(Path(estate.environ["BENCHMARK_REQUEST"]).read_text(encoding="utf-8"))
    names = [f"{name} {version}" for name, version in peers.VERSIONS.items()]
    return {
        names[0]: lambda url: peers.autocannon(url, USERS, request),
        names[1]: lambda url: peers.artillery(url, USERS, request, estate.runs.parent),
    }


def _round(way: str, command: Callable[[str], list[str]], estate: Estate, seconds: float) -> Round:
    with null_server(chat_answer(), headers=SERVER_TIMING if way == TIMED else "") as server:
        with generating(command(server.base_url), estate.environ | peers.QUIET) as process:
            rate = watch(process, server, seconds)
        stats = estate.csv.with_name(f"{estate.csv.name}_stats.csv")
        return Round(rate, server.served().requests, _reported(stats))


def _reported(stats: Path) -> int:
    """Requests in Locust's statistics, which are then removed."""
    if not stats.exists():
        return 0
    with stats.open(encoding="utf-8", newline="") as file:
        requests = [int(row["Request Count"]) for row in csv.DictReader(file) if row["Name"] == "Aggregated"]
    stats.unlink()
    return requests[0]


def _figures(measured: dict[str, list[Round]]) -> list[Figure]:
    ours = measured[OURS]
    figures = []
    for way, rounds in measured.items():
        if way == OURS:
            continue
        first, second = (measured[TIMED], measured[BARE]) if way == TIMED else (ours, rounds)
        ratios = [a.rate.per_core / b.rate.per_core for a, b in zip(first, second, strict=True)]
        least = _LEAST.get(way)
        figures.append(
            Figure(
                f"{TIMED if way == TIMED else OURS} ÷ {BARE if way == TIMED else way}: requests per second of a core",
                f"{_per_core(first):,.0f} ÷ {_per_core(second):,.0f}; {spread(ratios)}",
                median(ratios),
                "" if least is None else f"at least {least:g}",
                None if least is None else median(ratios) >= least,
            )
        )
    ours_and_timed = [*ours, *measured[TIMED]]
    reported, served = (
        sum(column) for column in zip(*((r.reported, r.served) for r in ours_and_timed), strict=True)
    )
    requests = sum(one.rate.requests for one in ours)
    server = requests / max(sum(one.rate.server_cpu_s for one in ours), 0.01)
    return [
        *figures,
        Figure(
            f"{OURS}: requests in Locust's statistics ÷ served, each run ended by Ctrl-C",
            f"{reported:,} ÷ {served:,}",
            reported / served,
            "exactly 1",
            reported == served,
        ),
        Figure(
            "the null server's own requests per second of a core ÷ ours",
            f"{server:,.0f} ÷ {_per_core(ours):,.0f}",
            server / _per_core(ours),
            "several times",
            server > 3 * _per_core(ours),
        ),
    ]  # fmt: skip


def _per_core(rounds: list[Round]) -> float:
    return median(one.rate.per_core for one in rounds)


if __name__ == "__main__":
    print(*measure(), sep="\n")  # noqa: T201 - a benchmark is run by hand
