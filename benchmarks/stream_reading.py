"""
How many events of streamed answers does a process read per second of its core, compared with other clients?

All read the same bytes of the same server, several rounds in turn; only ours also judges each event by the contract, keeps
its moment and records the answer. What counts is the processor's time of the reading process. Twice: where a read brings
what has come since the last one, many events together; and at a pace at which nearly each read brings one.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import peer_python
from benchmarks.estate import CHAT, Estate
from benchmarks.figures import Figure, spread
from benchmarks.generator import generating, locust, watch
from benchmarks.null_server import ROOT
from benchmarks.stream_server import Pace, stream_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.generator import Rate

ROUNDS = 3
WINDOW_S = 4.0
FAST_STREAMS, PACED_STREAMS = 50, 500
STREAMED = {"LOADTEST_CONTRACT": "phase17-stream"}
OURS = "`HomeownerChatUser`, streamed"
_LEAST = {"httpx-sse": 2.0, "aiohttp": 1.0, "aiperf": 1.0, "guidellm": 1.0}
_CONTENTS, _GAP_S = 400, 0.05
_NAMES = {"aiohttp": ", its lines and `json.loads` alone"}


class Kind(NamedTuple):
    """How the server writes."""

    words: str
    pace: Pace
    streams: int


def measure(
    rounds: int = ROUNDS,
    seconds: float = WINDOW_S,
    streams: tuple[int, int] = (FAST_STREAMS, PACED_STREAMS),
    *,
    with_peers: bool = True,
) -> list[Figure]:
    """The figures; a client that is missing is named, with the reason."""
    missing = peer_python.missing() if with_peers else dict.fromkeys(_LEAST, "it was not asked for")
    fast, paced = streams
    kinds = [
        Kind("as fast as they come", Pace(_CONTENTS), fast),
        Kind(f"{paced} streams of 20 a second", Pace(_CONTENTS, 0.5, _GAP_S), paced),
    ]
    figures = []
    with tempfile.TemporaryDirectory() as name:
        estate = Estate(Path(name), max(streams))
        for kind in kinds:
            ways = _ways(estate, kind.streams, missing)
            rates: dict[str, list[Rate]] = {way: [] for way in ways}
            for _ in range(rounds):
                for way, command in ways.items():
                    rates[way].append(_rate(command, kind, estate, seconds))
            figures += _figures(kind.words, rates)
    return [*figures, *(Figure(client, f"not measured: {reason}") for client, reason in missing.items())]


def _rate(command: Callable[[str], list[str]], kind: Kind, estate: Estate, seconds: float) -> Rate:
    with (
        stream_server(kind.pace) as server,
        generating(command(server.base_url), estate.environ | STREAMED) as process,
    ):
        return watch(process, server, seconds, begin_after=20 * kind.streams)


def _figures(words: str, rates: dict[str, list[Rate]]) -> list[Figure]:
    ours = [rate.per_core for rate in rates.pop(OURS)]
    own = median(ours)
    figures = [
        Figure(
            f"{OURS}: events per second of a core, {words}",
            f"{own:,.0f}, {1e6 / own:.1f} µs of a core each; {len(ours)} rounds, {min(ours):,.0f} to {max(ours):,.0f}",
        )
    ]
    versions = peer_python.versions()
    for way, theirs in rates.items():
        ratios = [own / other.per_core for own, other in zip(ours, theirs, strict=True)]
        figures.append(
            Figure(
                f"the same ÷ {versions[way]}{_NAMES.get(way, '')}",
                f"{own:,.0f} ÷ {median(rate.per_core for rate in theirs):,.0f}; {spread(ratios)}",
                median(ratios),
                f"at least {_LEAST[way]:g}",
                median(ratios) >= _LEAST[way],
            )
        )
    return figures


def _ways(estate: Estate, streams: int, missing: dict[str, str]) -> dict[str, Callable[[str], list[str]]]:
    request = estate.environ["BENCHMARK_REQUEST"]

    def peer(way: str) -> Callable[[str], list[str]]:
        script = str(ROOT / "benchmarks" / "stream_peers.py")
        return lambda url: [peer_python.interpreter(), script, way, url, str(streams), request]

    def ours(url: str) -> list[str]:
        return locust(CHAT, streams, "--host", url, spawn_rate=500)

    return {OURS: ours, **{way: peer(way) for way in _LEAST if way not in missing}}


if __name__ == "__main__":
    print(*measure(), sep="\n")  # noqa: T201 - a benchmark is run by hand
