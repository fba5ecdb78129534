"""Run directories for the tests of reports: made from given results, by the writers of the suite and of plain Locust."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pytest

from conf.loading import load_settings
from conf.operations import Journey, Kind, Operation, Outcome
from monitoring.measurement import MeasurementLog, Recorder, Tag, new_histogram

if TYPE_CHECKING:
    from locust.runners import Runner

    from pathlib import Path

    from hdrh.histogram import HdrHistogram

    from conf.stream_figures import Moment, Quantity
    from swarm.messages import Report

with pytest.MonkeyPatch.context() as _patch:
    _patch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")  # the tests' own process does not use gevent
    from locust.env import Environment

    from swarm.failure import RequestFailed
    from swarm.owner.run_writer import RunDirectory, write_locust_csv

STARTED = datetime(2025, 11, 15, 20, 0, 0, tzinfo=UTC)
HISTORY = "Timestamp,User Count,Type,Name,50%\n"
_STEP_LENGTH = timedelta(seconds=10)
_SIZE_BYTES = 321
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
    figures: tuple[tuple[Moment | Quantity, float], ...] = ()
    """Of a streamed answer, in milliseconds."""

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
    """The contents of a run directory; a test may change each part before `write`."""

    results: list[Result]
    journeys: tuple[Journey, ...] = (Journey.CHAT,)
    memory_mb: dict[str, list[float]] = field(
        default_factory=lambda: {"portal": [120, 145, 140], "local": [90, 95]}
    )
    health: dict[str, list[tuple[float, int, float]]] = field(
        default_factory=lambda: {"local": [(0.3, 40, 5.0)] * 20}
    )
    """Process → CPU ratio, open files and lag in ms, one reading per second."""
    manifest: dict[str, Any] = field(default_factory=dict)
    step_users: tuple[int, ...] = (20,)
    tracked: list[dict[str, Any]] = field(default_factory=list)
    """Records of ``errors.jsonl``; kind, route and message have defaults."""
    exceptions: list[tuple[int, str]] = field(default_factory=list)

    def write(self, directory: Path) -> Path:
        """A complete run directory of the suite."""
        for name in (
            "measurements.hlog",
            "memory.csv",
            "health.csv",
        ):  # left by an earlier run in this directory
            (directory / name).unlink(missing_ok=True)
        files = RunDirectory.create(directory, self._environment(own=True), STARTED)
        for process, values_mb in self.memory_mb.items():
            for second, mb in enumerate(values_mb):
                files.add_memory(STARTED + timedelta(seconds=second), {process: round(mb * 1_000_000)})
        for process, readings in self.health.items():
            for second, (cpu_ratio, open_files, lag_ms) in enumerate(readings, start=1):
                report = cast("Report", SimpleNamespace(cpu_ratio=cpu_ratio, open_files=open_files))
                files.add_health(STARTED + timedelta(seconds=second), process, report, _lag(lag_ms))
        self._measure(files.log)
        files.close(STARTED + timedelta(seconds=len(self.results)))
        files.write_manifest(json.dumps(self.manifest_values(directory.name)))
        if self.tracked:
            defaults = {"time": STARTED.isoformat(), "kind": "api", "route": "/api/chat", "message": "failed"}
            lines = [json.dumps(defaults | record) for record in self.tracked]
            (directory / "errors.jsonl").write_text("\n".join([*lines, '{"kind": "summary"}', ""]))
        return directory

    def write_csv(self, directory: Path, prefix: str = "theirs", *, own: bool = False) -> Path:
        """Write only Locust's CSV files; an *own* run has a failure's outcome before its message."""
        directory.mkdir(parents=True, exist_ok=True)
        write_locust_csv(self._environment(own=own), str(directory / prefix))
        return directory

    def _environment(self, *, own: bool) -> Environment:
        """Locust's environment, with statistics of these results."""
        environment = Environment()
        stats = environment.stats
        for result in self.results:
            stats.log_request(result.method, result.name, result.ms, _SIZE_BYTES)
            if result.outcome is not Outcome.SUCCESS and not result.outcome.is_apart:
                error = RequestFailed(result.outcome, result.message) if own else result.message
                stats.log_error(result.method, result.name, error)
        for entry in (*stats.entries.values(), stats.total):
            entry.start_time = STARTED.timestamp()
            entry.last_request_timestamp = (STARTED + _STEP_LENGTH).timestamp()
        for failure in stats.errors.values():
            failure.first_seen = failure.last_seen = (STARTED + timedelta(seconds=1)).timestamp()
        raised = [
            {"count": count, "msg": message, "traceback": "Traceback …\n  …", "nodes": {"local"}}
            for count, message in self.exceptions
        ]
        environment.runner = cast("Runner", SimpleNamespace(exceptions=dict(enumerate(raised))))
        return environment

    def manifest_values(self, run_id: str) -> dict[str, Any]:
        settings = load_settings(environ={}).model_dump(mode="json", exclude={"session_secret", "database"})
        steps = [
            {
                "index": index,
                "users": users,
                "started_at": (STARTED + index * _STEP_LENGTH).isoformat(),
                "ended_at": (STARTED + (index + 1) * _STEP_LENGTH).isoformat(),
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
            "ended_at": (STARTED + len(steps) * _STEP_LENGTH).isoformat(),
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

    def _measure(self, log: MeasurementLog) -> None:
        recorders = [Recorder(), Recorder()]  # the results of two processes, which readers merge
        for number, result in enumerate(self.results):
            tag = Tag(Operation(result.name), result.outcome, result.step, result.planned)
            recorders[number % 2].record(tag, result.ms / 1000)
            for server_step, ms in result.server_ms:
                recorders[number % 2].record(tag._replace(server_step=server_step), ms / 1000)
            for figure, ms in result.figures:
                recorders[number % 2].record(tag._replace(figure=figure), ms / 1000)
            if number % 40 == 39:
                for recorder in recorders:
                    log.add(recorder.take())
                log.write_interval(STARTED + timedelta(seconds=number))
        for recorder in recorders:
            log.add(recorder.take())


def _lag(p99_ms: float) -> HdrHistogram:
    """A hundred readings, one of them twice the others."""
    readings = new_histogram()
    readings.record_value(round(p99_ms * 1000), 99)
    readings.record_value(round(p99_ms * 2000))
    return readings


def write_run(
    directory: Path, intervals: list[list[Result]], length_s: float = 5, users: str = "", **bent: object
) -> Path:
    """Write a run whose results come in several intervals; an empty interval is not written."""
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
