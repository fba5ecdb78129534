from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from built_run import STARTED, BuiltRun, Result, evenly, failing, write_run
from hypothesis import given
from hypothesis import strategies as st
from measured_series import distribution, series

from conf.operations import Operation, Outcome
from monitoring.measurement import WARM_UP, Tag
from reports.charts.points import build_course, round_up
from reports.course import UserLevel
from reports.rendering.html_page import render_html
from reports.rendering.json_file import render_json
from reports.statistics.series import Series
from reports.verdict import judge_run

if TYPE_CHECKING:
    from pathlib import Path

    from reports.course import Course, OperationCourse
    from reports.record import Verdict

CHAT = Tag(Operation.CHAT, Outcome.SUCCESS, 0)


def judged(directory: Path, intervals: list[list[Result]], length_s: float = 5, users: str = "") -> Verdict:
    return judge_run(write_run(directory, intervals, length_s, users))


def course_of(verdict: Verdict) -> Course:
    assert verdict.course is not None
    return verdict.course


def chat_of(verdict: Verdict) -> OperationCourse:
    (row,) = course_of(verdict).operations
    return row


def test_every_result_is_in_one_window_and_every_failure_under_its_outcome(tmp_path: Path) -> None:
    warm_up = [Result("chat", 900, step=WARM_UP)] * 3
    timeouts = failing("chat", 2, Outcome.TIMEOUT)
    verdict = judged(tmp_path, [warm_up, [*evenly("chat", 900, 10), *timeouts], failing("chat", 4)])
    row = chat_of(verdict)
    assert row.outcomes == (Outcome.STATUS, Outcome.TIMEOUT)
    assert [(window.successes, window.failures) for window in row.windows] == [
        (3, (0, 0)),
        (10, (0, 2)),
        (0, (4, 0)),
    ]


def test_windows_follow_each_other_from_the_start_of_the_run_to_its_end(tmp_path: Path) -> None:
    windows = chat_of(judged(tmp_path, [evenly("chat", 900, 10)] * 4)).windows
    assert [(window.start_s, window.length_s) for window in windows] == [(0, 5), (5, 5), (10, 5), (15, 5)]


def test_a_window_is_as_long_as_the_time_that_was_written_into_it(tmp_path: Path) -> None:
    """Intervals of two seconds begin at 0, 2 and 4, so that the first window of five seconds has six."""
    windows = chat_of(judged(tmp_path, [evenly("chat", 900, 10)] * 5, length_s=2)).windows
    assert [(window.start_s, window.length_s, window.successes) for window in windows] == [
        (0, 6, 30),
        (6, 4, 20),
    ]


def test_time_in_which_nothing_ended_is_an_empty_window(tmp_path: Path) -> None:
    row = chat_of(judged(tmp_path, [evenly("chat", 900, 10), [], [], evenly("chat", 900, 5)]))
    assert [(window.start_s, window.length_s, window.successes) for window in row.windows] == [
        (0, 5, 10),
        (5, 10, 0),
        (15, 5, 5),
    ]
    assert row.windows[1].p95_ms is None


def test_the_percentiles_of_a_window_are_of_its_own_successes(tmp_path: Path) -> None:
    failures = failing("chat", 50, ms=1)
    windows = chat_of(judged(tmp_path, [evenly("chat", 1000), [*evenly("chat", 2000), *failures]])).windows
    for window, scale in zip(windows, (10, 20), strict=True):
        assert [window.p50_ms, window.p95_ms, window.p99_ms] == pytest.approx(
            [50 * scale, 95 * scale, 99 * scale], rel=1e-3
        )


def test_a_warm_up_is_in_no_curve_and_no_distribution(tmp_path: Path) -> None:
    warm_up = [Result("chat", 60_000, step=WARM_UP)] * 100
    row = chat_of(judged(tmp_path, [warm_up, evenly("chat", 1000)]))
    assert sum(found.count for found in row.bins) == 100
    assert max(point.value_ms for point in row.percentiles) < 1001
    assert row.bins[-1].to_ms < 1100


def test_a_curve_ends_where_its_results_end(tmp_path: Path) -> None:
    points = chat_of(judged(tmp_path, [evenly("chat", 1000)])).percentiles
    assert points[-1].percent == 99
    assert [(p.percent, p.value_ms) for p in points if p.percent in {50, 95}] == [
        (50, pytest.approx(500, rel=1e-3)),
        (95, pytest.approx(950, rel=1e-3)),
    ]
    assert all(before.value_ms <= after.value_ms for before, after in pairwise(points))


@given(st.lists(st.integers(1, 300_000), min_size=1, max_size=60), st.integers(0, 3))
def test_every_success_is_in_one_bin(values_ms: list[int], power: int) -> None:
    values = [value / 10**power for value in values_ms]
    course = build_course({CHAT: series((0.0, values))}, [], None)
    assert course is not None
    (row,) = course.operations
    assert sum(found.count for found in row.bins) == len(values)
    assert len(row.bins) <= 60
    assert row.bins[0].count > 0 or row.bins[1].count > 0
    assert row.bins[-1].count > 0
    assert all(before.to_ms == after.over_ms for before, after in pairwise(row.bins))
    for found in row.bins[1:-1]:
        near = sum(found.over_ms * 1.002 < value <= found.to_ms * 0.998 for value in values)
        assert found.count >= near


@pytest.mark.parametrize(("number", "rounded"), [(0.3, 0.5), (1, 1), (1.01, 2), (20.0, 20), (430, 500)])
def test_a_width_is_one_two_or_five_of_a_power_of_ten(number: float, rounded: float) -> None:
    assert round_up(number) == pytest.approx(rounded)


def test_users_are_noted_where_their_number_changes_and_at_the_end(tmp_path: Path) -> None:
    start = int(STARTED.timestamp())
    users = "".join(
        f"{start + at},{n},,Aggregated,N/A\n" for at, n in [(0, 0), (1, 5), (2, 5), (3, 9), (4, 9)]
    )
    other = f"{start + 9},99,POST,chat,120\n"
    assert course_of(judged(tmp_path, [evenly("chat", 900)], users=users + other)).users == (
        UserLevel(0, 0),
        UserLevel(1, 5),
        UserLevel(3, 9),
        UserLevel(4, 9),
    )


@pytest.mark.parametrize(
    "history", [None, b"", b"\x00", b"Timestamp,Name\n1,Aggregated\n", b"Timestamp,User"]
)
def test_a_history_that_is_missing_or_damaged_is_no_problem(tmp_path: Path, history: bytes | None) -> None:
    directory = write_run(tmp_path, [evenly("chat", 900)])
    before = judge_run(directory)
    path = directory / "locust_stats_history.csv"
    path.unlink() if history is None else path.write_bytes(history)
    verdict = judge_run(directory)
    assert course_of(verdict).users == ()
    assert verdict.problems == before.problems
    assert verdict.state is before.state


def test_without_a_manifest_time_begins_with_the_first_results(tmp_path: Path) -> None:
    directory = write_run(tmp_path, [[], evenly("chat", 900, 7), evenly("chat", 900, 8)])
    (directory / "manifest.json").unlink()
    windows = chat_of(judge_run(directory)).windows
    assert [(window.start_s, window.successes) for window in windows] == [(0, 7), (5, 8)]


def test_somebody_elses_run_and_one_without_results_have_no_course(tmp_path: Path) -> None:
    assert judge_run(BuiltRun(evenly("chat", 900)).write_csv(tmp_path / "theirs")).course is None
    assert judge_run(BuiltRun([]).write(tmp_path / "empty")).course is None


def lasting(values_ms: list[float]) -> Series:
    """The same results in each of 300 intervals."""
    made = Series()
    for number in range(300):
        made.add(5.0 * number, distribution(*values_ms), 5.0)
    return made


def test_the_course_of_a_long_run_has_few_windows_and_loses_nothing() -> None:
    whole = lasting([100.0, 200.0])
    course = build_course({CHAT: whole}, [(float(at), at % 2) for at in range(1000)], None)
    assert course is not None
    (row,) = course.operations
    assert 60 < len(row.windows) <= 120
    assert sum(window.successes for window in row.windows) == 600
    assert 120 < len(course.users) <= 240


def test_the_fullest_record_stays_small(tmp_path: Path) -> None:
    """All ten operations in one run, each with as much of everything as a course may have."""
    whole = lasting([50.0, 500.0, 5000.0])
    measured = {Tag(operation, outcome, 0): whole for operation in Operation for outcome in Outcome}
    course = build_course(measured, [(float(at), at % 2) for at in range(1000)], None)
    assert course is not None
    assert {len(row.windows) for row in course.operations} <= set(range(18, 37))
    verdict = replace(judge_run(BuiltRun(evenly("chat", 900)).write(tmp_path)), course=course)
    assert len(render_json(verdict)) < 300_000
    assert len(render_html(verdict)) < 2_000_000
