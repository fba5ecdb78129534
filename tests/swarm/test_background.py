"""What dies in the background of a run ends it, with its reason and the figures so far."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from locust_process import LOCUSTFILES, run
from profiled_run import UNHURRIED

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.embedded import Stack

BROKEN = """
from locust import events, runners
import gevent, threading

def breaks():
    {breaks}

@events.init.add_listener
def _(environment, **_):
    worker = isinstance(environment.runner, runners.WorkerRunner)
    if worker == {in_worker}:
        @environment.events.{event}.add_listener
        def _(**_):
            {how}
"""
GREENLET = "gevent.spawn_later(1, breaks)"
WAYS = {
    "greenlet": GREENLET,
    "thread": "threading.Timer(1, breaks).start()",
    "thread pool": "gevent.spawn_later(1, gevent.get_hub().threadpool.spawn, breaks)",
}


def run_broken(stack: Stack, directory: Path, *arguments: str, own: str = BROKEN, **parts: Any) -> Any:
    broken = directory / "broken.py"
    values = {"breaks": "{}['a part']", "in_worker": False, "event": "test_start", "how": GREENLET} | parts
    broken.write_text(own.format(**values) if own is BROKEN else own)
    settings = directory / "unhurried.toml"
    settings.write_text(UNHURRIED)
    runs = directory / "runs"
    runs.mkdir()
    files = f"{LOCUSTFILES / 'chat.py'},{broken}"
    return run(
        stack,
        runs,
        "-f",
        files,
        "-u",
        "2",
        "-t",
        "900s",
        *arguments,
        environ={"LOADTEST_CONFIG": str(settings)},
    )


def problems_of(finished: Any) -> dict[str, str]:
    return {problem["code"]: problem["message"] for problem in finished.manifest["problems"]}


@pytest.mark.parametrize("how", WAYS.values(), ids=WAYS)
def test_a_run_whose_background_dies_ends_with_no_verdict_the_reason_and_the_figures_so_far(
    stack: Stack, tmp_path: Path, how: str
) -> None:
    finished = run_broken(stack, tmp_path, how=how)
    assert finished.code == 3, finished.output
    assert "ended: KeyError: 'a part'" in problems_of(finished)["suite_failed"]
    assert finished.manifest["ended_by"] == "a failure of the suite"
    assert finished.output.count("Traceback (most recent call last)") == 1
    assert finished.counted == finished.served
    assert finished.counted["chat"] > 0


def test_a_full_disk_that_ends_a_part_is_told_as_that(stack: Stack, tmp_path: Path) -> None:
    finished = run_broken(
        stack, tmp_path, breaks="raise OSError(28, 'No space left on device', '/full/file')"
    )
    assert finished.code == 3, finished.output
    assert problems_of(finished)["not_written"].endswith("/full/file: No space left on device")
    assert "Traceback" not in finished.output


def test_what_dies_in_a_worker_ends_the_whole_run(stack: Stack, tmp_path: Path) -> None:
    finished = run_broken(
        stack, tmp_path, "--processes", "2", in_worker=True, event="spawning_complete", how=GREENLET
    )
    assert finished.code == 3, finished.output
    message = problems_of(finished)["suite_failed"]
    assert message.startswith("worker ")
    assert "KeyError: 'a part'" in message
    assert json.loads((finished.run_dir / "verdict.json").read_text())["state"] == "NO VERDICT"


def test_a_user_that_cannot_begin_is_such_a_part(stack: Stack, tmp_path: Path) -> None:
    how = "environment.user_classes[0].on_start = lambda _: breaks()"
    finished = run_broken(stack, tmp_path, how=how)
    assert finished.code == 3, finished.output
    assert problems_of(finished)["suite_failed"].startswith("a user ended: KeyError")


DEAF = """
from locust import events, runners
from swarm.generator import houses as _houses

@events.init.add_listener
def _(environment, **_):
    if isinstance(environment.runner, runners.WorkerRunner):
        _houses.Houses.add = lambda self, dealt: {}['a house']
"""


def test_a_message_that_a_worker_cannot_act_upon_ends_the_run(stack: Stack, tmp_path: Path) -> None:
    finished = run_broken(stack, tmp_path, "--processes", "2", own=DEAF)
    assert finished.code == 3, finished.output
    assert (
        "what is done about loadtest:dealt ended: KeyError: 'a house'"
        in (problems_of(finished)["suite_failed"])
    )
