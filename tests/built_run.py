"""Builds run directories as the suite and as plain Locust leave them; the tests of the reports read these."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from conf.loading import load_settings
from conf.operations import Journey, Kind, Operation, Outcome
from monitoring.measurement import MeasurementLog, Recorder, Tag

if TYPE_CHECKING:
    from pathlib import Path

STARTED = datetime(2025, 11, 15, 20, 0, 0, tzinfo=UTC)
STATS_COLUMNS = [
    "Type", "Name", "Request Count", "Failure Count", "Median Response Time", "Average Response Time",
    "Min Response Time", "Max Response Time", "Average Content Size", "Requests/s", "Failures/s",
    "50%", "66%", "75%", "80%", "90%", "95%", "98%", "99%", "99.9%", "99.99%", "100%",
]  # fmt: skip
FAILURE_COLUMNS = ["Method", "Name", "Error", "Occurrences", "First Seen", "Last Seen"]
EXCEPTION_COLUMNS = ["Count", "Message", "Traceback", "Nodes"]
HISTORY = "Timestamp,User Count,Type,Name,50%\n"
_TYPES = {Kind.FLOW: "FLOW", Kind.WAIT: "WAIT", Kind.REQUEST: "POST"}


class Result(NamedTuple):
    """One request; *error* is its message, empty for a success."""

    name: str
    ms: float
    outcome: Outcome = Outcome.SUCCESS
    message: str = ""
    step: int = 0
    planned: bool = False
    server_ms: tuple[tuple[str, float], ...] = ()

    @property
    def method(self) -> str:
        if self.name not in set(Operation):
            return "POST"
        operation = Operation(self.name)
        if operation is Operation.ONBOARDING_PAGE:
            return "GET"
        return "SQL" if operation is Operation.RAG_QUERY else _TYPES[operation.kind]


def evenly(name: str, slowest_ms: float, count: int = 100, step: int = 0) -> list[Result]:
    """Successes whose p50, p95 and p99 are about 0.5, 0.95 and 0.99 of *slowest_ms*."""
    return [Result(name, slowest_ms * (i + 1) / count, step=step) for i in range(count)]


def failing(
    name: str, count: int, outcome: Outcome = Outcome.STATUS, message: str = "HTTP 500", ms: float = 5
) -> list[Result]:
    return [Result(name, ms, outcome, message) for _ in range(count)]


@dataclass
class BuiltRun:
    """What to write; each part may be bent before `write`."""

    results: list[Result]
    journeys: tuple[Journey, ...] = (Journey.CHAT,)
    memory_mb: dict[str, list[float]] = field(
        default_factory=lambda: {"portal": [120, 145, 140], "local": [90, 95]}
    )
    health: dict[str, list[tuple[float, int, float]]] = field(
        default_factory=lambda: {"local": [(0.3, 40, 5.0)] * 20}
    )
    """Process → CPU ratio, open files and lag in ms, once a second."""
    manifest: dict[str, Any] = field(default_factory=dict)
    step_users: tuple[int, ...] = (20,)
    tracked: list[dict[str, Any]] = field(default_factory=list)
    """Records of ``errors.jsonl``; kind, route and message have defaults."""
    exceptions: list[tuple[int, str]] = field(default_factory=list)

    def write(self, directory: Path) -> Path:
        """A complete run directory of the suite."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "manifest.json").write_text(json.dumps(self.manifest_values(directory.name)))
        self.write_csv(directory, "locust", own=True)
        self._write_measurements(directory / "measurements.hlog")
        with (directory / "memory.csv").open("w") as file:
            file.write("time,process,rss_bytes\n")
            for process, values_mb in self.memory_mb.items():
                for second, mb in enumerate(values_mb):
                    file.write(f"{STARTED.timestamp() + second},{process},{mb * 1_000_000:.0f}\n")
        with (directory / "health.csv").open("w") as file:
            file.write("time,process,cpu_ratio,open_files,lag_p99_ms,lag_max_ms\n")
            for process, readings in self.health.items():
                for second, (cpu, files, lag_ms) in enumerate(readings, start=1):
                    file.write(
                        f"{STARTED.timestamp() + second},{process},{cpu},{files},{lag_ms},{lag_ms * 2}\n"
                    )
        if self.tracked:
            defaults = {"time": STARTED.isoformat(), "kind": "api", "route": "/api/chat", "message": "failed"}
            lines = [json.dumps(defaults | record) for record in self.tracked]
            (directory / "errors.jsonl").write_text("\n".join([*lines, '{"kind": "summary"}', ""]))
        return directory

    def write_csv(self, directory: Path, prefix: str = "somebody", *, own: bool = False) -> Path:
        """Locust's CSV files alone."""
        directory.mkdir(parents=True, exist_ok=True)
        files = {
            "stats": stats_csv(self.results),
            "failures": failures_csv(self.results, own=own),
            "exceptions": _csv(
                [EXCEPTION_COLUMNS, *([n, text, "Traceback …\n  …", "local"] for n, text in self.exceptions)]
            ),
        }
        for name, text in files.items():
            (directory / f"{prefix}_{name}.csv").write_bytes(text.encode())
        return directory

    def manifest_values(self, run_id: str) -> dict[str, Any]:
        settings = load_settings(environ={}).model_dump(mode="json", exclude={"session_secret", "database"})
        length = timedelta(seconds=10)
        steps = [
            {
                "index": index,
                "users": users,
                "started_at": (STARTED + index * length).isoformat(),
                "ended_at": (STARTED + (index + 1) * length).isoformat(),
            }
            for index, users in enumerate(self.step_users)
        ]
        return {
            "format": 1,
            "run_id": run_id,
            "journeys": [journey.value for journey in self.journeys],
            "profile": "phase17",
            "profile_description": "20 houses x 3 questions",
            "contract": "phase17",
            "target": "http://127.0.0.1:5000",
            "random_seed": 17,
            "started_at": STARTED.isoformat(),
            "ended_at": (STARTED + len(steps) * length).isoformat(),
            "git_commit": "0a1b2c3",
            "versions": {"python": "3.11.2", "locust": "2.47.0", "suite": "0.1.0"},
            "settings": settings,
            "users_wanted": max(self.step_users),
            "users_peak": max(self.step_users),
            "houses": 20,
            "houses_shared": False,
            "server_step_labels": {
                "chat": {"auth": "Authentication", "retrieval": "Chunk retrieval", "llm": "Model"}
            },
            "slowest": [
                {
                    "operation": "chat",
                    "ms": 987.6,
                    "started_at": STARTED.isoformat(),
                    "trace_id": "0af7651916cd43dd" * 2,
                }
            ],
            "processes": [
                {
                    "id": "local",
                    "requests": len(self.results),
                    "lost": False,
                    "open_files_limit": 1024,
                    "lag_ms": {"p50": 0.2, "p95": 2.0, "p99": 5.0, "max": 10.0},
                }
            ],
            "steps": steps,
            "ended_by": "iterations",
            "problems": [],
            **self.manifest,
        }

    def _write_measurements(self, path: Path) -> None:
        recorders = [Recorder(), Recorder()]  # two processes' results, to be merged
        with path.open("w") as file:
            log = MeasurementLog(file, STARTED)
            for number, result in enumerate(self.results):
                operation = Operation(result.name)
                tag = Tag(operation, result.outcome, result.step, result.planned)
                recorders[number % 2].record(tag, result.ms / 1000)
                for server_step, ms in result.server_ms:
                    recorders[number % 2].record(tag._replace(server_step=server_step), ms / 1000)
                if number % 40 == 39:
                    for recorder in recorders:
                        log.add(recorder.take())
                    log.write_interval(STARTED + timedelta(seconds=number))
            for recorder in recorders:
                log.add(recorder.take())
            log.write_interval(STARTED + timedelta(seconds=len(self.results)))


def write_run(
    directory: Path, intervals: list[list[Result]], length_s: float = 5, users: str = "", **bent: object
) -> Path:
    """A run whose results were written in so many intervals, one after the other; an empty one is not written."""
    results = [result for interval in intervals for result in interval]
    ended = STARTED + timedelta(seconds=length_s * len(intervals))
    manifest = {"ended_at": ended.isoformat(), "steps": []} | bent
    BuiltRun(results, manifest=manifest).write(directory)
    with (directory / "measurements.hlog").open("w") as file:
        log = MeasurementLog(file, STARTED)
        for number, interval in enumerate(intervals, start=1):
            recorder = Recorder()
            for result in interval:
                recorder.record(
                    Tag(Operation(result.name), result.outcome, result.step, result.planned), result.ms / 1000
                )
            log.add(recorder.take())
            log.write_interval(STARTED + timedelta(seconds=length_s * number))
    (directory / "locust_stats_history.csv").write_text(HISTORY + users)
    return directory


def stats_csv(results: list[Result]) -> str:
    """``…_stats.csv`` as Locust rounds and mixes: failures among the percentiles, two digits."""
    names = dict.fromkeys((result.method, result.name) for result in results)
    rows = [_stats_row(*key, [r for r in results if (r.method, r.name) == key]) for key in names]
    return _csv([STATS_COLUMNS, *rows, _stats_row("", "Aggregated", results)])


def failures_csv(results: list[Result], *, own: bool) -> str:
    """``…_failures.csv``; *own* runs write the outcome before the message."""
    groups = Counter(
        (r.method, r.name, f"{r.outcome}: {r.message}" if own else r.message)
        for r in results
        if r.outcome is not Outcome.SUCCESS
    )
    seen = "2025-11-15T20:00:01Z"
    return _csv([FAILURE_COLUMNS, *([*key, count, seen, seen] for key, count in groups.items())])


def _stats_row(method: str, name: str, results: list[Result]) -> list[object]:
    times = sorted(result.ms for result in results)
    failed = sum(result.outcome is not Outcome.SUCCESS for result in results)
    counts = [method, name, len(results), failed]
    if not times:
        return [*counts, 0, 0, 0, 0, 0, 0.0, 0.0, *["N/A"] * 11]
    percents = (50, 66, 75, 80, 90, 95, 98, 99, 99.9, 99.99, 100)
    percentiles = [_two_digits(times[math.ceil(len(times) * p / 100) - 1]) for p in percents]
    mean = sum(times) / len(times)
    return [
        *counts,
        percentiles[0],
        mean,
        times[0],
        times[-1],
        321.0,
        len(times) / 10,
        failed / 10,
        *percentiles,
    ]


def _two_digits(ms: float) -> int:
    return round(ms, 1 - math.floor(math.log10(ms))) if ms >= 1 else 0


def _csv(rows: list[list[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
