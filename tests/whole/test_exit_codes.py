"""Exit codes hold: 1 is FAIL alone, whatever breaks, and whatever becomes of the output."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from built_run import BuiltRun, evenly, failing
from command_process import LOCUSTFILES, Commands, await_true

from conf.errors import ExitCode, LoadTestError, NoVerdictError
from loadtest.main import run_command
from reports.verdict import judge_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psutil

    from loadtest.embedded import Stack

CHAT = ("locust", "-f", str(LOCUSTFILES / "chat.py"))
LONG_S = 300.0
"""Against hanging alone."""


@pytest.fixture
def commands(stack: Stack, tmp_path: Path) -> Iterator[Commands]:
    directory = tmp_path / "here"
    directory.mkdir()
    commands = Commands(
        directory, {**stack.environ, "LOADTEST_PROFILE": "smoke"}, [stack.environ["SESSION_SECRET"]]
    )
    yield commands
    commands.kill_all()


@pytest.fixture
def failed_run(tmp_path: Path) -> Path:
    return BuiltRun([*evenly("chat", 900), *failing("chat", 100)]).write(tmp_path / "run")


class BrokenTextError(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


@pytest.mark.parametrize(
    ("error", "of_run", "of_logs"),
    [
        (ZeroDivisionError("by zero"), 3, 2),
        (MemoryError(), 3, 2),
        (RecursionError("deep"), 3, 2),
        (BrokenPipeError(32, "Broken pipe"), 3, 2),  # of a socket: the output's own cannot be raised
        (BrokenTextError(), 3, 2),
        (EOFError(), 3, 2),
        (SystemExit(1), 3, 2),
        (SystemExit("some library's own words"), 3, 2),
        (SystemExit(ExitCode.FAIL), 1, 1),
        (SystemExit(2), 2, 2),
        (SystemExit(None), 0, 0),
        (LoadTestError("place: what", "next"), 2, 2),
        (NoVerdictError("place: what", "next"), 3, 3),
        (KeyboardInterrupt(), 130, 130),
    ],
)
def test_whatever_is_raised_ends_with_a_sentence_and_a_code_that_is_no_fail(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    of_run: int,
    of_logs: int,
) -> None:
    def broken() -> None:
        raise error

    monkeypatch.setattr("loadtest.app.app", broken)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert (run_command(["run", "chat"]), run_command(["logs"])) == (of_run, of_logs)
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert said.startswith("Error: ") is isinstance(error, Exception) or isinstance(error, SystemExit)
    for path in re.findall(r"traceback: (\S+)", said):
        assert "Traceback" in Path(path).read_text()
        Path(path).unlink()


def test_figures_that_break_the_judge_are_a_report_without_a_verdict(
    monkeypatch: pytest.MonkeyPatch, failed_run: Path
) -> None:
    def broken(*_: object) -> None:
        raise OverflowError("cannot convert float infinity to integer")

    monkeypatch.setattr("reports.verdict.build_operation_rows", broken)
    verdict = judge_run(failed_run)
    assert verdict.state.word == "NO VERDICT"
    (problem,) = verdict.problems
    assert "OverflowError: cannot convert float infinity to integer" in problem.message
    Path(problem.next_step.rpartition(" ")[2]).unlink()


@pytest.mark.parametrize(
    "shell",
    [
        "{command} >&-",
        "{command} >&- 2>&- <&-",
        "{command} >/dev/full 2>&1",
        "{command} | head -1",
        "{command} 2>&1 | true",
        "PYTHONIOENCODING=ascii {command}",
        "PYTHONIOENCODING=latin-1 {command}",
        "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 {command}",
    ],
)
def test_a_verdicts_code_stands_whatever_becomes_of_the_output(failed_run: Path, shell: str) -> None:
    command = f"'{sys.executable}' -m loadtest report '{failed_run}'"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {shell.format(command=command)}"],
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=LONG_S,
        cwd=LOCUSTFILES.parent,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert json.loads((failed_run / "verdict.json").read_text())["state"] == "FAIL"


def test_a_directory_whose_name_is_no_text_is_judged(failed_run: Path) -> None:
    odd = os.fsdecode(os.fsencode(failed_run) + b"-\xff\n\x1b[2J")
    failed_run.rename(odd)
    done = subprocess.run(
        [sys.executable, "-m", "loadtest", "report", odd],
        check=False,
        capture_output=True,
        timeout=LONG_S,
        cwd=LOCUSTFILES.parent,
    )
    assert done.returncode == 1, done.stderr
    json.loads((Path(odd) / "verdict.json").read_text())


@pytest.mark.parametrize(
    ("options", "place"),
    [
        (("--web-port", "{port}"), "--web-port: cannot listen on 127.0.0.1:{port}: Address already in use"),
        (
            ("--master", "--headless", "--master-bind-host", "127.0.0.1", "--master-bind-port", "{port}"),
            "--master-bind-port: 127.0.0.1:{port} cannot be had: Address already in use",
        ),
        (("--headless", "NoSuchUser"), "locust: Unknown User(s): NoSuchUser"),
        (
            (
                "--master", "--headless", "--master-bind-host", "127.0.0.1", "--master-bind-port", "0",
                "--expect-workers", "1", "--expect-workers-max-wait", "1",
            ),
            "locust: Gave up waiting for workers to connect",
        ),
    ],
)  # fmt: skip
def test_what_keeps_locust_from_a_run_is_a_sentence_and_2(
    commands: Commands, options: tuple[str, ...], place: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = commands.run(*CHAT, *(option.format(port=port) for option in options))
    assert ended.code == 2, ended.output
    assert f"Error: {place.format(port=port)}" in ended.err


def test_the_metrics_port_in_use_is_a_sentence_and_2(commands: Commands) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = commands.run(*CHAT, "--headless", LOADTEST_METRICS_PORT=str(port))
    assert ended.code == 2, ended.output
    assert f"Error: monitoring.metrics_port: port {port} of 127.0.0.1 is in use" in ended.err


LOCUSTFILE = f"""
import sys
sys.path.insert(0, {str(LOCUSTFILES.parent)!r})
from locustfiles.chat import HomeownerChatUser
import swarm.session as session
"""


@pytest.mark.parametrize(
    ("lines", "code", "place"),
    [
        ("1 / 0", 2, "own.py:7: ZeroDivisionError: division by zero"),
        ("import no_such_package", 2, "own.py:7: ModuleNotFoundError"),
        ("session.load_settings = lambda *_, **__: 1 / 0", 3, "the suite itself failed: ZeroDivisionError"),
    ],
)
def test_a_locustfile_that_breaks_is_a_sentence_and_never_1(
    commands: Commands, lines: str, code: int, place: str
) -> None:
    own = commands.directory / "own.py"
    own.write_text(f"{LOCUSTFILE}\n{lines}\n")
    ended = commands.run("locust", "-f", str(own), "--headless")
    assert ended.code == code, ended.output
    assert place in ended.err
    assert len(re.findall(r"^Error: ", ended.err, re.MULTILINE)) == 1


def test_a_listener_that_breaks_ends_the_run_without_a_verdict_and_its_traceback_is_written_once(
    commands: Commands,
) -> None:
    own = commands.directory / "own.py"
    own.write_text(
        f"{LOCUSTFILE}\nfrom locust import events\n@events.request.add_listener\ndef broken(**_):\n    raise ValueError('my own')\n"
    )
    process = commands.start("locust", "-f", str(own), "--headless", "--only-summary")
    out, err = process.communicate(timeout=LONG_S)
    assert process.returncode == 3, out + err
    (verdict,) = commands.directory.glob("runs/*/verdict.json")
    problems = json.loads(verdict.read_text())["problems"]
    assert any("the listener broken ended: ValueError: my own" in problem["message"] for problem in problems)
    assert err.count("Traceback") == 1


def test_a_locust_that_is_killed_half_way_leaves_a_report_without_a_verdict(commands: Commands) -> None:
    (commands.directory / "long.toml").write_text("[target]\nmax_users = 50\n")
    profile = Path("conf/profiles/smoke.toml")
    text = (LOCUSTFILES.parent / profile).read_text()
    (commands.directory / "long-profile.toml").write_text(
        re.sub(r"iterations = \d+", "run_time_s = 300", text)
    )
    started = commands.start("loadtest", "run", "chat", "--profile", "./long-profile.toml")

    def locust() -> list[psutil.Process]:
        begun = list(commands.directory.glob("runs/*/measurements.hlog"))
        return [one for one in commands.running() if "locust" in one.cmdline()] if begun else []

    await_true(locust, LONG_S)
    for process in locust():
        process.kill()
    ended = commands.end(started, LONG_S)
    assert ended.code == 3, ended.output
    assert "manifest.json: is missing; the run was never finished" in ended.out
    assert list(commands.directory.glob("runs/*/report.html"))
