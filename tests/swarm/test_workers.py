"""Workers that come and go while a run goes on: with real processes, real signals, and a link that is cut."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Self

import locust_process
import psycopg2
import pytest
from locust_process import LOCUSTFILES, free_port, served
from patience import TIMEOUT_S
from quick_stack import STEADY, stack_with
from severable_link import link_to

from reports.state import State
from reports.verdict import judge_run

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from locust_process import Finished

    from loadtest.embedded import Stack

LONGEST_ANSWER_S = 1.0
"""Of the portal that `STEADY` describes."""
CHAT = str(LOCUSTFILES / "chat.py")
ASKS_AGAIN_S = 5
"""How long Locust's worker waits for its master's answer."""
UNNOTICED_S = 6
"""Longer than Locust's master waits for a heartbeat: it thinks the worker lost."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    yield from stack_with(tmp_path_factory.mktemp("workers"), STEADY)


class Site:
    """A master and its workers, each a process of its own, as on machines of their own."""

    def __init__(self, stack: Stack, runs: Path, tolerated: float = 0.0) -> None:
        self.stack, self.runs, self.port = stack, runs, free_port()
        runs.mkdir(exist_ok=True)
        tolerance = runs.parent / "tolerance.toml"
        tolerance.write_text(f"[generator]\nmissing_load_ratio = {tolerated}\n")
        self.config = os.pathsep.join([stack.environ["LOADTEST_CONFIG"], str(tolerance)])
        self._before = served(stack.base_url)
        self._started: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
            if process.stdout is not None and not process.stdout.closed:
                process.communicate()
        locust_process.await_quiet(self.stack, LONGEST_ANSWER_S)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        process = locust_process.start(
            self.stack, self.runs, ["-f", CHAT, *arguments], LOADTEST_CONFIG=self.config
        )
        self._started.append(process)
        return process

    def master(self, *arguments: str, expect: int = 2) -> subprocess.Popen[str]:
        return self.start(
            "--headless", "--only-summary", "--master", "--expect-workers", str(expect), "--master-bind-host",
            "127.0.0.1", "--master-bind-port", str(self.port), "-u", "10", "-r", "10", *arguments,
        )  # fmt: skip

    def worker(self, port: int | None = None) -> subprocess.Popen[str]:
        return self.start("--worker", "--master-host", "127.0.0.1", "--master-port", str(port or self.port))

    def await_load(self, requests: int = 20) -> None:
        locust_process.await_served(self.stack, sum(self._before.values()) + requests)

    def finished(self, master: subprocess.Popen[str]) -> Finished:
        output, _ = master.communicate(timeout=locust_process.TIMEOUT_S)
        return locust_process.finished(self.stack, self.runs, master.returncode, output, self._before)


def changes(finished: Finished) -> list[str]:
    return [change["event"] for change in finished.manifest["worker_changes"]]


def problem_of(finished: Finished) -> str:
    (problem,) = [problem for problem in finished.verdict.problems if problem.code == "worker_lost"]
    return problem.message


def test_a_worker_that_is_killed_makes_no_verdict_and_the_report_says_how_much_was_missing(
    stack: Stack, tmp_path: Path
) -> None:
    with Site(stack, tmp_path / "runs") as site:
        master, victim, _ = site.master("-t", "14s"), site.worker(), site.worker()
        site.await_load()
        time.sleep(4)  # its figures reach the master every three seconds
        victim.kill()
        finished = site.finished(master)
    assert finished.verdict.state is State.NO_VERDICT
    assert finished.code == 3
    assert changes(finished) == ["vanished"]
    assert finished.manifest["worker_changes"][0]["users"] == 5
    assert "vanished with 5 users, last heard of at " in problem_of(finished)
    assert "of the load was missing and what was measured there last" in problem_of(finished)
    missing, asked = finished.manifest["missing_user_s"], finished.manifest["asked_user_s"]
    assert 0 < missing < asked / 2
    assert 0 < finished.counted["chat"] <= finished.served["chat"]


@pytest.mark.parametrize(
    ("tolerated", "state"), [(0.0, State.NO_VERDICT), (0.001, State.NO_VERDICT), (0.6, State.PASS)]
)
def test_a_worker_that_is_told_to_go_hands_in_all_it_measured(
    stack: Stack, tmp_path: Path, tolerated: float, state: State
) -> None:
    with Site(stack, tmp_path / "runs", tolerated) as site:
        master, leaving, _ = site.master("-t", "8s"), site.worker(), site.worker()
        site.await_load()
        leaving.send_signal(signal.SIGTERM)
        leaving.communicate(timeout=TIMEOUT_S)
        finished = site.finished(master)
    assert changes(finished) == ["left"]
    assert finished.counted == finished.served
    assert finished.verdict.state is state, finished.output
    if state is State.PASS:
        (told,) = [note for note in finished.verdict.notes if "left with" in note]
        assert "generator.missing_load_ratio allows 60.0%" in told


def test_a_worker_that_was_paused_comes_back_and_nothing_of_it_is_lost(stack: Stack, tmp_path: Path) -> None:
    with Site(stack, tmp_path / "runs") as site:
        master, paused, _ = site.master("-t", "18s"), site.worker(), site.worker()
        site.await_load()
        paused.send_signal(signal.SIGSTOP)
        time.sleep(UNNOTICED_S)
        paused.send_signal(signal.SIGCONT)
        finished = site.finished(master)
    assert changes(finished) == ["vanished", "returned"]
    assert finished.counted == finished.served
    assert finished.verdict.state is State.NO_VERDICT
    assert "returned at " in problem_of(finished)
    assert problem_of(finished).endswith("of the load was missing")


@pytest.mark.parametrize("mended", [True, False])
def test_a_network_that_is_cut_between_worker_and_master_is_told(
    stack: Stack,
    tmp_path: Path,
    mended: bool,  # noqa: FBT001 - a case of the test
) -> None:
    with Site(stack, tmp_path / "runs") as site, link_to(site.port) as link:
        master, _, _ = site.master("-t", "16s"), site.worker(link.port), site.worker()
        site.await_load()
        link.cut()
        time.sleep(UNNOTICED_S)
        if mended:
            link.mend()
        finished = site.finished(master)
    assert changes(finished) == (["vanished", "returned"] if mended else ["vanished"])
    assert finished.verdict.state is State.NO_VERDICT
    if mended:
        assert finished.counted == finished.served
    else:
        assert finished.counted["chat"] < finished.served["chat"]


def test_each_worker_that_joins_late_takes_its_part_with_houses_of_its_own(
    stack: Stack, tmp_path: Path
) -> None:
    with Site(stack, tmp_path / "runs") as site:
        master, _ = site.master("-t", "20s", expect=1), site.worker()
        site.await_load()
        late = [site.worker()]
        time.sleep(6)
        late.append(site.worker())  # to whom Locust's own master would give no users
        finished = site.finished(master)
        for worker in late:
            worker.communicate(timeout=TIMEOUT_S)
    assert changes(finished) == ["joined", "joined"]
    assert finished.verdict.state is State.PASS, finished.output
    assert finished.counted == finished.served
    assert len(finished.manifest["processes"]) == 3
    assert all(process["requests"] > 0 for process in finished.manifest["processes"])
    assert finished.manifest["users_per_house"] == 1
    assert any("joined at " in note for note in finished.verdict.notes)


def test_a_worker_that_says_again_that_it_is_ready_since_nobody_answered_is_one_worker(
    stack: Stack, tmp_path: Path
) -> None:
    with Site(stack, tmp_path / "runs") as site, link_to(site.port) as link:
        master, _ = site.master("-t", "24s", expect=1), site.worker()
        site.await_load()
        link.cut()
        late = site.worker(link.port)
        time.sleep(2 * ASKS_AGAIN_S + 3)
        link.mend()
        finished = site.finished(master)
        said, _ = late.communicate(timeout=TIMEOUT_S)
    assert changes(finished) == ["joined"]
    assert finished.verdict.state is State.PASS, finished.output
    assert finished.counted == finished.served
    assert finished.manifest["users_per_house"] == 1
    assert "Traceback" not in said


def test_workers_of_a_master_that_was_killed_stop_their_load_and_ask_the_next_ones_questions(
    stack: Stack, tmp_path: Path
) -> None:
    """Only the second master has the file of questions."""
    (tmp_path / "asked.txt").write_text("Who mows the verge?\nIs there a lift?\nWhere is the well?\n")
    own = tmp_path / "questions.toml"
    own.write_text(f'[run]\nquestions = "{tmp_path / "asked.txt"}"\nquestion_salt = "run"\n')
    with Site(stack, tmp_path / "runs") as site:
        first, workers = site.master("-t", "60s"), [site.worker(), site.worker()]
        site.await_load()
        first.kill()
        first.communicate()
        (unfinished,) = site.runs.iterdir()
        with ExitStack() as site_of_next:
            next_site = site_of_next.enter_context(Site(stack, tmp_path / "next"))
            next_site.port, next_site.config = site.port, os.pathsep.join([site.config, str(own)])
            second = next_site.master("-t", "4s")
            finished = next_site.finished(second)
        for worker in workers:
            worker.communicate(timeout=TIMEOUT_S)
    assert judge_run(unfinished).state is State.NO_VERDICT
    assert "the run was never finished" in str(judge_run(unfinished).problems)
    assert finished.code == 0, finished.output
    assert finished.verdict.problems == ()
    assert len(finished.manifest["processes"]) == 2
    asked = finished.manifest["questions"]
    assert (asked["file"], asked["distinct"], asked["mix"]) == ("asked.txt", 3, "uniform")
    with closing(psycopg2.connect(stack.database_url)) as database, database.cursor() as cursor:
        cursor.execute("SELECT DISTINCT user_message FROM messages WHERE user_message LIKE '%(ref. %'")
        salted = {text for (text,) in cursor.fetchall()}
    assert salted == {
        f"{question} (ref. {asked['salt']})" for question in (tmp_path / "asked.txt").read_text().splitlines()
    }
    assert 0 < finished.counted["chat"] <= finished.served["chat"]
