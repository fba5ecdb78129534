"""Files that are missing, empty, cut off or bent: an error or NO VERDICT, and what could be read is still shown."""

from __future__ import annotations

import json
import pickle
import warnings
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from built_run import BuiltRun, Result, evenly, failing

from conf.operations import Outcome
from reports.reading.measurement_log import load_measurements
from reports.reading.table import load_table
from reports.state import State
from reports.verdict import judge_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reports.problem import Problem
    from reports.record import Verdict

OWN_FILES = (
    "manifest.json", "locust_stats.csv", "locust_failures.csv", "measurements.hlog", "memory.csv",
)  # fmt: skip


@pytest.fixture
def finished_run(tmp_path: Path) -> Path:
    results = [
        *evenly("chat", 900),
        *failing("chat", 3),
        *failing("chat", 1, Outcome.TIMEOUT, 'no answer,\n"late"'),
    ]
    return BuiltRun(results).write(tmp_path / "run")


@pytest.fixture
def foreign_run(tmp_path: Path) -> Path:
    results = [
        *evenly("/api/chat", 900, count=40),
        *failing("/api/chat", 1, message='it said "no",\nthen hung up'),
    ]
    return BuiltRun([*results, Result("/api/documents", 9)]).write_csv(tmp_path / "theirs")


def figures(verdict: Verdict) -> object:
    return [(row.name, row.requests, row.failures, row.latency) for row in verdict.operations]


def cuts(path: Path) -> Iterator[int]:
    """Leave the file cut after each of its bytes in turn, the whole file excepted."""
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        yield length
    path.write_bytes(content)


def test_the_undamaged_runs_have_a_verdict(finished_run: Path, foreign_run: Path) -> None:
    assert judge_run(finished_run).state is State.PASS
    assert judge_run(foreign_run).state is State.PASS


@pytest.mark.parametrize("name", ["theirs_stats.csv", "theirs_failures.csv"])
def test_a_csv_cut_anywhere_has_no_verdict_or_the_same_figures(foreign_run: Path, name: str) -> None:
    whole = judge_run(foreign_run)
    for length in cuts(foreign_run / name):
        verdict = judge_run(foreign_run)
        same = (figures(verdict), verdict.failures) == (figures(whole), whole.failures)
        assert verdict.state is State.NO_VERDICT or same, length


def test_measurements_cut_anywhere_have_no_verdict_or_the_same_figures(tmp_path: Path) -> None:
    results = [*(Result("chat", 900) for _ in range(50)), *failing("chat", 1)]
    finished_run = BuiltRun(results).write(tmp_path / "run")
    whole, judged = judge_run(finished_run), set()
    assert whole.state is State.PASS
    for length in cuts(finished_run / "measurements.hlog"):
        problems: list[Problem] = []
        read = pickle.dumps((load_measurements(finished_run / "measurements.hlog", problems), problems))
        if read not in judged:  # a verdict depends on no more than what is read
            judged.add(read)
            verdict = judge_run(finished_run)
            assert verdict.state is State.NO_VERDICT or figures(verdict) == figures(whole), length
    assert len(judged) > 5


def test_a_manifest_cut_anywhere_has_no_verdict_and_all_figures(finished_run: Path) -> None:
    whole = judge_run(finished_run)
    content = (finished_run / "manifest.json").read_bytes()
    for length in range(0, len(content) - 1, 97):
        (finished_run / "manifest.json").write_bytes(content[:length])
        verdict = judge_run(finished_run)
        assert verdict.state is State.NO_VERDICT
        assert figures(verdict) == figures(whole)


@pytest.mark.parametrize("name", OWN_FILES)
@pytest.mark.parametrize("damage", ["missing", "empty", "a directory", "binary"])
def test_every_damaged_file_is_named_with_a_next_step(finished_run: Path, name: str, damage: str) -> None:
    path = finished_run / name
    path.unlink()
    match damage:
        case "empty":
            path.touch()
        case "a directory":
            path.mkdir()
        case "binary":
            path.write_bytes(bytes(range(256)))
    verdict = judge_run(finished_run)
    assert verdict.state is State.NO_VERDICT
    named = [problem for problem in verdict.problems if problem.message.startswith(f"{name}: ")]
    assert named
    assert all(problem.next_step for problem in named)
    assert [(row.name, row.requests) for row in verdict.operations] == [("chat", 104)]


def test_the_records_before_a_cut_are_still_shown(foreign_run: Path) -> None:
    path = foreign_run / "theirs_stats.csv"
    path.write_bytes(path.read_bytes()[:-20])
    verdict = judge_run(foreign_run)
    assert verdict.state is State.NO_VERDICT
    assert [row.requests for row in verdict.operations] == [41, 1]
    assert "cut off" in verdict.problems[0].message


def test_the_records_before_a_cut_inside_of_quotation_marks_are_still_shown(foreign_run: Path) -> None:
    path = foreign_run / "theirs_failures.csv"
    text = path.read_text()
    first = "POST,/api/chat,HTTP 500,7,,\n"
    header, rest = text.split("\n", 1)
    path.write_text(f"{header}\n{first}{rest[: rest.index('then')]}")
    verdict = judge_run(foreign_run)
    assert verdict.state is State.NO_VERDICT
    assert [(group.message, group.count) for group in verdict.failures] == [("HTTP 500", 7)]


def test_lines_with_too_many_or_too_few_fields_are_said(foreign_run: Path) -> None:
    path = foreign_run / "theirs_failures.csv"
    path.write_text(path.read_text() + "POST,/a,b,1,,,7\nPOST,/a\n")
    messages = " ".join(problem.message for problem in judge_run(foreign_run).problems)
    assert "too many fields" in messages
    assert "too few fields" in messages


def test_the_intervals_before_a_damaged_one_are_still_shown(finished_run: Path) -> None:
    path = finished_run / "measurements.hlog"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:-1], lines[-1][:60]]))
    verdict = judge_run(finished_run)
    assert "damaged or cut off" in verdict.problems[0].message
    assert f"line {len(lines)}" in verdict.problems[0].message
    assert 80 <= verdict.operations[0].requests < 104


@pytest.mark.parametrize(
    "line",
    [
        "Tag=chat.success,0,1,1,AAAA",
        "Tag=login.success.0,0,1,1,AAAA",
        "0,1,1,AAAA",
        "Tag=chat.success.0,0,1,1,",
        "?",
    ],
)
def test_a_line_that_is_no_measurement_of_ours_is_damage(finished_run: Path, line: str) -> None:
    with (finished_run / "measurements.hlog").open("a") as file:
        file.write(line + "\n")
    verdict = judge_run(finished_run)
    assert verdict.state is State.NO_VERDICT
    assert verdict.operations[0].requests == 104


@pytest.mark.parametrize("column", ["Type", "Name", "Request Count", "Failure Count"])
def test_a_missing_column_is_named(foreign_run: Path, column: str) -> None:
    path = foreign_run / "theirs_stats.csv"
    path.write_text(path.read_text().replace(column, "Other", 1))
    verdict = judge_run(foreign_run)
    assert verdict.state is State.NO_VERDICT
    assert f"theirs_stats.csv: has no column '{column}'" in [problem.message for problem in verdict.problems]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("POST,/api/documents,1,0", "POST,/api/documents,one,0"),
        ("POST,/api/documents,1,0", "POST,/api/documents,-1,0"),
        ("POST,/api/documents,1,0", "POST,/api/documents,1,2"),
        ("POST,/api/documents,1,0", "POST,/api/documents,2,0"),
        ("POST,/api/documents,1,0", "POST,/api/documents,1"),
        ("POST,/api/documents,1,0", "POST,/api/documents,1,0,0"),
    ],
)
def test_counts_that_cannot_be_are_noticed(foreign_run: Path, old: str, new: str) -> None:
    path = foreign_run / "theirs_stats.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert judge_run(foreign_run).state is State.NO_VERDICT


def test_more_failures_than_requests_cannot_be_even_where_the_sums_agree(foreign_run: Path) -> None:
    path = foreign_run / "theirs_stats.csv"
    text = (
        path.read_text()
        .replace("/api/chat,41,1,", "/api/chat,1,41,")
        .replace("Aggregated,42,1,", "Aggregated,2,41,")
    )
    path.write_text(text)
    assert "theirs_stats.csv: has counts that cannot be" in [
        problem.message for problem in judge_run(foreign_run).problems
    ]


def test_a_csv_that_ends_inside_of_quotation_marks_is_cut_even_after_a_line_break(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text('Count,Message\n1,whole\n2,"first line\n')
    problems: list[Problem] = []
    assert load_table(path, ["Count", "Message"], problems).to_dict("records") == [
        {"Count": "1", "Message": "whole"}
    ]
    assert [problem.message for problem in problems] == [
        "some.csv: ends in the middle of a line: it was cut off"
    ]


def test_memory_that_is_no_number_is_noticed(finished_run: Path) -> None:
    with (finished_run / "memory.csv").open("a") as file:
        file.write("1763236800,portal,much\n")
    verdict = judge_run(finished_run)
    assert verdict.state is State.NO_VERDICT
    assert verdict.memory[0].peak_mb == 145


def test_a_foreign_run_that_lost_its_failures_has_no_verdict(foreign_run: Path) -> None:
    (foreign_run / "theirs_failures.csv").unlink()
    assert judge_run(foreign_run).state is State.NO_VERDICT


def test_a_foreign_run_without_failures_needs_no_failures_file(tmp_path: Path) -> None:
    directory = BuiltRun(evenly("/api/chat", 900)).write_csv(tmp_path / "theirs")
    (directory / "theirs_failures.csv").unlink()
    (directory / "theirs_exceptions.csv").unlink()
    assert judge_run(directory).state is State.PASS


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 2),
        ("journeys", ["swimming"]),
        ("users_peak", "many"),
        ("settings", {"thresholds": {"chat": 3}}),
    ],
)
def test_a_manifest_that_says_what_cannot_be_has_no_verdict_and_names_the_key(
    finished_run: Path, key: str, value: object
) -> None:
    path = finished_run / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    verdict = judge_run(finished_run)
    assert verdict.state is State.NO_VERDICT
    assert verdict.problems[0].message.startswith(f"manifest.json: {key}")


def test_keys_of_a_later_suite_do_not_hinder_reading(finished_run: Path) -> None:
    path = finished_run / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"weather": "rain"}))
    assert judge_run(finished_run).state is State.PASS


@pytest.mark.filterwarnings("always::ResourceWarning")
def test_a_warning_about_something_else_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, read_csv = BuiltRun(evenly("chat", 900)).write(tmp_path / "run"), pd.read_csv

    def read_while_a_socket_is_forgotten(*arguments: Any, **options: Any) -> Any:
        warnings.warn("unclosed <socket>", ResourceWarning, stacklevel=1)
        return read_csv(*arguments, **options)

    monkeypatch.setattr(pd, "read_csv", read_while_a_socket_is_forgotten)
    assert judge_run(run).problems == ()
