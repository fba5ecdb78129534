"""The tracker writes what happened, hides what must not be seen, and never gets in its caller's way."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from conf.loading import load_settings
from conf.run_directory import RUN_ERRORS
from monitoring.journal import tracker as module
from monitoring.journal.error_record import LONGEST_MESSAGE, MOST_FRAMES
from monitoring.journal.log_summary import TOTAL, PerformanceTimes, count_errors
from monitoring.journal.proof import prove
from monitoring.journal.reading import JournalReader
from monitoring.journal.run_errors import copy_errors
from monitoring.journal.tracker import (
    PerformanceTimer,
    Tracker,
    build_tracker,
    configure_tracker,
    log_api_error,
    log_database_error,
    log_llm_error,
)
from reports.reading.tracked_errors import load_tracked_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "the-session-secret-of-these-tests-and-of-nothing-else"  # noqa: S105 - of the tests
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
HOUSE = "8c8f4f6e-1111-4000-8000-000000000000"
QR_TOKEN = "8c8f4f6e-2222-4000-8000-000000000000"  # noqa: S105 - of the tests


@pytest.fixture
def tracker(tmp_path: Path) -> Tracker:
    return Tracker(tmp_path, run_id="run-1", secrets=[SECRET])


@pytest.fixture
def process_wide(tracker: Tracker) -> Iterator[Tracker]:
    before = list(module._configured)
    configure_tracker(tracker)
    yield tracker
    module._configured[:] = before


def read(directory: Path, log: str = "errors") -> list[dict[str, Any]]:
    return list(JournalReader(directory, log).read())


def raised(error: BaseException, depth: int = 1) -> BaseException:
    """The error as it is caught, from so many frames down."""

    def fall(levels: int) -> None:
        if levels:
            fall(levels - 1)
        raise error

    try:
        fall(depth - 1)
    except BaseException as caught:  # noqa: BLE001 - any of them
        return caught
    raise AssertionError


# --- what is written


def test_an_error_is_one_line_with_everything_that_is_known_of_it(tracker: Tracker, tmp_path: Path) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    error = raised(LookupError("no such\nhouse"))
    error.__cause__ = OSError()
    tracker.log_api_error(
        "/api/chat",
        error,
        tenantId="t-1",
        house_id=UUID(HOUSE),
        status=500,
        step="llm",
        attempt=2,
        nothing=None,
    )
    assert (tmp_path / "errors.jsonl").read_text().count("\n") == 2  # and the segment's header
    (record,) = read(tmp_path)
    assert before <= datetime.fromisoformat(record["time"]) <= datetime.now(UTC)
    assert (record["kind"], record["route"], record["message"]) == ("api", "/api/chat", "no such\nhouse")
    assert (record["exception"], record["cause"]) == ("LookupError", "OSError")
    assert record["stack"][-1].startswith("monitoring/test_tracker.py:")
    assert record["stack"][-1].endswith(" in fall")
    assert (record["tenant_id"], record["house_id"], record["run_id"]) == ("t-1", HOUSE, "run-1")
    assert (record["status"], record["step"], record["context"]) == (500, "llm", {"attempt": 2})
    assert record["writer"].startswith(f"{record['process']}-")
    assert record["sequence"] == 1


def test_the_module_writes_the_three_kinds_with_the_processs_tracker(
    process_wide: Tracker, tmp_path: Path
) -> None:
    log_api_error("/a", ValueError("1"), tenant_id="t")
    log_llm_error("/b", "a text will do")
    log_database_error(route="/c", error=OSError("3"))
    assert [(one["kind"], one["route"]) for one in read(tmp_path)] == [
        ("api", "/a"),
        ("llm", "/b"),
        ("database", "/c"),
    ]
    assert "exception" not in read(tmp_path)[1]


def test_a_process_that_configures_nothing_writes_where_the_settings_say(tmp_path: Path) -> None:
    code = "from monitoring.journal.tracker import log_llm_error; log_llm_error('/x', 'down')"
    for environ in (
        {},
        {"LOADTEST_TARGET": "not an address"},
    ):  # mistakes in the settings are no reason to be silent
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={
                "LOADTEST_LOG_DIR": str(tmp_path / "own"),
                "PYTHONPATH": str(Path(__file__).parents[2]),
                **environ,
            },
            check=False,
        )
        assert done.returncode == 0
    assert [one["message"] for one in read(tmp_path / "own")] == ["down", "down"]


def test_the_settings_decide_on_directory_and_segments(tmp_path: Path) -> None:
    settings = load_settings(
        {"monitoring.segment_mb": 0.001},
        environ={"LOADTEST_LOG_DIR": str(tmp_path), "SESSION_SECRET": SECRET},
    )
    tracker = build_tracker(settings)
    for _ in range(20):
        tracker.log_api_error("/x", f"it was {SECRET}")
    assert len(list(tmp_path.glob("errors.0*.jsonl"))) > 2
    assert not any(SECRET in path.read_text() for path in tmp_path.iterdir())


def test_only_the_innermost_frames_of_a_deep_stack_are_kept(tracker: Tracker, tmp_path: Path) -> None:
    tracker.log_api_error("/x", raised(ValueError("deep"), depth=200))
    stack = read(tmp_path)[0]["stack"]
    assert len(stack) == MOST_FRAMES
    assert all(frame.endswith(" in fall") for frame in stack)


# --- what is hidden


@pytest.mark.parametrize(
    "text",
    [
        f"Bearer {JWT}",
        f"sent {JWT}",
        f"signed with {SECRET}",
        "postgresql://portal:hunter2@db/openhouse failed",
        "password=hunter2 host=db",
        '{"token": "hunter2"}',
        "{'Authorization': 'Basic hunter2'}",
        "{'homeowner_token': 'hunter2', 'a': 1}",
        f"GET /onboarding/{QR_TOKEN} failed",
        f"{'x' * (LONGEST_MESSAGE - 10)} {JWT}",
        f"{'x ' * LONGEST_MESSAGE}{JWT}",
        f"{'x' * (2 * LONGEST_MESSAGE - 20)}{SECRET}",
    ],
    ids=range(12),
)
def test_no_secret_is_written_wherever_it_stands(text: str, tracker: Tracker, tmp_path: Path) -> None:
    tracker.log_api_error(text, raised(ValueError(text)), detail=text, step=text, nested={"inner": [text]})
    tracker.log_performance(text, 1.0, {}, detail=text)
    written = "".join(path.read_text() for path in tmp_path.iterdir())
    for secret in (SECRET, JWT, JWT[:30], "hunter2", QR_TOKEN, SECRET[:20]):
        assert secret not in written
    assert len(read(tmp_path)) == 1


@pytest.mark.parametrize(
    "key", ["session_secret", "password", "qr_token", "jwt", "Authorization", "cookie", "api_key", "dsn"]
)
def test_the_value_of_a_key_that_looks_secret_is_hidden_whatever_it_is(
    key: str, tracker: Tracker, tmp_path: Path
) -> None:
    tracker.log_api_error("/x", "failed", **{key: "innocent"})
    tracker.log_api_error("/x", "failed", **{key: 1234})
    assert [one["context"] for one in read(tmp_path)] == [{key: "[hidden]"}] * 2


def test_ids_of_houses_stay_and_an_id_that_is_none_is_redacted(tracker: Tracker, tmp_path: Path) -> None:
    tracker.log_api_error(
        "/x", f"house {HOUSE}", tenant_id=HOUSE, development_id=f"Bearer {JWT}", house_id=SECRET
    )
    (record,) = read(tmp_path)
    assert record["tenant_id"] == HOUSE
    assert record["message"] == "house [id]"
    assert record["development_id"] == "Bearer [token]"
    assert record["house_id"] == "[hidden]"


# --- whatever comes


class _Unspeakable(Exception):  # noqa: N818 - of the tests
    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


class _Text(str):
    def replace(self, *_: object) -> str:  # type: ignore[override]
        raise RuntimeError("not me")

    __slots__ = ()


@pytest.mark.parametrize(
    ("error", "context"),
    [
        (_Unspeakable(), {"detail": _Unspeakable()}),
        ("\ud800 alone", {"detail": "\udfff", "\ud800": 1}),
        (_Text("text"), {"detail": _Text("text")}),
        (None, {"n": float("nan"), "i": float("inf"), "huge": 10**5000, "b": b"\xff", "s": {1, 2}}),
        (ValueError("x" * 10**6), {"detail": "y" * 10**6, **{f"k{n}": n for n in range(500)}}),
        ("line\nbreak\r\n\x00\x1b[31m\u2028", {"tenant_id": "\n", "status": "\n"}),
        (object(), {"step": object(), "time": "mine", "kind": "mine", "sequence": 0, "message": "mine"}),
        (KeyboardInterrupt(), {"house_id": [1]}),
        (ValueError, {"house_id": _Unspeakable()}),
    ],
    ids=range(9),
)
def test_whatever_the_error_is_the_caller_is_not_disturbed_and_one_whole_line_is_written(
    error: object, context: dict[str, object], tracker: Tracker, tmp_path: Path
) -> None:
    tracker.log_api_error("/x", error, **context)
    (record,) = read(tmp_path)
    assert (record["kind"], record["route"], record["sequence"]) == ("api", "/x", 1)
    assert len(json.dumps(record)) < 20_000
    assert len(record["message"]) <= LONGEST_MESSAGE
    assert record["message"] != "mine"
    assert prove(tmp_path, "errors").is_whole


def test_a_route_that_cannot_be_read_and_times_that_are_none_still_make_a_record(
    tracker: Tracker, tmp_path: Path
) -> None:
    tracker.log_api_error(_Unspeakable(), "failed")  # type: ignore[arg-type]
    tracker.log_performance("/x", "soon", {"a": None})  # type: ignore[arg-type,dict-item]
    tracker.log_performance("/x", float("nan"), {})
    assert len(read(tmp_path)) == 1
    assert ["cannot be described" in one["message"] for one in read(tmp_path, "performance")] == [True, True]


def test_a_directory_that_cannot_be_written_disturbs_nobody_and_is_counted(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    tracker = Tracker(tmp_path / "file")
    tracker.log_api_error("/x", "failed")
    tracker.log_performance("/x", 1.0, {})
    assert tracker.lost == 2


# --- timers


def test_a_timer_in_a_with_block_writes_one_record_with_all_its_steps(
    process_wide: Tracker, tmp_path: Path
) -> None:
    with PerformanceTimer("/api/chat", tenant_id="t") as timer:
        first = timer.end("chunk-retrieval")
        again = timer.end("llm") + timer.end("llm")
    (record,) = read(tmp_path, "performance")
    assert (record["kind"], record["route"], record["tenant_id"]) == ("performance", "/api/chat", "t")
    assert record["steps_ms"] == {
        "chunk-retrieval": pytest.approx(first, abs=1e-3),
        "llm": pytest.approx(again, abs=2e-3),
    }
    assert record["total_ms"] >= first + again - 0.01


def test_a_block_that_fails_is_timed_too_and_its_exception_goes_on(
    process_wide: Tracker, tmp_path: Path
) -> None:
    with pytest.raises(KeyError), PerformanceTimer("/x"):
        raise KeyError
    (record,) = read(tmp_path, "performance")
    assert record["context"] == {"failed": "KeyError"}


def test_a_timer_without_a_block_writes_with_each_end_as_the_document_has_it(
    process_wide: Tracker, tmp_path: Path
) -> None:
    timer = PerformanceTimer("/api/chat")
    timer.end("chunk-retrieval")
    timer.end("llm")
    assert [list(one["steps_ms"]) for one in read(tmp_path, "performance")] == [
        ["chunk-retrieval"],
        ["chunk-retrieval", "llm"],
    ]


# --- added up


def test_errors_are_added_up_by_kind_and_route_with_those_that_were_left_out() -> None:
    records = [
        {"kind": "api", "route": "/a", "time": "1", "message": "first"},
        {"kind": "load", "route": "chat", "time": "2", "message": "m", "left_out": 40},
        {"kind": "api", "route": "/a", "time": "3", "message": "second"},
    ]
    counted = [(one.kind, one.count, one.newest, one.message) for one in count_errors(records)]
    assert counted == [("load", 41, "2", "m"), ("api", 2, "3", "second")]


def test_times_are_added_up_by_route_and_step() -> None:
    times = PerformanceTimes()
    for number in range(1, 101):
        times.add(
            {
                "time": f"2026-01-01T{number % 2:02}:30",
                "route": "/a",
                "total_ms": number,
                "steps_ms": {"llm": 1.0},
            }
        )
    total, step = times.rows()
    assert (total.step, total.times, step.step, step.times) == (TOTAL, 100, "llm", 100)
    assert total.p50_ms == pytest.approx(50, rel=1e-3)
    assert total.p99_ms == pytest.approx(99, rel=1e-3)


# --- of a run


def test_the_errors_of_a_run_are_copied_with_how_many_there_were_in_all(tmp_path: Path) -> None:
    now = [1_700_000_000.0]
    mine, other, portal = (
        Tracker(tmp_path, run_id=run, clock=lambda: now[0]) for run in ("mine", "other", "")
    )
    began, ended = (datetime.fromtimestamp(now[0] + after, UTC) for after in (10, 20))
    for after in (5, 12, 14, 16, 25):
        now[0] = 1_700_000_000.0 + after
        mine.log_error("load", "chat", f"mine at {after}", {"left_out": 3} if after == 14 else {})
        other.log_error("load", "chat", "of another run", {})
        portal.log_llm_error("/api/chat", f"portal at {after}")
    (tmp_path / "run").mkdir()
    assert copy_errors(tmp_path, tmp_path / "run", "mine", (began, ended), most=4) == 6
    *records, last = [json.loads(line) for line in (tmp_path / "run" / RUN_ERRORS).read_text().splitlines()]
    assert [one["message"] for one in records] == ["mine at 14", "portal at 14", "mine at 16", "portal at 16"]
    groups = last.pop("groups")
    assert last == {
        "kind": "summary", "records": 6, "copied": 4, "left_out": 3, "by_kind": {"llm": 3, "load": 3},
    }  # fmt: skip
    assert len(groups) == 6


def test_a_report_counts_the_errors_and_not_the_copied_records(tmp_path: Path) -> None:
    now = [1_700_000_000.0]
    portal = Tracker(tmp_path, clock=lambda: now[0])
    for _ in range(7):
        now[0] += 1
        portal.log_llm_error("/api/chat", "the model did not answer")
    (tmp_path / "run").mkdir()
    moments = (datetime.fromtimestamp(1_700_000_000, UTC), datetime.fromtimestamp(now[0] + 1, UTC))
    assert copy_errors(tmp_path, tmp_path / "run", "mine", moments, most=2) == 7
    (group,) = load_tracked_errors(tmp_path / "run")
    assert (group.kind, group.message, group.count) == ("llm", "the model did not answer", 7)
    assert group.last_at.startswith("2023-11-14T22:13:27")


def test_a_run_without_errors_says_so_and_a_directory_that_is_gone_costs_only_the_copy(
    tmp_path: Path,
) -> None:
    moments = (datetime.now(UTC), datetime.now(UTC))
    assert copy_errors(tmp_path / "nowhere", tmp_path, "x", moments) == 0
    assert json.loads((tmp_path / RUN_ERRORS).read_text())["records"] == 0
    assert copy_errors(tmp_path, tmp_path / "nowhere", "x", moments) == 0
