"""A load generator that was itself at its limits measured itself: the run is no verdict, and says who and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from built_run import STARTED, BuiltRun, evenly
from profiled_run import Plan, Told, run_one

from conf.loading import load_settings
from conf.operations import Journey
from conf.settings import GeneratorSettings
from reports.judgement.saturation import assess_saturation
from reports.processes import HealthRow
from reports.reading.health_log import Readings
from reports.state import State
from reports.statistics.distribution import Latency
from reports.verdict import judge_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from reports.problem import Problem

LIMITS = GeneratorSettings(lag_p95_ms=100, cpu_ratio=0.9, cpu_for_s=10, open_files_ratio=0.5)
ALLOWED_FILES = 100
SECONDS = 30


def problems_of(
    *,
    cpu: Sequence[float] = (0.2,) * SECONDS,
    files: Sequence[float] = (40,) * SECONDS,
    lag_p99_ms: Sequence[float] = (5.0,) * SECONDS,
    lag_p95_ms: float | None = 5.0,
    every_s: float = 1.0,
) -> list[Problem]:
    """What is said of a process with these readings, each about the time since the one before."""
    time_s = STARTED.timestamp() + every_s * np.arange(1, len(cpu) + 1)
    readings = Readings("worker-1", time_s, np.array(cpu), np.array(files), np.array(lag_p99_ms))
    lag = None if lag_p95_ms is None else Latency(p50_ms=1, p95_ms=lag_p95_ms, p99_ms=900, max_ms=999)
    row = HealthRow("worker-1", len(cpu), float(np.mean(cpu)), max(cpu), int(max(files)), ALLOWED_FILES, lag)
    return assess_saturation([readings], [row], LIMITS)


def second(problem: Problem) -> float:
    """How far into the run the problem began."""
    return (datetime.fromisoformat(problem.at) - STARTED).total_seconds()


def series(value: float, usual: float, begins: int, lasts: int) -> list[float]:
    """One reading a second; the given value in *lasts* of them, after *begins* others."""
    return [value if begins <= number < begins + lasts else usual for number in range(SECONDS)]


def test_a_healthy_generator_is_no_problem() -> None:
    assert problems_of() == []


def test_a_loop_that_is_late_is_told_with_process_value_limit_and_moment() -> None:
    (problem,) = problems_of(lag_p95_ms=140.4, lag_p99_ms=series(150.0, 5.0, begins=12, lasts=6))
    assert problem.code == "generator_saturated"
    assert problem.message.startswith("worker-1: ")
    assert "140 ms" in problem.message
    assert "100 ms" in problem.message
    assert second(problem) == 13
    assert problem.next_step


def test_a_loop_that_was_late_all_along_though_never_much_in_a_second_has_no_moment_and_is_told_all_the_same() -> (
    None
):
    (problem,) = problems_of(lag_p95_ms=100.1, lag_p99_ms=[99.0] * SECONDS)
    assert problem.at == ""


@pytest.mark.parametrize("lag_p95_ms", [99.9, 100.0, None])
def test_a_lag_up_to_the_limit_or_never_sampled_is_no_problem(lag_p95_ms: float | None) -> None:
    assert problems_of(lag_p95_ms=lag_p95_ms, lag_p99_ms=series(5000.0, 5.0, begins=3, lasts=2)) == []


@pytest.mark.parametrize("begins", [1, 7, SECONDS - 10])
def test_a_core_that_is_used_up_for_the_whole_time_is_told_with_the_moment_it_began(begins: int) -> None:
    (problem,) = problems_of(cpu=series(0.95, 0.2, begins=begins, lasts=10))
    assert problem.code == "generator_saturated"
    assert problem.message.startswith("worker-1: ")
    assert "90%" in problem.message
    assert "10 s" in problem.message
    assert second(problem) == begins, "a reading is about the second before it"


@pytest.mark.parametrize(
    "cpu",
    [
        pytest.param(series(1.0, 0.2, begins=5, lasts=9), id="nine seconds"),
        pytest.param([1.0, *[1.0] * 8, 0.9] * 3, id="broken off every tenth second"),
        pytest.param([0.9] * SECONDS, id="on the limit"),
        pytest.param([0.899] * SECONDS, id="just below"),
    ],
)
def test_a_core_that_is_used_up_for_less_than_the_whole_time_is_no_problem(cpu: Sequence[float]) -> None:
    assert problems_of(cpu=cpu) == []


def test_workers_report_every_three_seconds_and_are_measured_by_time_not_by_readings() -> None:
    busy = [0.2, *[0.95] * 4, 0.2]  # twelve seconds
    assert len(problems_of(cpu=busy, files=[1] * 6, lag_p99_ms=[1.0] * 6, every_s=3)) == 1
    busy = [0.2, *[0.95] * 3, 0.2]  # nine
    assert problems_of(cpu=busy, files=[1] * 5, lag_p99_ms=[1.0] * 5, every_s=3) == []


def test_files_beyond_their_share_are_told_with_both_numbers_and_the_first_moment() -> None:
    (problem,) = problems_of(files=series(51, 40, begins=8, lasts=3))
    assert problem.code == "generator_saturated"
    assert problem.message == "worker-1: 51 files and sockets were open, of 100 allowed"
    assert second(problem) == 9
    assert "ulimit -n" in problem.next_step


@pytest.mark.parametrize("files", [49, 50])
def test_files_up_to_their_share_are_no_problem(files: int) -> None:
    assert problems_of(files=[files] * SECONDS) == []


def test_each_limit_is_a_problem_of_its_own() -> None:
    problems = problems_of(cpu=[1.0] * SECONDS, files=[60] * SECONDS, lag_p95_ms=200)
    assert len({problem.message for problem in problems}) == 3


def built(**parts: Any) -> BuiltRun:
    return BuiltRun(evenly("chat", 1500), **parts)


def test_one_saturated_worker_of_two_makes_the_run_no_verdict(tmp_path: Path) -> None:
    fine = {"p50": 0.2, "p95": 2.0, "p99": 5.0, "max": 10.0}
    processes = [
        {"id": name, "requests": 50, "lost": False, "open_files_limit": 1024, "lag_ms": lag}
        for name, lag in (("worker-a", fine), ("worker-b", fine | {"p95": 250.0}))
    ]
    health = {"worker-a": [(0.3, 40, 5.0)] * 20, "worker-b": [(0.3, 40, 260.0)] * 20}
    verdict = judge_run(built(health=health, manifest={"processes": processes}).write(tmp_path / "run"))
    assert verdict.state is State.NO_VERDICT
    (problem,) = verdict.problems
    assert problem.code == "generator_saturated"
    assert problem.message.startswith("worker-b: ")
    assert problem.at == (STARTED + timedelta(seconds=1)).isoformat(timespec="seconds")
    assert {row.process for row in verdict.health} == {"worker-a", "worker-b"}


def test_the_limits_are_those_that_the_run_was_configured_with(tmp_path: Path) -> None:
    settings = load_settings(environ={}).model_dump(mode="json", exclude={"session_secret", "database"})
    busy = {"local": [(0.3, 40, 5.0)] * 20}
    assert judge_run(built(health=busy).write(tmp_path / "wide")).problems == ()
    settings["generator"]["cpu_ratio"] = 0.25
    narrow = built(health=busy, manifest={"settings": settings}).write(tmp_path / "narrow")
    assert [problem.code for problem in judge_run(narrow).problems] == ["generator_saturated"]


def test_a_run_without_its_health_log_is_damaged_and_no_verdict(tmp_path: Path) -> None:
    run_dir = built().write(tmp_path / "run")
    assert judge_run(run_dir).state is State.PASS
    (run_dir / "health.csv").unlink()
    verdict = judge_run(run_dir)
    assert verdict.state is State.NO_VERDICT
    (problem,) = verdict.problems
    assert (problem.code, problem.message) == ("damaged_file", "health.csv: is missing")


BUSY = """
from time import perf_counter

from locustfiles import chat


class BusyUser(chat.HomeownerChatUser):
    def _ask(self, *arguments):
        end_s = perf_counter() + 0.2
        while perf_counter() < end_s:
            pass
        super()._ask(*arguments)
"""
"""A user class built on the suite's, that lets nobody else run for 200 ms in every flow."""


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Told:
    plan = Plan(
        Journey.CHAT,
        "users = 3\nrun_time_s = 4",
        "[run]\nminimum_requests = 1\n[generator]\ncpu_ratio = 100",
        target=("--latency", "fixed:0.05"),
        instead=BUSY,
    )
    return run_one(plan, tmp_path_factory.mktemp("busy"))


def test_a_locustfile_that_burns_the_event_loop_makes_no_verdict(busy: Told) -> None:
    assert busy.code == 3, busy.output
    assert busy.verdict.state is State.NO_VERDICT
    assert set(busy.problems) == {"generator_saturated"}
    problem = busy.problems["generator_saturated"]
    assert problem.message.startswith("local: the load generator's event loop was late by ")
    assert -1 <= busy.seconds_in(problem.at) <= busy.length_s + 1
    assert datetime.fromisoformat(problem.at).tzinfo == UTC


def test_its_counts_are_still_the_targets_and_its_figures_are_shown_with_the_lag(busy: Told) -> None:
    assert busy.row().requests == len(busy.served) > 0
    (row,) = busy.verdict.health
    assert row.lag is not None
    assert row.lag.p95_ms > 100
    assert row.lag.max_ms >= 180
