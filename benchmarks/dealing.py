"""
How long does it take to deal a house to each of 100,000 homeowners who start at once in eight workers?

A real master and real workers, whose users lease and do nothing else: from the first question to the last answer. The
longest pause of an event loop is that of every process from the beginning of the run, when the fixture is read, to the last
answer.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.estate import Estate, chat_answer
from benchmarks.figures import Figure
from benchmarks.null_server import null_server

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HOUSES = 100_000
WORKERS = 8
_RUN_TIME = "25s"
_USERS = str(Path(__file__).parent / "dealing_users.py")
_LONGEST_S = 5.0
_LONGEST_PAUSE_MS = 100.0


class _Pause(NamedTuple):
    ms: float
    waited_ms: float
    """How much of it the process was ready and had no core."""

    @property
    def own_ms(self) -> float:
        return self.ms - self.waited_ms


def measure(houses: int = HOUSES, workers: int = WORKERS, run_time: str = _RUN_TIME) -> list[Figure]:
    """Deal *houses* evenly to so many workers."""
    with tempfile.TemporaryDirectory() as name, null_server(chat_answer()) as server:
        directory = Path(name)
        estate = Estate(directory, houses)
        output = directory / "said"
        output.mkdir()
        environ = estate.environ | {
            "BENCHMARK_OUTPUT": str(output),
            "BENCHMARK_HOUSES": str(houses // workers),
            "LOCUST_MASTER_BIND_PORT": (port := str(_free_port())),
            "LOCUST_MASTER_NODE_PORT": port,
        }
        command = [
            sys.executable, "-m", "locust", "-f", _USERS, "--headless", "--only-summary", "--loglevel", "ERROR",
            "--processes", str(workers), "-u", str(workers), "-r", "100", "-t", run_time,
            "--host", server.base_url,
        ]  # fmt: skip
        subprocess.run(command, env=environ, capture_output=True, timeout=300, check=False)  # noqa: S603 - a benchmark's own
        said = [json.loads(path.read_text()) for path in sorted(output.glob("worker-*.json"))]
        if len(said) < workers:
            raise TimeoutError(f"{len(said)} of {workers} workers had all their houses")
        ended_at = max(one["ended_at"] for one in said)
        pauses = {role: _pauses(output.glob(f"{role}-*.pauses"), ended_at) for role in ("master", "worker")}
    dealt = sum(one["houses"] for one in said)
    took_s = ended_at - min(one["began_at"] for one in said)
    return list(_figures(dealt, workers, took_s, pauses))


def _pauses(files: Iterable[Path], until: float) -> list[_Pause]:
    noted = [map(float, line.split()) for path in files for line in path.read_text().splitlines()]
    return [_Pause(1000 * pause_s, 1000 * waited_s) for at, pause_s, waited_s in noted if at <= until]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _figures(dealt: int, workers: int, took_s: float, pauses: dict[str, list[_Pause]]) -> Iterator[Figure]:
    yield Figure(
        f"{dealt:,} houses dealt to {workers} workers",
        f"{took_s:.1f} s",
        wanted=f"< {_LONGEST_S:g} s",
        reached=took_s < _LONGEST_S,
    )
    for role, noted in pauses.items():
        longest = max(noted, default=_Pause(0.0, 0.0))
        own_ms = max((pause.own_ms for pause in noted), default=0.0)
        yield Figure(
            f"longest pause of the {role}'s event loop meanwhile",
            f"{longest.ms:.0f} ms, {longest.waited_ms:.0f} of them without a core: {workers + 1} processes share"
            f" {os.cpu_count()}",
            wanted=f"< {_LONGEST_PAUSE_MS:g} ms",
            reached=longest.ms < _LONGEST_PAUSE_MS,
        )
        yield Figure(
            f"longest pause of the {role}'s event loop, the time without a core left out",
            f"{own_ms:.0f} ms",
            wanted=f"< {_LONGEST_PAUSE_MS:g} ms",
            reached=own_ms < _LONGEST_PAUSE_MS,
        )
