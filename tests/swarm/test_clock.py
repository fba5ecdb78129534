"""Durations of a run are of a clock that nobody can set, and its rates are over the time in which load was made."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import locust_process
import pytest
from needs import find_faketime
from patience import TIMEOUT_S, UNHURRIED, await_true
from profiled_run import Plan, run_one, started

from conf.operations import Journey, Operation
from monitoring.run_clock import RunClock
from reports.verdict import judge_run
from swarm.locust_patches.clock import SteadyTime

if TYPE_CHECKING:
    from pathlib import Path

    from reports.record import Verdict

START = datetime(2026, 11, 28, 12, tzinfo=UTC)


class Clocks:
    """A wall clock that is set, and a monotonic one that is not."""

    def __init__(self) -> None:
        self.wall, self.seconds = START, 1000.0

    def run_clock(self) -> RunClock:
        return RunClock(lambda: self.wall, lambda: self.seconds)

    def epoch_s(self) -> float:
        return self.wall.timestamp()

    def pass_time(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.seconds += seconds


@pytest.mark.parametrize("step_s", [-5.0, 3600.0, -86_400.0])
def test_a_wall_clock_that_is_set_moves_no_moment_and_is_noted_once(step_s: float) -> None:
    clocks = Clocks()
    clock = clocks.run_clock()
    clocks.pass_time(10)
    clock.look()
    clocks.wall += timedelta(seconds=step_s)
    for _ in range(5):
        clock.look()
        clocks.pass_time(1)
    assert clock.elapsed_s == 15
    assert clock.now() == START + timedelta(seconds=15)
    assert clock.stepped_s == step_s
    first, last = clock.wall_span()
    assert first <= min(START, START + timedelta(seconds=step_s))
    assert last >= max(clock.now(), clocks.wall)


def test_a_wall_clock_that_drifts_was_not_set() -> None:
    clocks = Clocks()
    clock = clocks.run_clock()
    for _ in range(86_400):
        clocks.pass_time(1)
        clocks.wall += timedelta(microseconds=500)  # the most that NTP makes of a second
        clock.look()
    assert clock.stepped_s == 0


def rate_of(verdict: Verdict, operation: Operation = Operation.CHAT) -> tuple[int, float]:
    row = next(row for row in verdict.operations if row.operation is operation)
    assert row.per_second is not None
    return row.requests, row.per_second


def faked(offset: Path) -> dict[str, str]:
    """The environment of processes whose wall clock is off by what the file says."""
    offset.write_text("+0\n")
    return {
        "LD_PRELOAD": str(find_faketime()),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


@pytest.mark.requires("faketime")
def test_a_clock_that_is_set_back_during_a_run_moves_no_figure_and_damages_no_file(tmp_path: Path) -> None:
    offset = tmp_path / "offset"
    plan = Plan(
        Journey.CHAT,
        "users = 4\nrun_time_s = 8\nthink_time_s = [0.1, 0.1]",
        settings=f"{UNHURRIED}[thresholds.chat]\nper_second = {{ fail_below = 1 }}\n",
        target=("--latency", "fixed:0.05"),
        environ=faked(offset),
    )
    with started(plan, tmp_path / "run") as running:
        locust_process.await_file(running.site.runs, "*/measurements.hlog")
        offset.write_text("-5\n")
        told = running.end()
    requests, per_second = rate_of(told.verdict)
    assert requests == len(told.served)
    assert told.manifest["clock_stepped_s"] == pytest.approx(-5, abs=0.5)
    assert told.manifest["loaded_s"] >= 6
    assert per_second == pytest.approx(requests / told.manifest["loaded_s"], rel=1e-3)
    assert told.seconds_in(told.manifest["ended_at"]) >= told.manifest["loaded_s"]
    assert not told.problems
    assert any("set by -5.0 s" in note for note in told.verdict.notes)


def test_a_rate_is_over_the_time_in_which_load_was_made_not_over_the_wait_for_the_last_answers(
    tmp_path: Path,
) -> None:
    plan = Plan(
        Journey.CHAT,
        "users = 4\nrun_time_s = 4\nthink_time_s = [0.1, 0.1]",
        target=("--latency", "fixed:0.02", "--stall", "1.5:8"),
    )
    told = run_one(plan, tmp_path)
    requests, per_second = rate_of(told.verdict)
    assert requests == len(told.served)
    assert told.length_s - told.manifest["loaded_s"] > 3
    assert per_second == pytest.approx(requests / told.manifest["loaded_s"], rel=1e-3)
    assert judge_run(told.run_dir).manifest == told.verdict.manifest


@pytest.mark.parametrize("step_s", [-3600.0, 3600.0])
def test_the_clock_of_locusts_runners_begins_with_the_wall_clock_and_cannot_be_set(step_s: float) -> None:
    clocks = Clocks()
    steady = SteadyTime(clocks.epoch_s, lambda: clocks.seconds)
    assert steady.time() == START.timestamp()
    clocks.wall += timedelta(seconds=step_s)
    clocks.pass_time(5)
    assert steady.time() == START.timestamp() + 5


def test_locusts_runners_have_that_clock_and_ask_it_for_nothing_but_the_time() -> None:
    script = """
import inspect
from swarm import session as _session
from locust import runners
print(type(runners.time).__name__)
print(inspect.getsource(runners))
"""
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=TIMEOUT_S
    )
    clock, source = said.stdout.split("\n", 1)
    asked = {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "time"
    }
    assert clock == SteadyTime.__name__
    assert asked == {name for name, _ in inspect.getmembers(SteadyTime, inspect.isfunction) if name[0] != "_"}


@pytest.mark.requires("faketime")
def test_a_clock_that_is_set_back_delays_no_step_and_no_start_of_users(tmp_path: Path) -> None:
    offset = tmp_path / "offset"
    plan = Plan(
        Journey.CHAT,
        "steps = [{ users = 2, duration_s = 6 }, { users = 4, duration_s = 4 }]\nthink_time_s = [0.1, 0.1]",
        target=("--latency", "fixed:0.05"),
        environ=faked(offset),
        workers=({}, {}),
    )
    with started(plan, tmp_path / "run") as running:
        await_true(lambda: running.site.target.log.read_bytes().count(b"\n") >= 10)
        offset.write_text("-3600\n")
        told = running.end()
    assert told.manifest["clock_stepped_s"] == pytest.approx(-3600, abs=0.5)
    assert [step["users"] for step in told.manifest["steps"]] == [2, 4]
    assert "Discard spawn message" not in told.output, "the second step would have the users of the first"
    assert not told.manifest["worker_changes"]
    assert not told.problems
