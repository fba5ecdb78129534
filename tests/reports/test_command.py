"""``loadtest report`` as its own process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import warm_python
from built_run import BuiltRun, evenly, failing

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path


def loadtest_report(*arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return warm_python.run(["loadtest", "report", *map(str, arguments)], env={**os.environ, **environ})


def test_a_passing_run_exits_with_0_and_leaves_both_reports(tmp_path: Path) -> None:
    directory = BuiltRun(evenly("chat", 900)).write(tmp_path / "run")
    done = loadtest_report(directory)
    assert (done.returncode, done.stderr) == (0, "")
    assert "● PASS" in done.stdout
    assert f"Report: {directory / 'report.html'}" in done.stdout
    assert (directory / "report.html").exists()
    assert (directory / "verdict.json").exists()


def test_a_warning_fails_only_under_strict(tmp_path: Path) -> None:
    directory = BuiltRun(evenly("chat", 3900)).write(tmp_path / "run")
    assert loadtest_report(directory).returncode == 0
    assert loadtest_report(directory, "--strict").returncode == 1
    assert loadtest_report(directory, LOADTEST_STRICT="true").returncode == 1
    assert loadtest_report(directory, "--no-strict", LOADTEST_STRICT="true").returncode == 0


def test_a_failing_run_exits_with_1_and_an_invalid_one_with_3(tmp_path: Path) -> None:
    assert loadtest_report(BuiltRun(evenly("chat", 9000)).write(tmp_path / "slow")).returncode == 1
    assert loadtest_report(BuiltRun([]).write(tmp_path / "empty")).returncode == 3
    assert loadtest_report(BuiltRun(failing("chat", 60)).write(tmp_path / "broken")).returncode == 1
    assert loadtest_report(BuiltRun(failing("/predict", 60)).write_csv(tmp_path / "theirs")).returncode == 1


def test_a_plain_locust_directory_is_judged_in_its_place(tmp_path: Path) -> None:
    directory = BuiltRun(evenly("/api/chat", 900)).write_csv(tmp_path / "theirs")
    done = loadtest_report(directory)
    assert done.returncode == 0
    assert "two significant digits" in " ".join(done.stdout.split())
    assert (directory / "verdict" / "report.html").exists()


def test_a_run_is_judged_by_other_thresholds_when_they_are_given(tmp_path: Path) -> None:
    directory = BuiltRun(evenly("chat", 900)).write(tmp_path / "run")
    config = tmp_path / "stricter.toml"
    config.write_text("[thresholds.chat]\np95_ms = { pass_below = 100, fail_above = 200 }\n")
    assert loadtest_report(directory, "--config", config).returncode == 1


def test_a_directory_without_a_run_exits_with_2_and_says_what_to_do(tmp_path: Path) -> None:
    done = loadtest_report(tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: {tmp_path}: holds neither")
    assert "ls runs" in done.stderr
    assert "Traceback" not in done.stderr
