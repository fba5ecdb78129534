"""What ``loadtest run`` and ``loadtest check`` do: exit codes by verdict, Ctrl-C, and nothing left behind."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from command_process import Commands
from patience import EASY_LIMITS, UNHURRIED, await_true
from portal_process import SECRET, running_portal

from conf.operations import Journey
from monitoring.measurement import utc_now
from seed.fixture import load_fixture, write_fixture
from seed.jwts import with_new_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portal_process import Portal

    from loadtest.embedded import Stack

QUICK = f"{UNHURRIED}[portal.model]\nmedian_s = 0.2\nminimum_s = 0.1\nmaximum_s = 0.4\n"
ELSEWHERE = {
    "SESSION_SECRET": "short",
    "DATABASE_URL": "postgresql://portal:hush-hush-hush@production.example.invalid/portal",
    "DATABASE_URL_FILE": "/nowhere",
    "LOADTEST_ALLOWED_HOSTS": "production.example.invalid",
    "LOADTEST_TARGET": "https://production.example.invalid",
    "LOADTEST_FIXTURE": "/nowhere/houses.jsonl",
}
"""What the environment of somebody who works on the real portal holds; an embedded run has its own."""


@pytest.fixture
def commands(stack: Stack, tmp_path: Path) -> Iterator[Commands]:
    """Commands for the shared stack."""
    fixture = load_fixture(Path(stack.environ["LOADTEST_FIXTURE"]))
    secrets = [stack.environ["SESSION_SECRET"], *(house.jwt for house in fixture)]
    yield from _commands(tmp_path, stack.environ, secrets)


@pytest.fixture
def embedded_commands(tmp_path: Path) -> Iterator[Commands]:
    """Commands that bring everything along."""
    yield from _commands(tmp_path, ELSEWHERE, ["hush-hush-hush"])


def _commands(tmp_path: Path, environ: dict[str, str], secrets: list[str]) -> Iterator[Commands]:
    directory = tmp_path / "here"
    directory.mkdir()
    (directory / "own.toml").write_text(QUICK + EASY_LIMITS)
    commands = Commands(directory, {**environ, "LOADTEST_PROFILE": "smoke"}, secrets)
    yield commands
    commands.kill_all()


def config(commands: Commands, text: str) -> str:
    """A --config file with *text*; returns its name."""
    (commands.directory / "more.toml").write_text(UNHURRIED + text)
    return "more.toml"


def own_portal(portal: Portal, stack: Stack, directory: Path) -> dict[str, str]:
    """The environment of a run against *portal*, which has another secret than the stack's."""
    fixture = directory / "houses.jsonl"
    houses = load_fixture(Path(stack.environ["LOADTEST_FIXTURE"]))
    write_fixture(fixture, with_new_tokens(houses, SECRET, utc_now()))
    return {
        "LOADTEST_TARGET": "http://{}:{}".format(*portal.address),
        "LOADTEST_TARGET_PID": str(portal.process.pid),
        "LOADTEST_FIXTURE": str(fixture),
        "SESSION_SECRET": SECRET,
    }


def verdicts(commands: Commands) -> dict[str, Any]:
    """Journey → verdict.json, of every run directory."""
    return {
        path.parent.name.partition("-")[2]: json.loads(path.read_text())
        for path in commands.directory.glob("runs/*/verdict.json")
    }


def stack_directory(running: list[psutil.Process]) -> Path:
    """Where the embedded stack of these processes lives."""
    stack_name = re.compile(rf"{re.escape(tempfile.gettempdir())}/openhouse-\w+")
    (found,) = {found for process in running for found in stack_name.findall(" ".join(process.cmdline()))}
    return Path(found)


def test_an_embedded_run_needs_nothing_of_its_environment_and_can_be_repeated(
    embedded_commands: Commands,
) -> None:
    arguments = ("loadtest", "run", "all", "--embedded", "--config", "own.toml")
    ended = embedded_commands.run(*arguments)
    assert ended.code == 0, ended.output
    assert {
        journey: verdict["state"] for journey, verdict in verdicts(embedded_commands).items()
    } == dict.fromkeys(("rag", "chat", "onboarding", "documents"), "PASS")
    order = [
        ended.out.rindex(f"-{journey}/report.html") for journey in ("rag", "chat", "onboarding", "documents")
    ]
    assert order == sorted(order)
    for line in ("embedded database", "portal: done", "rag: ", "chat: ", "onboarding: ", "documents: "):
        assert line in ended.err
    assert (embedded_commands.directory / "logs" / "portal.log").exists()
    for written in embedded_commands.directory.glob("runs/*/manifest.json"):
        settings = json.loads(written.read_text())["settings"]
        assert settings["target"]["embedded"] is True
        assert settings["monitoring"]["log_dir"] == str((embedded_commands.directory / "logs").resolve())
    again = embedded_commands.run("loadtest", "run", "onboarding", "--embedded", "--config", "own.toml")
    assert again.code == 0, again.output
    assert len(list(embedded_commands.directory.glob("runs/*"))) == len(Journey) + 1


def test_a_warning_exits_with_1_under_strict(commands: Commands) -> None:
    name = config(commands, "[thresholds.chat]\np50_ms = { pass_below = 1 }")
    ended = commands.run("loadtest", "run", "chat", "--config", name, "--strict")
    assert (ended.code, "▲ WARN" in ended.out) == (1, True), ended.output
    (manifest,) = commands.directory.glob("runs/*/manifest.json")
    assert json.loads(manifest.read_text())["settings"]["run"]["strict"] is True


def test_too_few_requests_exit_with_3_and_the_run_is_where_it_was_asked_for(commands: Commands) -> None:
    name = config(commands, "[run]\nminimum_requests = 1000")
    ended = commands.run("loadtest", "run", "chat", "--config", name, "--output-dir", "a/b")
    assert (ended.code, "◇ NO VERDICT" in ended.out) == (3, True), ended.output
    assert len(list(commands.directory.glob("a/b/*-chat/report.html"))) == 1
    assert not (commands.directory / "runs").exists()


@pytest.mark.parametrize(
    ("faults", "ends"),
    [("error_ratio = 0.4", ("■ FAIL", 1)), ("slow_ratio = 1\nslow_s = 0.3", ("▲ WARN", 0))],
)
def test_a_portal_with_faults_fails_or_warns(
    commands: Commands, stack: Stack, tmp_path: Path, faults: str, ends: tuple[str, int]
) -> None:
    slow = "[thresholds.chat]\np50_ms = { pass_below = 300 }\np95_ms = { pass_below = 1e5, fail_above = 2e5 }"
    words = ("--config", config(commands, slow), "--profile", "phase17")
    with running_portal(stack.database_url, tmp_path, f"{QUICK}[portal.faults]\n{faults}") as portal:
        ended = commands.run("loadtest", "run", "chat", *words, **own_portal(portal, stack, tmp_path))
    state, code = ends
    assert ended.code == code, ended.output
    assert state in ended.out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_stops_everything_and_prints_what_was_measured(
    embedded_commands: Commands, number: signal.Signals
) -> None:
    process = start_long_run(embedded_commands)
    running = embedded_commands.running()
    assert {kind for p in running for kind in ("locust", "portal", "postgres") if kind in " ".join(p.cmdline())} == {
        "locust", "portal", "postgres",
    }  # fmt: skip
    directory = stack_directory(running)
    process.send_signal(number)
    ended = embedded_commands.end(process)
    assert ended.code == 130, ended.output
    embedded_commands.await_nothing_running()
    assert not directory.exists()
    (verdict,) = verdicts(embedded_commands).values()
    (chat,) = [row for row in verdict["operations"] if row["name"] == "chat"]
    requests = chat["requests"] + chat["warm_up"][0]
    assert requests >= 1
    assert chat["failures"] == 0
    assert re.search(rf"^Chat .* {requests} +0 ", ended.out, re.MULTILINE), ended.out
    assert "/report.html" in ended.out


def test_a_command_that_is_killed_takes_its_stack_along(embedded_commands: Commands) -> None:
    process = start_long_run(embedded_commands)
    directory = stack_directory(embedded_commands.running())
    process.kill()
    assert embedded_commands.end(process).code == -signal.SIGKILL

    def stack_runs() -> bool:
        return any(str(directory) in " ".join(p.cmdline()) for p in embedded_commands.running())

    await_true(lambda: not stack_runs())
    await_true(lambda: not directory.exists())


def start_long_run(commands: Commands) -> subprocess.Popen[str]:
    """Start an embedded run that would last five minutes, and wait until it has measured something."""
    process = commands.start(
        "loadtest", "run", "chat", "--embedded", "--config", "own.toml", LOADTEST_PROFILE="pilot"
    )
    try:
        await_true(lambda: any("," in row for row in history(commands)))
    except AssertionError:
        process.kill()
        raise
    return process


def history(commands: Commands) -> list[str]:
    """Rows of Locust's statistics of chat, once there are any."""
    (*found,) = commands.directory.glob("runs/*/locust_stats.csv")
    return [line for path in found for line in path.read_text().splitlines() if line.startswith("POST,chat,")]


def test_a_second_interruption_waits_for_no_request(commands: Commands, stack: Stack, tmp_path: Path) -> None:
    with running_portal(stack.database_url, tmp_path, f"{QUICK}[portal.faults]\nhang_ratio = 1.0") as portal:
        process = commands.start("loadtest", "run", "chat", **own_portal(portal, stack, tmp_path))
        await_true(
            lambda: process.poll() is not None or requests_that_hang(portal) > 2
        )  # one may be a look at its health
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.5)
        process.send_signal(signal.SIGINT)
        assert commands.end(process).code == 130
        commands.await_nothing_running()


def requests_that_hang(portal: Portal) -> int:
    """Connections that wait for an answer, as the portal's process sees them."""
    connections = psutil.Process(portal.process.pid).net_connections("tcp")
    return sum(connection.status == psutil.CONN_ESTABLISHED for connection in connections)


def test_what_was_judged_is_printed_even_if_a_later_journey_cannot_begin(
    commands: Commands, stack: Stack, tmp_path: Path
) -> None:
    with running_portal(stack.database_url, tmp_path, QUICK) as portal:
        host = "http://{}:{}".format(*portal.address)
        process = commands.start("loadtest", "run", "all", "--host", host, "--config", "own.toml")
        await_true(lambda: list(commands.directory.glob("runs/*-rag/measurements.hlog")))
    ended = commands.end(process)
    assert ended.code == 2, ended.output
    assert "● PASS  Vector search" in ended.out
    assert "-rag/report.html" in ended.out
    assert "the portal cannot be reached: Connection refused" in ended.err
    assert [path.name.partition("-")[2] for path in commands.directory.glob("runs/*")] == ["rag"]


def test_nothing_is_begun_where_a_later_journey_could_not(commands: Commands) -> None:
    told = commands.refused("loadtest", "run", "all", "--host", "http://127.0.0.1:9")
    assert "the portal cannot be reached" in told


BROKEN_PAGES = """
import jinja2

def broken(*_, **__):
    raise RuntimeError("no page today")

jinja2.Environment.get_template = broken
"""


def test_a_run_that_breaks_while_its_reports_are_written_has_no_verdict(
    commands: Commands, tmp_path: Path
) -> None:
    """Its files alone, judged once more, would say PASS."""
    (tmp_path / "sitecustomize.py").write_text(BROKEN_PAGES)
    ended = commands.run("loadtest", "run", "chat", "--profile", "smoke", PYTHONPATH=str(tmp_path))
    assert ended.code == 3, ended.output
    assert "the run has no verdict: Locust ended with exit code 3, though the files say PASS" in ended.err
    assert "Traceback" not in ended.output


KILLED_PAGES = """
import jinja2, os, sys

def killed(*_, **__):
    os.kill(os.getpid(), 9)

if "locust" in sys.orig_argv:
    jinja2.Environment.get_template = killed
"""


def test_a_locust_that_is_killed_after_its_run_leaves_reports_of_it(
    commands: Commands, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(KILLED_PAGES)
    ended = commands.run("loadtest", "run", "chat", "--profile", "smoke", PYTHONPATH=str(tmp_path))
    assert ended.code == 0, ended.output
    (report,) = commands.directory.glob("runs/*/report.html")
    assert str(report.name) in ended.out
    assert list(commands.directory.glob("runs/*/verdict.json"))


def test_check_looks_at_everything_and_writes_nothing(commands: Commands) -> None:
    before = sorted(commands.directory.rglob("*"))
    ended = commands.run("loadtest", "check")
    assert ended.code == 0, ended.output
    names = [
        "journeys", "contract", "criteria", "end of the run", "run directory", "questions", "fixture", "secret", "portal", "database", "JWT",
        "QR token", "pool",
    ]  # fmt: skip
    assert [line.partition(":")[0] for line in ended.out.splitlines()] == [f"✓ {name}" for name in names]
    of_all = commands.run("loadtest", "check", "all")
    assert (of_all.code, of_all.out.splitlines()[0]) == (0, ended.out.splitlines()[0])
    of_onboarding = commands.run("loadtest", "check", "onboarding")
    left = {*names} - {line.partition(":")[0].removeprefix("✓ ") for line in of_onboarding.out.splitlines()}
    assert left == {"questions", "secret", "database", "JWT"}
    assert sorted(commands.directory.rglob("*")) == before
