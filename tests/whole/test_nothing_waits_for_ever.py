"""Whole processes whose database, pages or disk fail them: each ends by itself, with a sentence and the right code."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from command_process import LOCUSTFILES, Commands
from hostile_server import answering, dripping, silent
from patience import TIMEOUT_S, await_true
from severable_link import Link

from reports.state import State
from reports.verdict import judge_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loadtest.embedded import Stack

HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
CHAT = ("locust", "-f", str(LOCUSTFILES / "chat.py"), "--headless", "--only-summary")
RAG = ("locust", "-f", str(LOCUSTFILES / "rag.py"), "--headless", "--only-summary")
QUICK_LIMITS = """
[database]
pool_size = 2
pool_timeout_s = 20.0
connect_timeout_s = 5.0
statement_timeout_s = 2.0
[generator]
lag_p95_ms = 1e6
cpu_ratio = 100.0
[run]
stop_timeout_s = 5.0
"""


@pytest.fixture
def commands(stack: Stack, tmp_path: Path) -> Iterator[Commands]:
    """Commands whose environment is in order for the shared stack, and whose limits are short."""
    limits = tmp_path / "limits.toml"
    limits.write_text(QUICK_LIMITS)
    environ = {**stack.environ, "LOADTEST_PROFILE": "smoke", "LOADTEST_CONFIG": str(limits)}
    commands = Commands(tmp_path, environ, [stack.environ["SESSION_SECRET"]])
    yield commands
    commands.kill_all()


@contextmanager
def link_to_database(stack: Stack) -> Iterator[tuple[Link, str]]:
    """A TCP link that can be cut, to the shared stack's database, which listens on a Unix socket; and its address through it."""
    directory = parse_qs(urlsplit(stack.database_url).query)["host"][0]
    with _tcp_door_to(f"{directory}/.s.PGSQL.5432") as port:
        link = Link(port)
        try:
            yield link, f"postgresql://postgres@127.0.0.1:{link.port}/postgres"
        finally:
            link.close()


@contextmanager
def _tcp_door_to(path: str) -> Iterator[int]:
    """A port of the loopback behind which is a Unix socket."""
    listener = socket.create_server(("127.0.0.1", 0))

    def pass_on(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                sink.sendall(piece)
        sink.close()

    def accept() -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(path)
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=pass_on, args=pair, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def run_of(commands: Commands) -> Path:
    (run_dir,) = commands.directory.glob("runs/*")
    return run_dir


def verdict_of(commands: Commands) -> Any:
    return json.loads((run_of(commands) / "verdict.json").read_text())


@pytest.mark.parametrize("hostile", [silent, lambda: dripping(b"S")], ids=["silent", "drips"])
@pytest.mark.parametrize(
    "command", [("loadtest", "check"), ("loadtest", "run", "rag"), ("loadtest", "seed"), RAG]
)
def test_a_database_that_accepts_and_is_silent_is_told_before_the_first_search(
    commands: Commands, command: tuple[str, ...], hostile: Any
) -> None:
    with hostile() as server:
        ended = commands.run(*command, DATABASE_URL=server.database_url)
    assert ended.code == 2
    assert "DATABASE_URL: the database cannot be reached" in ended.output
    assert "Start it and check the address" in ended.output


def test_a_database_that_falls_silent_in_mid_run_is_no_pass(commands: Commands, stack: Stack) -> None:
    with link_to_database(stack) as (link, url):
        process = commands.start(*RAG, "-u", "4", "-t", "30s", DATABASE_URL=url)
        await_true(lambda: list(commands.directory.glob("runs/*/measurements.hlog")), TIMEOUT_S)
        file = run_of(commands) / "measurements.hlog"
        await_true(lambda: "rag_search.success" in file.read_text(), TIMEOUT_S)
        link.cut()
        ended = commands.end(process, TIMEOUT_S)
    verdict = verdict_of(commands)
    rows = {row["name"]: row for row in verdict["operations"]}
    failures = {group["message"] for group in verdict["failures"]}
    assert ended.code == 1, ended.output
    assert verdict["state"] == "FAIL"
    assert "nothing succeeded in the last" in ended.out
    assert rows["rag_search"]["requests"] == rows["rag_connection"]["requests"]
    assert any("fell silent" in message for message in failures), failures
    assert not verdict["problems"]


def test_users_that_cannot_begin_end_the_run_and_it_says_why(commands: Commands, stack: Stack) -> None:
    """The database falls silent between the look before the run and the first user."""
    with link_to_database(stack) as (link, url):
        process = commands.start(*RAG, "-u", "4", "-r", "0.2", DATABASE_URL=url)
        await_true(lambda: list(commands.directory.glob("runs/*/measurements.hlog")), TIMEOUT_S)
        link.cut()
        ended = commands.end(process, TIMEOUT_S)
    assert ended.code == 3, ended.output
    assert "a user that searches could not begin" in ended.out + ended.err


@pytest.mark.parametrize("end", ["iterations", "run time", "interrupt"])
def test_a_metrics_page_that_drips_keeps_no_run_from_ending(commands: Commands, end: str) -> None:
    with dripping(HEAD) as server:
        arguments = {"iterations": [], "run time": ["-t", "3s"], "interrupt": ["-t", "600s"]}[end]
        process = commands.start(*CHAT, "-u", "2", *arguments, LOADTEST_METRICS_URL=f"{server.url}/metrics")
        if end == "interrupt":
            await_true(lambda: list(commands.directory.glob("runs/*/measurements.hlog")))
            os.killpg(process.pid, signal.SIGINT)
        ended = commands.end(process, TIMEOUT_S)
    assert verdict_of(commands)["run_id"] == run_of(commands).name, ended.output
    manifest = json.loads((run_of(commands) / "manifest.json").read_text())
    assert manifest["ended_by"] == {"interrupt": "interrupted"}.get(end, end)


@pytest.mark.parametrize("value", [b"+Inf", b"NaN", b"1e400", b"9" * 400, b"-1", b"text"])
def test_a_memory_that_cannot_be_ends_no_run_and_is_in_no_report(commands: Commands, value: bytes) -> None:
    with answering(HEAD + b"process_resident_memory_bytes " + value + b"\n") as server:
        ended = commands.run(
            *CHAT, "-u", "2", LOADTEST_METRICS_URL=f"{server.url}/metrics", LOADTEST_TARGET_PID=""
        )
    assert json.loads((run_of(commands) / "manifest.json").read_text())["ended_by"] == "iterations"
    assert [row["process"] for row in verdict_of(commands)["memory"]] == ["local"], ended.output


def test_a_health_page_that_drips_is_no_answer(commands: Commands) -> None:
    with dripping(HEAD) as server:
        ended = commands.run("loadtest", "check", LOADTEST_TARGET=server.url)
    assert ended.code == 2
    assert "the portal cannot be reached: no complete answer within" in ended.out


@pytest.mark.parametrize(
    "arguments", [("-t", "99999999999h"), ("-t", "9999999h"), ("-u", "10", "-r", "1e-300")]
)
def test_a_run_that_would_never_end_is_refused(commands: Commands, arguments: tuple[str, ...]) -> None:
    ended = commands.run(*CHAT, *arguments)
    assert ended.code == 2
    assert "longer than a run can be" in ended.output
    assert not list(commands.directory.glob("runs/*"))


def test_a_disk_that_becomes_full_ends_the_run_with_what_was_measured_until_then(commands: Commands) -> None:
    """A limit on the size of files stands for the disk: it can be set for a process that runs, by any user."""
    process = commands.start(*RAG, "-u", "2", "-t", "900s")
    await_true(lambda: list(commands.directory.glob("runs/*/measurements.hlog")))
    file = run_of(commands) / "measurements.hlog"
    await_true(lambda: "rag_search.success" in file.read_text())
    size = file.stat().st_size
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, size))
    ended = commands.end(process, TIMEOUT_S)
    assert ended.code == 3, ended.output
    assert "NO VERDICT" in ended.out
    assert "cannot be written: File too large" in ended.output
    verdict = judge_run(run_of(commands))
    assert verdict.state is State.NO_VERDICT
    assert {row.name for row in verdict.operations} >= {"rag_search", "rag_query"}
    assert not list(run_of(commands).glob(".*")), "nothing is left half written"
    for report in run_of(commands).glob("verdict.json"):
        assert json.loads(report.read_text())["state"] == "NO VERDICT"


def test_a_full_disk_before_the_run_is_told_before_the_first_request(commands: Commands) -> None:
    process = commands.start(*RAG, "-u", "2", "-t", "5s")
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (10_000, 10_000))
    ended = commands.end(process, TIMEOUT_S)
    assert ended.code == 2, ended.output
    assert "run.output_dir: runs cannot be written: File too large" in ended.output
    assert not list(commands.directory.glob("runs/*"))
