from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st
from patience import TIMEOUT_S

from reports.manifest import WorkerEvent
from swarm.messages import Finished
from swarm.owner.missing_load import Attendance, WorkerChange
from swarm.owner.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable

RUN = "20261125T120000Z-chat"
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


class Runner:
    """Of Locust's master what the owner looks at."""

    def __init__(self, *workers: str) -> None:
        self.nodes: dict[str, SimpleNamespace] = {}
        self.clients = SimpleNamespace(all=self.nodes.values())
        self.listeners: dict[str, Callable[..., None]] = {}
        for worker in workers:
            self.join(worker)

    def join(self, worker: str) -> None:
        self.nodes[worker] = SimpleNamespace(id=worker, state="running", user_count=5, was_missed=False)

    def register_message(self, message_type: str, listener: Callable[..., None]) -> None:
        self.listeners[message_type] = listener

    def send_message(self, *_: object) -> None:
        """The test answers for the workers."""

    def finish(self, worker: str, run_id: str = RUN) -> None:
        self.listeners[Finished.TYPE](SimpleNamespace(node_id=worker, data=Finished(run_id, 5).pack()))

    def miss(self, worker: str) -> None:
        self.nodes[worker].state, self.nodes[worker].was_missed = "missing", True

    def hear(self, worker: str) -> None:
        self.nodes[worker].state = "running"


def seen(workers: Workers) -> list[tuple[str, WorkerEvent, int]]:
    return [(change.worker, change.event, change.users) for change in workers.look()]


def test_a_worker_that_was_missed_and_is_back_before_anybody_looked_is_seen_all_the_same() -> None:
    runner = Runner("a", "b")
    workers = Workers(runner)  # type: ignore[arg-type]
    workers.begin(RUN)
    runner.miss("a")
    runner.hear("a")
    assert seen(workers) == [("a", WorkerEvent.VANISHED, 5), ("a", WorkerEvent.RETURNED, 0)]
    assert seen(workers) == []
    runner.miss("a")
    assert seen(workers) == [("a", WorkerEvent.VANISHED, 5)]
    runner.hear("a")
    assert seen(workers) == [("a", WorkerEvent.RETURNED, 0)]
    assert seen(workers) == []


def test_what_was_missed_before_a_run_is_not_the_runs() -> None:
    runner = Runner("a")
    workers = Workers(runner)  # type: ignore[arg-type]
    runner.miss("a")
    runner.hear("a")
    workers.begin(RUN)
    assert seen(workers) == []


def test_a_run_waits_for_a_worker_that_joined_since_the_last_look_and_for_none_that_joins_later() -> None:
    runner = Runner("a")
    workers = Workers(runner)  # type: ignore[arg-type]
    workers.begin(RUN)
    runner.join("b")
    ending = gevent.spawn(workers.finish, 20)
    gevent.sleep(0)
    runner.join("too late")
    runner.finish("a")
    gevent.sleep(0.1)
    assert not ending.ready()
    runner.finish("b")
    assert ending.get(timeout=TIMEOUT_S) == []


def test_a_worker_that_ends_an_earlier_run_has_not_finished_this_one() -> None:
    runner = Runner("a")
    workers = Workers(runner)  # type: ignore[arg-type]
    workers.begin("20261125T110000Z-chat")
    workers.begin(RUN)
    ending = gevent.spawn(workers.finish, 20)
    gevent.sleep(0)
    runner.finish("a", "20261125T110000Z-chat")
    gevent.sleep(0.1)
    assert not ending.ready()
    runner.finish("a")
    assert ending.get(timeout=TIMEOUT_S) == []


def test_a_worker_that_does_not_finish_in_time_has_vanished() -> None:
    runner = Runner("a", "b")
    workers = Workers(runner)  # type: ignore[arg-type]
    workers.begin(RUN)
    ending = gevent.spawn(workers.finish, 0.2)
    gevent.sleep(0)
    runner.finish("a")
    assert ending.get(timeout=TIMEOUT_S) == [WorkerChange("b", WorkerEvent.VANISHED, 5)]


def test_locusts_account_of_a_worker_remembers_that_it_was_missed() -> None:
    script = """
from swarm.locust_patches.master import WatchedNode
node, other = WatchedNode("a", state="ready"), WatchedNode("b", state="running")
node.state = "missing"
node.state = "running"
print(node.state, node.was_missed, other.was_missed)
"""
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=TIMEOUT_S
    )
    assert said.stdout.split() == ["running", "True", "False"]


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@given(st.integers(1, 50), st.integers(0, 50))
def test_no_load_is_missing_while_nobody_went(wanted: int, present: int) -> None:
    attendance = Attendance(replaced=True)
    attendance.tick(10, wanted, present)
    assert (attendance.asked_user_s, attendance.missing_user_s) == (10 * wanted, 0)


def test_users_are_missing_from_the_last_report_until_others_play_them() -> None:
    attendance = Attendance(replaced=True)
    attendance.tick(10, 10, 10)
    attendance.note(WorkerChange("a", WorkerEvent.VANISHED, 5), now=after(10), heard_at=after(7))
    attendance.tick(2, 10, 5)
    attendance.tick(1, 10, 7)
    attendance.tick(1, 10, 10)
    attendance.tick(5, 20, 10)  # a step with more users, who take a while to start
    assert attendance.missing_user_s == pytest.approx(3 * 5 + 2 * 5 + 1 * 3)


def test_a_worker_that_returns_brings_its_users_with_it() -> None:
    attendance = Attendance(replaced=True)
    attendance.note(WorkerChange("a", WorkerEvent.VANISHED, 5), now=after(4), heard_at=after(1))
    attendance.note(WorkerChange("a", WorkerEvent.RETURNED, 0), now=after(6), heard_at=after(1))
    attendance.tick(10, 10, 5)
    assert attendance.missing_user_s == 15


def test_planned_starts_are_missing_to_the_end_for_nobody_takes_them_over() -> None:
    attendance = Attendance(replaced=False)
    attendance.note(WorkerChange("a", WorkerEvent.LEFT, 5), now=after(1), heard_at=after(1))
    attendance.tick(10, 10, 10)
    assert attendance.missing_user_s == 50
