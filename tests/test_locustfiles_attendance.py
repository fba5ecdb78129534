from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locustfiles._attendance import Attendance, WorkerChange, WorkerEvent

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


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
