"""Whole runs against a portal whose answers are broken in every way: each request is one result, and the verdict is no better than the truth."""

from __future__ import annotations

import csv
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hostile_answers import ANSWERS
from profiled_run import UNHURRIED, Plan, run_together
from truthful_target import Fate, Route

from conf.operations import Journey, Operation
from reports.state import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from profiled_run import Told

CHATS = "users = 4\niterations = 12\nthink_time_s = [0.0, 0.05]\nquestions_in_flight = 3"
SCANS = "users = 4\niterations = 24\nthink_time_s = [0.0, 0.05]\nreuse_houses = true"
OPERATIONS = {
    Route.CHAT: Operation.CHAT,
    Route.PAGE: Operation.ONBOARDING_PAGE,
    Route.RESOLVE: Operation.ONBOARDING_RESOLVE,
}
SETTINGS = f"{UNHURRIED}[run]\nminimum_requests = 1\n"
MOST_BYTES = 300_000_000


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    def plan(journey: Journey, load: str, **more: object) -> Plan:
        return Plan(journey, load, settings=SETTINGS, target=("--hostile",), **more)  # type: ignore[arg-type]

    return run_together(
        {
            "chat": plan(Journey.CHAT, CHATS),
            "onboarding": plan(Journey.ONBOARDING, SCANS),
            "chat, two processes": plan(Journey.CHAT, CHATS, arguments=("--processes", "2")),
            "onboarding, workers": plan(Journey.ONBOARDING, SCANS, workers=[{}, {}]),
        },
        tmp_path_factory.mktemp("hostile"),
    )


@pytest.fixture(params=["chat", "onboarding", "chat, two processes", "onboarding, workers"])
def told(request: pytest.FixtureRequest, runs: Mapping[str, Told]) -> Told:
    return runs[request.param]


def test_each_request_that_the_portal_read_is_one_result_and_each_good_answer_a_success(told: Told) -> None:
    read = Counter((one.route, one.fate is Fate.SUCCESS) for one in told.served)
    assert sum(read.values()) >= len(ANSWERS), told.output
    for route in {route for route, _ in read}:
        row = told.row(OPERATIONS[route])
        assert (row.requests, row.successes) == (
            read[route, True] + read[route, False], read[route, True],
        ), told.output  # fmt: skip


def test_nothing_is_said_of_it_but_what_the_results_say(told: Told) -> None:
    assert "Traceback" not in told.output
    assert "unexpected" not in told.output
    assert told.verdict.problems == ()


def test_the_verdict_is_no_better_than_the_truth(told: Told) -> None:
    assert told.verdict.state is State.FAIL
    assert told.code == 1


def test_no_process_of_the_load_grows_large(told: Told) -> None:
    with (told.run_dir / "memory.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["process"] != "portal"]
    assert rows
    assert max(int(row["rss_bytes"]) for row in rows) < MOST_BYTES
