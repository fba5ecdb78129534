"""Every failed request of the load is a record, or counted in one; and the run directory gets a copy."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from patience import UNHURRIED
from profiled_run import Plan, run_together

from conf.operations import Journey, Outcome
from monitoring.journal.proof import prove
from monitoring.journal.reading import JournalReader
from monitoring.journal.tracker import Tracker
from swarm.failure import RequestFailed
from swarm.generator.failure_log import FailureLog

if TYPE_CHECKING:
    from pathlib import Path

    from profiled_run import Told


def read(directory: Path) -> list[dict[str, Any]]:
    return list(JournalReader(directory, "errors").read())


def test_beyond_its_rate_failures_are_counted_and_the_next_record_and_the_end_say_so(tmp_path: Path) -> None:
    now = [10.0]
    log = FailureLog(Tracker(tmp_path, run_id="r"), per_second=3, index=2, clock=lambda: now[0])
    failed = RequestFailed(Outcome.STATUS, "500")
    for _ in range(8):
        log.add("chat", failed)
    now[0] = 11.5
    log.add("chat", RequestFailed(Outcome.CONNECTION, "refused"))
    log.finish()
    for _ in range(5):
        log.add("chat", failed)
    log.finish()
    log.finish()
    assert [(one["message"], one.get("left_out")) for one in read(tmp_path)] == [
        *[("500", None)] * 3,
        ("refused", 5),
        *[("500", None)] * 2,
        ("the last failures were left out", 3),
    ]
    first = read(tmp_path)[0]
    assert (first["kind"], first["route"], first["outcome"], first["generator"], first["run_id"]) == (
        "load", "chat", "status", 2, "r",
    )  # fmt: skip


FAILING = Plan(
    Journey.CHAT,
    "users = 4\niterations = 20\nthink_time_s = [0.0, 0.05]",
    settings=f"{UNHURRIED}[monitoring]\nfailures_per_second = 2\n",
    target=["--error-ratio", "0.5"],
)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Told]]:
    directory = tmp_path_factory.mktemp("failing")
    plans = {
        "one": FAILING,
        "workers": replace(FAILING, arguments=["--processes", "2"]),
    }
    return directory, run_together(plans, directory)


@pytest.mark.parametrize("name", ["one", "workers"])
def test_records_and_what_was_left_out_are_all_failures_of_the_run(
    name: str, ended: tuple[Path, dict[str, Told]]
) -> None:
    directory, runs = ended
    told, log_dir = runs[name], directory / name / "logs"
    failures = told.row().failures
    assert failures > 10, told.output
    records = read(log_dir)
    counted = [one for one in records if one["route"]]
    assert len(counted) + sum(one.get("left_out", 0) for one in records) == failures
    assert 0 < len(counted) < failures
    assert {(one["kind"], one["run_id"]) for one in records} == {("load", told.run_dir.name)}
    assert {one["generator"] for one in records} == ({0} if name == "one" else {0, 1})
    assert prove(log_dir, "errors").is_whole


@pytest.mark.parametrize("name", ["one", "workers"])
def test_the_run_directory_has_a_copy_that_says_how_many_there_were(
    name: str, ended: tuple[Path, dict[str, Told]]
) -> None:
    directory, runs = ended
    lines = (runs[name].run_dir / "errors.jsonl").read_text().splitlines()
    *copied, last = [json.loads(line) for line in lines]
    assert copied == read(directory / name / "logs")
    assert last["records"] == last["copied"] == len(copied)
    assert last["left_out"] == sum(one.get("left_out", 0) for one in copied)
