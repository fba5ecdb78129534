"""The last 24 hours of the logs: what is counted, what is forgotten, and that a log is read once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from monitoring.journal.current_segment import SegmentLimits
from monitoring.journal.last_day import STRETCH_S, STRETCHES, DayTally, LastDay, Routes
from monitoring.journal.reading import parse_record
from monitoring.journal.segments import timestamp
from monitoring.journal.tracker import Tracker

if TYPE_CHECKING:
    from pathlib import Path

NOON = 1_700_049_600.0
"""A stretch begins here."""
ROUTES = Routes("/api/chat", "/api/qr/resolve")


class Host:
    """Somebody writes logs, and time goes by."""

    def __init__(self, directory: Path, **tracker: Any) -> None:
        self.now = NOON
        self.tracker = Tracker(directory, clock=lambda: self.now, **tracker)
        self.last_day = LastDay(directory, ROUTES, lambda: self.now)

    def chat(self, took_ms: float, **context: object) -> None:
        self.tracker.log_performance("/api/chat", took_ms, {}, **context)

    def onboard(self, **context: object) -> None:
        self.tracker.log_performance("/onboarding/{qr_token}", 1.0, {}, status=200)
        self.tracker.log_performance("/api/qr/resolve", 1.0, {}, **context)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_where_there_is_no_log_nothing_is_known_and_the_day_has_all_its_stretches(host: Host) -> None:
    day = host.last_day.read()
    assert not day.any_log
    assert (day.requests, day.chats, day.onboardings, day.p50_ms, day.p95_ms) == (0, 0, 0, None, None)
    assert (day.errors, day.newest_errors) == ({}, ())
    assert len(day.stretches) == STRETCHES == 24 * 6
    assert day.stretches[-1].began_s == NOON
    assert day.stretches[0].began_s == NOON - (STRETCHES - 1) * STRETCH_S


def test_chats_and_onboardings_are_counted_and_percentiles_are_of_chats_that_succeeded(host: Host) -> None:
    for number in range(1, 101):
        host.chat(number * 10.0, status=200)
    host.chat(1.0, status=429)
    for status in (200, 200, 409):
        host.onboard(status=status)
    day = host.last_day.read()
    assert (day.chats, day.onboardings, day.requests) == (101, 2, 107)
    assert day.p50_ms == pytest.approx(500, rel=1e-3)
    assert day.p95_ms == pytest.approx(950, rel=1e-3)
    last = day.stretches[-1]
    assert (last.chats, last.onboardings, last.p50_ms, last.p95_ms) == (101, 2, day.p50_ms, day.p95_ms)


def test_a_record_belongs_to_the_stretch_it_was_written_in_and_goes_after_24_hours(host: Host) -> None:
    host.chat(100.0)
    host.now += STRETCH_S - 1
    host.chat(100.0)
    host.now += 1
    host.chat(300.0)
    day = host.last_day.read()
    assert [one.chats for one in day.stretches[-3:]] == [0, 2, 1]
    host.now = NOON + STRETCHES * STRETCH_S
    day = host.last_day.read()
    assert day.chats == 1
    assert day.p50_ms == pytest.approx(300, rel=1e-3)
    assert day.stretches[0].chats == 1
    host.now += STRETCH_S
    assert host.last_day.read().chats == 0


def test_errors_are_counted_by_kind_with_those_left_out_and_the_newest_hundred_are_told(host: Host) -> None:
    host.tracker.log_llm_error("/api/chat", "of the day before yesterday")
    host.now += 2 * 86_400
    for number in range(98):
        host.tracker.log_api_error("/api/chat", f"number {number}")
    host.tracker.log_error("load", "chat", "refused", {"left_out": 40})
    day = host.last_day.read()
    assert day.errors == {"api": 98, "load": 41}
    assert list(day.errors) == ["api", "load"]
    assert day.stretches[-1].errors == 139
    assert [one["message"] for one in day.newest_errors[:2]] == ["refused", "number 97"]
    assert day.newest_errors[-1]["message"] == "of the day before yesterday"
    assert len(day.newest_errors) == 100
    host.tracker.log_api_error("/api/chat", "one more")
    shown = [one["message"] for one in host.last_day.read().newest_errors]
    assert (len(shown), shown[0], shown[-1]) == (100, "one more", "number 0")


def test_a_log_is_read_once_over_all_its_segments_and_then_what_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(tmp_path, limits=SegmentLimits(segment_bytes=2_000, keep_s=1e9))
    read: list[bytes] = []

    def counting(line: bytes) -> Any:
        read.append(line)
        return parse_record(line)

    monkeypatch.setattr("monitoring.journal.reading.parse_record", counting)
    for _ in range(100):
        host.chat(100.0)
    assert len(list(tmp_path.glob("performance.*.jsonl"))) > 3
    assert host.last_day.read().chats == 100
    assert len([line for line in read if b"total_ms" in line]) >= 100
    read.clear()
    host.chat(100.0)
    assert host.last_day.read().chats == 101
    assert len([line for line in read if b"total_ms" in line]) <= 2


def test_what_is_kept_does_not_grow_with_the_number_of_records() -> None:
    def kept(count: int) -> int:
        tally = DayTally(ROUTES)
        tally.move_to(NOON)
        for number in range(count):
            time = timestamp(NOON - number % 1000)
            tally.add_performance({"time": time, "route": "/api/chat", "total_ms": number % 977})
            tally.add_error({"time": time, "kind": "api"})
        assert tally.day().chats == count
        return sum(_sizes(vars(tally)))

    assert kept(20_000) == pytest.approx(kept(5_000), rel=0.01)


def _sizes(value: Any) -> list[int]:
    inside = value.values() if isinstance(value, dict) else [
        getattr(value, name) for name in getattr(value, "__slots__", ())
    ]  # fmt: skip
    return [sys.getsizeof(value), *(size for one in inside for size in _sizes(one))]


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"time": "yesterday"},
        {"time": 7},
        {"time": timestamp(NOON - 86_400)},
        {"time": timestamp(NOON + STRETCH_S)},
    ],
)
def test_damaged_records_and_those_of_another_day_are_left_out(record: dict[str, Any]) -> None:
    tally = DayTally(ROUTES)
    tally.move_to(NOON)
    tally.add_error(record)
    tally.add_performance(record)
    day = tally.day()
    assert (day.requests, day.errors) == (0, {})


def test_a_record_with_damaged_values_is_counted_for_what_can_be_read() -> None:
    tally = DayTally(ROUTES)
    tally.move_to(NOON)
    tally.add_performance({"time": timestamp(NOON), "route": "/api/chat", "total_ms": "soon", "status": "?"})
    tally.add_error({"time": timestamp(NOON), "kind": "load", "left_out": "many"})
    day = tally.day()
    assert (day.chats, day.p50_ms, day.errors) == (1, None, {"load": 1})
