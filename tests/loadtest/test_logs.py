"""The real command, over logs that the real tracker wrote."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING

import pytest
from command_process import Commands

from conf.errors import LoadTestError
from monitoring.journal.log_lines import parse_age_s, show_record
from monitoring.journal.tracker import Tracker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    commands = Commands(tmp_path, {}, [])
    yield commands
    commands.kill_all()


@pytest.fixture
def tracker(tmp_path: Path) -> Tracker:
    return Tracker(tmp_path / "logs", run_id="run-1")


def fill(directory: Path, tracker: Tracker) -> None:
    """Ten errors, the first two of yesterday, and five times."""
    now = [time.time() - 86_400]
    old = Tracker(directory / "logs", run_id="run-0", clock=lambda: now[0])
    old.log_api_error("/api/chat", "of yesterday")
    old.log_llm_error("/api/chat", "of yesterday too")
    for number in range(6):
        tracker.log_api_error("/onboarding/{qr_token}", f"number {number}", status=404)
    tracker.log_llm_error("/api/chat", "the model did not answer", step="llm")
    tracker.log_error("load", "chat", "refused", {"left_out": 7})
    for number in range(1, 6):
        tracker.log_performance("/api/chat", number * 10.0, {"llm": number * 5.0}, status=200)


def test_the_newest_errors_are_shown_oldest_first_and_filtered(
    commands: Commands, tracker: Tracker, tmp_path: Path
) -> None:
    fill(tmp_path, tracker)
    shown = commands.run("loadtest", "logs").out.splitlines()
    assert len(shown) == 10
    assert "of yesterday" in shown[0]
    assert "refused" in shown[-1]
    assert len(commands.run("loadtest", "logs", "-n", "3").out.splitlines()) == 3
    assert "number 5" in commands.run("loadtest", "logs", "--route", "onboarding", "-n", "1").out
    llm = commands.run("loadtest", "logs", "--kind", "llm").out.splitlines()
    assert [line.split("  ")[1] for line in llm] == ["llm", "llm"]
    assert "step=llm" in llm[-1]
    assert len(commands.run("loadtest", "logs", "--since", "1h").out.splitlines()) == 8
    assert len(commands.run("loadtest", "logs", "--run", "run-0").out.splitlines()) == 2
    records = [json.loads(line) for line in commands.run("loadtest", "logs", "--json").out.splitlines()]
    assert [record["sequence"] for record in records] == [1, 2, *range(1, 9)]


def test_times_are_shown_with_their_steps(commands: Commands, tracker: Tracker, tmp_path: Path) -> None:
    fill(tmp_path, tracker)
    shown = commands.run("loadtest", "logs", "--performance", "-n", "1").out
    assert "50.0 ms (llm 25.0)" in shown
    assert "status=200" in shown


def test_a_summary_counts_errors_and_gives_percentiles_of_times(
    commands: Commands, tracker: Tracker, tmp_path: Path
) -> None:
    fill(tmp_path, tracker)
    rows = [line.split() for line in commands.run("loadtest", "logs", "--summary").out.splitlines()[1:]]
    assert [row[:3] for row in rows] == [
        ["8", "load", "chat"],
        ["6", "api", "/onboarding/{qr_token}"],
        ["2", "llm", "/api/chat"],
        ["1", "api", "/api/chat"],
    ]
    counted = json.loads(commands.run("loadtest", "logs", "--summary", "--json", "--since", "1h").out)
    assert [(row["kind"], row["count"]) for row in counted] == [("load", 8), ("api", 6), ("llm", 1)]
    text = commands.run("loadtest", "logs", "--performance", "--summary").out
    assert [line.split()[-2:] for line in text.splitlines()[1:]] == [
        ["/api/chat", "all"],
        ["/api/chat", "llm"],
    ]
    times = json.loads(commands.run("loadtest", "logs", "--performance", "--summary", "--json").out)
    assert (times[0]["times"], times[0]["step"]) == (5, "")
    assert times[0]["p50_ms"] == pytest.approx(30, rel=1e-3)
    assert times[1]["p99_ms"] == pytest.approx(25, rel=1e-3)


def test_follow_goes_on_with_what_is_written_until_it_is_interrupted(
    commands: Commands, tracker: Tracker, tmp_path: Path
) -> None:
    fill(tmp_path, tracker)
    process = commands.start("loadtest", "logs", "--follow", "-n", "1", "--kind", "llm")
    assert process.stdout is not None
    assert "the model did not answer" in process.stdout.readline()
    tracker.log_api_error("/api/chat", "of another kind")
    tracker.log_llm_error("/api/chat", "again no answer")
    assert "again no answer" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert commands.end(process).code == 0


def test_verify_proves_the_logs_whole_or_says_what_is_missing(
    commands: Commands, tracker: Tracker, tmp_path: Path
) -> None:
    fill(tmp_path, tracker)
    proved = commands.run("loadtest", "logs", "--verify")
    assert proved.code == 0
    assert "errors.jsonl: whole: 10 records of 2 writers in " in proved.out
    path = tmp_path / "logs" / "errors.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:3] + lines[4:]))
    refuted = commands.run("loadtest", "logs", "--verify")
    assert refuted.code == 2
    assert "errors.jsonl: NOT WHOLE" in refuted.out
    assert "lacks 1 records" in refuted.out


def test_nothing_to_verify_is_no_proof(commands: Commands) -> None:
    assert "there is nothing to verify" in commands.refused("loadtest", "logs", "--verify")


def test_without_records_the_command_says_so_and_makes_nothing(commands: Commands, tmp_path: Path) -> None:
    ended = commands.run("loadtest", "logs")
    assert ended.code == 0
    assert "No such records in logs/errors.jsonl" in ended.err
    assert "no such records" in commands.run("loadtest", "logs", "--summary").out
    assert list(tmp_path.iterdir()) == []


def test_an_age_that_is_none_is_refused(commands: Commands) -> None:
    assert "--since: 'yesterday' is not an age" in commands.refused(
        "loadtest", "logs", "--since", "yesterday"
    )


def test_ages_are_numbers_with_a_unit() -> None:
    assert [parse_age_s(text) for text in ("90s", "15m", "1.5h", "7d")] == [90, 900, 5400, 604_800]
    for text in ("", "h", "1", "1w", "-1h"):
        with pytest.raises(LoadTestError):
            parse_age_s(text)


def test_a_record_is_one_line_even_where_its_message_is_not() -> None:
    assert "\n" not in show_record({"time": "t", "kind": "api", "route": "/x", "message": "a\nb"})
