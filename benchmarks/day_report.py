"""
What does ``loadtest report`` cost after a run of 24 hours?

Makes the run directory of such a run with the suite's own writers: three journeys, three workers, an interval every five
seconds, three million requests, of which some fail. Then runs the command as a process of its own. Run it with
``make bench``, or alone: ``python -m benchmarks.day_report``. With the name of a directory behind it, the run stays there.
"""

from __future__ import annotations

from locust.env import Environment

import json
import math
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import gevent
import numpy as np

from benchmarks.figures import Figure, as_table
from conf.loading import load_settings
from conf.operations import Kind, Operation, Outcome
from monitoring.measurement import Recorder, Tag, new_histogram
from reports.own_files import VERDICT_FILE
from reports.state import State
from swarm.owner.run_writer import RunDirectory
from swarm.provenance import package_versions, recorded_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hdrh.histogram import HdrHistogram

    from monitoring.measurement import Snapshot

DAY_S = 86_400
INTERVAL_S = 5
REPORT_EVERY_S = 3
WORKERS = ("worker-1", "worker-2", "worker-3")
MOST_S, MOST_MB = 5.0, 300.0
_HOURS, _VARIANTS = 24, 8
_SEED = 17
_FAILING = 0.02
_FAILED = [outcome for outcome in Outcome if outcome is not Outcome.SUCCESS and not outcome.is_apart]
_SIGMA = 0.35
"""Of the logarithm of a duration."""
_MAKE = {Operation.CHAT: 12, Operation.ONBOARDING_FLOW: 8, Operation.RAG_SEARCH: 30}
"""How many of each a worker makes in an interval."""
_MEDIAN_MS = {
    Operation.CHAT: 1_700.0,
    Operation.ONBOARDING_PAGE: 60.0,
    Operation.ONBOARDING_RESOLVE: 90.0,
    Operation.RAG_CONNECTION: 0.4,
    Operation.RAG_QUERY: 22.0,
}
_PARTS = {
    Operation.CHAT: (),
    Operation.ONBOARDING_FLOW: (Operation.ONBOARDING_PAGE, Operation.ONBOARDING_RESOLVE),
    Operation.RAG_SEARCH: (Operation.RAG_CONNECTION, Operation.RAG_QUERY),
}


class Part(NamedTuple):
    """What one worker measured in an interval, for Locust's statistics too: operation, milliseconds, failed."""

    snapshot: Snapshot
    requests: list[tuple[Operation, float, Outcome]]


def draw_part(hour: int, labels: Mapping[str, Iterable[str]], random: np.random.Generator) -> Part:
    """A worker's interval at some hour of the day: the portal is half as slow again at noon as at night."""
    recorder, requests = Recorder(), []
    pace = 1.25 - 0.25 * math.cos(2 * math.pi * hour / _HOURS)
    for flow, times in _MAKE.items():
        for _ in range(times):
            failing = random.random() < _FAILING
            outcome = Outcome(random.choice(_FAILED)) if failing else Outcome.SUCCESS
            took_ms = 0.0
            for operation in _PARTS[flow] or (flow,):
                ms = _MEDIAN_MS[operation] * pace * float(random.lognormal(0, _SIGMA))
                took_ms += ms
                requests.append((operation, ms, outcome))
                shares = random.dirichlet(np.ones(len(labels.get(operation, ())) + 1)) * (not failing)
                for name, share in zip(labels.get(operation, ()), shares, strict=False):
                    if share:
                        recorder.record(Tag(operation, outcome, 0, server_step=name), ms * share / 1000)
            if _PARTS[flow]:
                requests.append((flow, took_ms, outcome))
    for operation, ms, outcome in requests:
        recorder.record(Tag(operation, outcome, 0), ms / 1000)
    return Part(recorder.take(), requests)


def make_run(path: Path, length_s: int) -> int:
    """Write the directory of a run; returns how many requests it made."""
    random = np.random.default_rng(_SEED)
    labels = load_settings(environ={}).contract.server_step_labels()
    parts = [[draw_part(hour, labels, random) for _ in range(_VARIANTS)] for hour in range(_HOURS)]
    lags = [_lag(random) for _ in range(20)]
    environment = Environment()
    stand_in: Any = SimpleNamespace(user_count=0, exceptions={})
    environment.runner = stand_in
    started_at = datetime.now(UTC)
    files = RunDirectory.create(path, environment, started_at)
    gevent.sleep(0)  # Locust's writer begins
    drawn: Counter[tuple[int, int]] = Counter()
    for second in range(1, length_s + 1):
        now, hour = started_at + timedelta(seconds=second), (second - 1) * _HOURS // length_s
        stand_in.user_count = 50 + round(30 * math.sin(second / 5_000))
        files.add_memory(now, _memory(second, random))
        files._csv._stats_history_data_rows(files._csv.stats_history_csv_writer, now.timestamp())  # noqa: SLF001 - at the run's time, not now
        if second % REPORT_EVERY_S == 0:
            for worker in WORKERS:
                vitals: Any = SimpleNamespace(cpu_ratio=random.uniform(0.2, 0.4), open_files=80)
                files.add_health(now, worker, vitals, lags[second % len(lags)])
        if second % INTERVAL_S == 0:
            for variant in random.integers(_VARIANTS, size=len(WORKERS)):
                files.log.add(parts[hour][variant].snapshot)
                drawn[hour, int(variant)] += 1
            files.log.write_interval(now)
    for (hour, variant), times in drawn.items():
        for operation, ms, outcome in parts[hour][variant].requests:
            _count(environment, operation, ms, outcome, times)
    ended_at = started_at + timedelta(seconds=length_s)
    assert files.close(ended_at) == []
    files.write_manifest(json.dumps(_manifest(path.name, started_at, ended_at, drawn.total())))
    return sum(
        tally.requests for operation, tally in files.log.tallies.items() if operation.kind is Kind.REQUEST
    )


def _memory(second: int, random: np.random.Generator) -> dict[str, int]:
    noise = random.integers(2_000_000, size=len(WORKERS) + 2)
    levels = {"portal": 130_000_000, "master": 95_000_000, **dict.fromkeys(WORKERS, 88_000_000)}
    return {
        process: level + second * 40 + int(more)
        for (process, level), more in zip(levels.items(), noise, strict=True)
    }


def _lag(random: np.random.Generator) -> HdrHistogram:
    lag = new_histogram()
    for late_us in random.lognormal(math.log(120), 0.6, 150):
        lag.record_value(max(int(late_us), 1))
    return lag


def _count(environment: Environment, operation: Operation, ms: float, outcome: Outcome, times: int) -> None:
    """*times* results in Locust's statistics."""
    stats = environment.stats
    for entry in (stats.get(operation.value, "POST"), stats.total):
        entry.log(round(ms), 100)
        entry.num_requests += times - 1
        entry.response_times[_rounded(ms)] = entry.response_times.get(_rounded(ms), 0) + times - 1
        if outcome is not Outcome.SUCCESS:
            entry.num_failures += times - 1  # one of them comes with its error
    if outcome is not Outcome.SUCCESS:
        stats.log_error("POST", operation.value, f"{outcome}: something of that kind")
        error = next(e for e in stats.errors.values() if e.name == operation and outcome in str(e.error))
        error.occurrences += times - 1


def _rounded(ms: float) -> int:
    """To two digits, as Locust keeps durations."""
    return int(float(f"{round(ms):.2g}"))


def _manifest(run_id: str, started_at: datetime, ended_at: datetime, reports: int) -> dict[str, Any]:
    settings = load_settings(environ={})
    ended = ended_at.isoformat()
    lag = {"p50": 0.12, "p95": 0.3, "p99": 0.5, "max": 0.9}
    return {
        "format": 1, "run_id": run_id, "journeys": sorted({flow.journey for flow in _MAKE}), "profile": "soak", "profile_description": "a day",
        "contract": "phase17", "target": settings.target.base_url, "random_seed": _SEED,
        "started_at": started_at.isoformat(), "ended_at": ended, "git_commit": None, "versions": package_versions(),
        "settings": recorded_settings(settings), "users_wanted": 80, "users_peak": 80, "houses": 500,
        "houses_shared": False, "server_step_labels": settings.contract.server_step_labels(),
        "processes": [
            {"id": worker, "requests": reports, "lost": False, "open_files_limit": 65_536, "lag_ms": lag}
            for worker in WORKERS
        ],
        "steps": [{"index": 0, "users": 80, "started_at": started_at.isoformat(), "ended_at": ended}],
        "ended_by": "run time", "problems": [],
    }  # fmt: skip


class Cost(NamedTuple):
    """Of one process and its children: seconds on the clock, seconds of processor, and most memory in MB."""

    wall_s: float
    cpu_s: float
    peak_mb: float


_RUN = """
import os, subprocess, sys, time
began_s = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, _, used = os.wait4(process.pid, 0)
print(time.perf_counter() - began_s, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6)
"""
"""A process of its own starts the command: Linux counts the memory of a parent as that of the process it starts."""


def report_cost(run_dir: Path) -> Cost:
    """Of ``loadtest report``."""
    command = [sys.executable, "-m", "loadtest", "report", str(run_dir)]
    told = subprocess.run([sys.executable, "-c", _RUN, *command], capture_output=True, text=True, check=True)  # noqa: S603 - our own
    return Cost(*map(float, told.stdout.split()))


def measure(length_s: int = DAY_S, rounds: int = 3) -> list[Figure]:
    """Wall time and memory of the command; the best of three, for others use the machine too."""
    with tempfile.TemporaryDirectory(prefix="openhouse-day-") as name:
        run_dir = Path(name) / "day"
        requests = make_run(run_dir, length_s)
        costs = [report_cost(run_dir) for _ in range(rounds)]
        state = json.loads((run_dir / VERDICT_FILE).read_text())["state"]
    assert state != State.NO_VERDICT.word, "a report that finds nothing to judge is quick"
    best = min(costs)
    about = f"`loadtest report` after {length_s / 3600:g} hours, {requests:,} requests"
    peak_mb = max(cost.peak_mb for cost in costs)
    return [
        Figure(
            f"{about}: time",
            f"{best.wall_s:.1f} s ({best.cpu_s:.1f} s of processor), at most {max(costs).wall_s:.1f} s",
            best.wall_s / MOST_S,
            "below 1 of 5 s",
            best.wall_s < MOST_S,
        ),
        Figure(
            f"{about}: memory", f"{peak_mb:.0f} MB", peak_mb / MOST_MB, "below 1 of 300 MB", peak_mb < MOST_MB
        ),
    ]


if __name__ == "__main__":
    if sys.argv[1:]:
        print(f"{make_run(Path(sys.argv[1])):,} requests")  # noqa: T201 - run by hand
    else:
        print(as_table(measure()))  # noqa: T201 - run by hand
