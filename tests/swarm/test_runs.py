"""Whole runs of plain Locust against the real portal: what the report counts is what the portal served."""

from __future__ import annotations

import csv
import json
import signal
import time
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from urllib.request import urlopen

import locust_process
import psutil
import pytest
from locust_process import LOCUSTFILES, ROUTES, free_port, run, served
from patience import TIMEOUT_S, await_true
from quick_stack import QUICK, stack_with

from conf.layers import CONF_DIR
from conf.operations import Outcome
from reports.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loadtest.embedded import Stack

CHAT, ONBOARDING, RAG, DOCUMENTS = (
    str(LOCUSTFILES / f"{name}.py") for name in ("chat", "onboarding", "rag", "documents")
)


@pytest.fixture(scope="module")
def quick_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose model answers in a tenth of a second."""
    yield from stack_with(tmp_path_factory.mktemp("quick"), QUICK)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    directory = tmp_path / "runs"
    directory.mkdir()
    return directory


def test_the_documents_chat_run_is_sixty_requests_and_ends_by_itself(quick_stack: Stack, runs: Path) -> None:
    finished = run(quick_stack, runs, "-f", CHAT)
    assert finished.served["chat"] == 60
    assert finished.counted == finished.served
    assert finished.manifest["ended_by"] == "iterations"
    assert finished.manifest["houses_shared"] is False
    assert finished.verdict.state is State.PASS, finished.output
    assert finished.code == 0
    assert "Traceback" not in finished.output
    assert {path.name for path in finished.run_dir.iterdir()} >= {
        "manifest.json", "measurements.hlog", "memory.csv", "verdict.json", "report.html",
        "locust_stats.csv", "locust_failures.csv", "locust_exceptions.csv", "locust_stats_history.csv",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["document_id", "house", "flow", "operation", "self", "lot"])
def test_a_homeowner_opens_a_document_that_the_list_names(
    quick_stack: Stack, runs: Path, tmp_path: Path, name: str
) -> None:
    """Whatever name the contract gives to what the answer gives."""
    contract = tmp_path / "contract.toml"
    contract.write_text((CONF_DIR / "contracts" / "phase17.toml").read_text().replace("document_id", name))
    finished = run(quick_stack, runs, "-f", DOCUMENTS, environ={"LOADTEST_CONTRACT": str(contract)})
    assert finished.served["documents_list"] == finished.served["documents_open"] == 20
    assert finished.counted == finished.served
    rows = {row.name: (row.attempts, row.failures) for row in finished.verdict.operations}
    assert rows == dict.fromkeys(("documents_list", "documents_open", "documents_flow"), (20, 0))
    assert finished.verdict.state is State.PASS, finished.output


@pytest.mark.parametrize(
    ("arguments", "interrupt"),
    [
        pytest.param(["-u", "10", "-t", "3s"], None, id="run time"),
        pytest.param(["-u", "10", "-t", "60s"], (signal.SIGINT, 31), id="Ctrl-C"),
        pytest.param(["-u", "10", "-t", "60s"], (signal.SIGTERM, 31), id="SIGTERM"),
        pytest.param(["-u", "10", "-t", "8s", "--processes", "2"], None, id="two processes"),
        pytest.param(
            ["-u", "10", "-t", "60s", "--processes", "2"], (signal.SIGINT, 31), id="two processes, Ctrl-C"
        ),
    ],
)
def test_the_report_counts_what_the_portal_served_however_a_run_ends(
    quick_stack: Stack, runs: Path, arguments: list[str], interrupt: tuple[int, int] | None
) -> None:
    finished = run(quick_stack, runs, "-f", CHAT, *arguments, interrupt=interrupt)
    assert finished.served["chat"] >= (interrupt or (0, 10))[1]
    assert finished.counted == finished.served
    assert finished.verdict.state is State.PASS, finished.output
    assert finished.code == 0
    assert sum(process["requests"] for process in finished.manifest["processes"]) == finished.served["chat"]
    (row,) = csv_rows(finished.run_dir / "locust_stats.csv", "chat")
    (ours,) = finished.verdict.operations
    assert ours.latency.max_ms is not None
    # Ours is the upper edge of its bucket, a thousandth wide; Locust's is a whole number of milliseconds.
    assert float(row["100%"]) == pytest.approx(ours.latency.max_ms, abs=ours.latency.max_ms * 1e-3 + 0.5)


@pytest.mark.parametrize("first", ["master", "workers"])
def test_ctrl_c_that_reaches_one_process_before_the_other_loses_nothing(
    quick_stack: Stack, runs: Path, first: str
) -> None:
    """A terminal signals all of them, in any order; the owner's message to finish may overtake the signal."""
    before = served(quick_stack.base_url)
    process = locust_process.start(
        quick_stack, runs, ["-f", CHAT, "--headless", "--only-summary", "-u", "10", "-t", "60s", "--processes", "2"]
    )  # fmt: skip
    locust_process.await_served(quick_stack, sum(before.values()) + 31)
    master, workers = psutil.Process(process.pid), _children(process.pid)
    for reached in [master, *workers] if first == "master" else [*workers, master]:
        reached.send_signal(signal.SIGINT)
        time.sleep(0.02)
    output, _ = process.communicate(timeout=TIMEOUT_S)
    finished = locust_process.finished(quick_stack, runs, process.returncode, output, before)
    assert finished.counted == finished.served
    assert finished.verdict.problems == ()
    assert finished.code == 0, output


def test_master_and_workers_as_processes_of_their_own_give_one_verdict(
    quick_stack: Stack, runs: Path
) -> None:
    before = served(quick_stack.base_url)
    port = [str(free_port())]
    workers = [
        locust_process.start(quick_stack, runs, ["-f", CHAT, "--worker", "--master-port", *port])
        for _ in range(2)
    ]
    master = locust_process.start(
        quick_stack, runs,
        ["-f", CHAT, "--headless", "--only-summary", "--master", "--expect-workers", "2", "--master-bind-host", "127.0.0.1",
         "--master-bind-port", *port, "-u", "10", "-t", "3s"],
    )  # fmt: skip
    output, _ = master.communicate(timeout=TIMEOUT_S)
    for worker in workers:
        worker.communicate(timeout=TIMEOUT_S)
    finished = locust_process.finished(quick_stack, runs, master.returncode, output, before)
    assert finished.counted == finished.served
    assert finished.code == 0, output
    assert len(finished.manifest["processes"]) == 2


def test_a_worker_that_vanishes_makes_no_verdict_and_the_figures_stay(quick_stack: Stack, runs: Path) -> None:
    before = served(quick_stack.base_url)
    process = locust_process.start(
        quick_stack,
        runs,
        ["-f", CHAT, "--headless", "--only-summary", "-u", "10", "-t", "9s", "--processes", "2"],
    )
    locust_process.await_served(quick_stack, sum(before.values()) + 1)
    time.sleep(4)  # the figures of a killed worker reach its master every three seconds
    worker = next(iter(_children(process.pid)))
    worker.kill()
    output, _ = process.communicate(timeout=TIMEOUT_S)
    finished = locust_process.finished(quick_stack, runs, process.returncode, output, before)
    assert finished.code == 3, output
    assert finished.verdict.state is State.NO_VERDICT
    assert "worker_lost" in {problem.code for problem in finished.verdict.problems}
    assert 0 < finished.counted["chat"] <= finished.served["chat"]


def test_onboarding_counts_both_steps_and_the_flow_they_make(quick_stack: Stack, runs: Path) -> None:
    finished = run(quick_stack, runs, "-f", ONBOARDING)
    nothing_else = dict.fromkeys(ROUTES, 0)
    assert finished.served == nothing_else | {"onboarding_page": 20, "onboarding_resolve": 20}
    assert finished.counted == finished.served
    rows = {row.name: row for row in finished.verdict.operations}
    flow, page, resolve = (rows[f"onboarding_{name}"] for name in ("flow", "page", "resolve"))
    assert flow.requests == 20
    assert flow.latency.max_ms >= max(page.latency.max_ms, resolve.latency.max_ms)
    assert finished.code == 0, finished.output


def test_search_has_a_row_for_each_step_and_every_search_is_a_query(quick_stack: Stack, runs: Path) -> None:
    finished = run(quick_stack, runs, "-f", RAG, "--profile", "smoke")
    verdict = finished.verdict
    steps = [step for step in verdict.steps if step.operation == "rag_search"]
    assert [(step.index, step.users) for step in steps] == [(0, 1), (1, 5)]
    assert all(step.requests > 0 for step in steps)
    rows = {row.name: row for row in verdict.operations}
    assert rows["rag_search"].requests == rows["rag_query"].requests == rows["rag_connection"].requests
    assert sum(step.requests for step in steps) == rows["rag_search"].requests
    assert rows["rag_search"].failures == 0
    assert finished.manifest["ended_by"] == "steps"
    assert finished.code == 0, finished.output


def test_all_locustfiles_at_once_give_one_verdict_and_run_out_of_homeowners_who_are_new(
    quick_stack: Stack, runs: Path, tmp_path: Path
) -> None:
    few = tmp_path / "few.toml"
    few.write_text("[run]\nminimum_requests = 1\n")
    config = {"LOADTEST_CONFIG": f"{quick_stack.environ['LOADTEST_CONFIG']}:{few}"}
    finished = run(quick_stack, runs, "-f", str(LOCUSTFILES), "-u", "9", "-t", "6s", environ=config)
    assert finished.counted == finished.served
    assert set(finished.manifest["journeys"]) == {"chat", "documents", "onboarding", "rag"}
    assert {problem.code for problem in finished.verdict.problems} - {"too_few_requests"} == {
        "fixture_exhausted"
    }
    assert finished.code == 3, finished.output


def test_a_run_of_the_web_ui_can_be_started_stopped_and_started_again(quick_stack: Stack, runs: Path) -> None:
    before = served(quick_stack.base_url)
    port = free_port()
    process = locust_process.start(
        quick_stack, runs, ["-f", CHAT, "--web-host", "127.0.0.1", "--web-port", str(port)]
    )
    url = f"http://127.0.0.1:{port}"
    try:
        await_true(lambda: _answers(url))
        for number in (1, 2):
            _post(f"{url}/swarm", user_count=4, spawn_rate=4, run_time="60s")
            asked = sum(before.values()) + 8 * number
            locust_process.await_served(quick_stack, asked)
            with urlopen(f"{url}/stop", data=b"", timeout=TIMEOUT_S) as answer:  # noqa: S310 - loopback
                assert json.load(answer)["success"]
            await_true(lambda number=number: len(list(runs.glob("*/report.html"))) >= number)
    finally:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=TIMEOUT_S)
    after = served(quick_stack.base_url)
    reported = 0
    for run_dir in runs.iterdir():
        verdict = json.loads((run_dir / "verdict.json").read_text())
        assert verdict["state"] in {"PASS", "NO VERDICT"}, output
        reported += next(row["requests"] for row in verdict["operations"] if row["name"] == "chat")
    assert reported == after["chat"] - before["chat"] > 0


@pytest.mark.parametrize(
    ("faults", "outcome", "code"),
    [
        ("error_ratio = 1.0", Outcome.STATUS, 1),
        ("unauthorized_ratio = 1.0", Outcome.STATUS, 1),
        ("hang_ratio = 1.0", Outcome.TIMEOUT, 1),
        ("foreign_source_ratio = 0.2", Outcome.ISOLATION, 1),
    ],
)
def test_a_misbehaving_portal_fails_by_kind_and_is_still_counted_exactly(
    tmp_path: Path, runs: Path, faults: str, outcome: Outcome, code: int
) -> None:
    settings_text = f"{QUICK}\n[portal.faults]\n{faults}\n"
    if outcome is Outcome.TIMEOUT:
        settings_text += "[target]\nrequest_timeout_s = 1.0\n"
    for stack in stack_with(tmp_path, settings_text):
        finished = run(stack, runs, "-f", CHAT)
        assert {group.outcome for group in finished.verdict.failures} == {outcome}
        assert finished.counted["chat"] == 60
        if outcome is not Outcome.TIMEOUT:  # an abandoned request may be counted by the portal a moment later
            assert finished.counted == finished.served
        assert finished.code == code, finished.output
        if outcome is Outcome.ISOLATION:
            assert finished.verdict.state is State.FAIL


def csv_rows(path: Path, name: str) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["Name"] == name]


def _children(pid: int) -> list[psutil.Process]:
    return [child for child in psutil.Process(pid).children() if child.is_running()]


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=TIMEOUT_S):  # noqa: S310 - loopback
            return True
    except OSError:
        return False


def _post(url: str, **form: object) -> None:
    with urlopen(url, data=urlencode(form).encode(), timeout=TIMEOUT_S) as answer:  # noqa: S310 - loopback
        assert json.load(answer)["success"]


def test_a_worker_that_is_slow_to_begin_still_gets_its_houses(stack: Stack, tmp_path: Path) -> None:
    slow = tmp_path / "slow.py"
    slow.write_text(
        "from locust import events\nfrom locust.runners import WorkerRunner\nimport gevent\n"
        "@events.init.add_listener\ndef _(environment, **_):\n"
        "    gevent.sleep(isinstance(environment.runner, WorkerRunner))\n"
    )
    files = f"{slow},{LOCUSTFILES / 'chat.py'}"
    run = locust_process.run(stack, tmp_path / "runs", "-f", files, "--profile", "smoke", "--processes", "2")
    assert run.verdict.problems == ()
    assert run.counted["chat"] == run.served["chat"] == 30


def test_no_more_users_than_the_ceiling_start(quick_stack: Stack, runs: Path, tmp_path: Path) -> None:
    low = tmp_path / "low.toml"
    low.write_text("[target]\nmax_users = 5\n")
    config = f"{quick_stack.environ['LOADTEST_CONFIG']}:{low}"
    process = locust_process.start(
        quick_stack, runs, ["-f", CHAT, "--headless", "-u", "6", "-t", "5s"], LOADTEST_CONFIG=config
    )
    output, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 2
    assert "Error: target.max_users: 6 users were asked for, 5 are allowed\n  Ask for fewer" in output
    assert list(runs.iterdir()) == []


def test_no_more_requests_in_a_second_than_the_ceiling_and_the_report_says_that_they_waited(
    quick_stack: Stack, runs: Path, tmp_path: Path
) -> None:
    low = tmp_path / "low.toml"
    low.write_text("[target]\nmax_requests_per_second = 10\n")
    config = f"{quick_stack.environ['LOADTEST_CONFIG']}:{low}"
    finished = run(
        quick_stack, runs, "-f", CHAT, "-u", "20", "-t", "6s", "--processes", "2", environ={"LOADTEST_CONFIG": config}
    )  # fmt: skip
    assert finished.counted == finished.served
    manifest = finished.verdict.manifest
    assert manifest is not None
    assert finished.served["chat"] <= 10 * (manifest.length_s + 1)
    assert finished.manifest["held_back"] > 0
    (problem,) = [problem for problem in finished.verdict.problems if problem.code == "held_back"]
    assert "requests had to wait for target.max_requests_per_second" in problem.message
    assert finished.verdict.state is State.NO_VERDICT
