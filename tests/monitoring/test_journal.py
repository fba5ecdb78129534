"""The journal's promise, held against real processes: every record whose call returned is there, once and whole."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from journal_writers import TIMEOUT_S, append_as_documented, rotate_as_documented, started, together
from needs import OWN_MOUNTS

from monitoring.journal.current_segment import SegmentLimits
from monitoring.journal.proof import prove
from monitoring.journal.reading import JournalReader, newest, segments
from monitoring.journal.writer import Journal

if TYPE_CHECKING:
    from collections.abc import Callable

WRITERS, RECORDS = 8, 400
UNHURRIED_S = 60.0
SMALL = SegmentLimits(segment_bytes=20_000, patience_s=UNHURRIED_S)

WRITER = f"""
import json, sys
from pathlib import Path
from journal_writers import await_go
from monitoring.journal.current_segment import SegmentLimits
from monitoring.journal.writer import Journal

directory, writer, records = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
journal = Journal(directory, "errors", SegmentLimits(segment_bytes=20_000, patience_s={UNHURRIED_S}))
await_go()
for number in range(records):
    assert journal.append(json.dumps({{"time": "2026-01-01", "from": writer, "number": number, "text": "x" * 50}}).encode())
"""

ENDLESS_WRITER = f"""
import json, sys
from pathlib import Path
from monitoring.journal.current_segment import SegmentLimits
from monitoring.journal.writer import Journal

journal = Journal(Path(sys.argv[1]), "errors", SegmentLimits(segment_bytes=20_000, patience_s={UNHURRIED_S}))
number = 0
while True:
    assert journal.append(json.dumps({{"from": sys.argv[2], "number": number, "text": "x" * 50}}).encode())
    number += 1
    sys.stdout.write(f"{{number}}\\n")
    sys.stdout.flush()
"""


def record(**fields: object) -> bytes:
    return json.dumps({"time": "2026-01-01", **fields}).encode()


def read(directory: Path) -> list[dict[str, Any]]:
    return list(JournalReader(directory, "errors").read())


def numbers(directory: Path, key: str = "number") -> list[Any]:
    return [one[key] for one in read(directory)]


class Clock:
    """A clock that stands still, at the beginning of an hour."""

    def __init__(self) -> None:
        self.now = time.time() // 3600 * 3600

    def __call__(self) -> float:
        return self.now


FULL_DISK = """
import json, sys
from pathlib import Path
from monitoring.journal.current_segment import SegmentLimits
from monitoring.journal.writer import Journal
from monitoring.journal.proof import prove
from monitoring.journal.reading import JournalReader

disk = Path(sys.argv[1])
journal = Journal(disk, "errors", SegmentLimits(segment_bytes=10_000))

def append(number):
    return journal.append(json.dumps({"time": "2026-01-01", "number": number, "text": "x" * 500}).encode())

def numbers():
    return [one["number"] for one in JournalReader(disk, "errors").read()]

results = [append(number) for number in range(300)]
assert not all(results)
assert journal.lost == results.count(False)
assert numbers() == [number for number, written in enumerate(results) if written]
(disk / "errors.000001.jsonl").unlink()
assert append(300)
assert numbers()[-1] == 300
proof = prove(disk, "errors")
assert proof.is_whole
assert proof.removed == 1
"""
"""In a directory that is a disk of 64 kB."""


# --- many processes


def test_eight_processes_write_at_once_while_segments_roll_and_every_record_is_there_once(
    tmp_path: Path,
) -> None:
    together(WRITER, [(tmp_path, writer, RECORDS) for writer in range(WRITERS)])
    counted = Counter((one["from"], one["number"]) for one in read(tmp_path))
    assert counted == Counter((writer, number) for writer in range(WRITERS) for number in range(RECORDS))
    found = segments(tmp_path, "errors")
    assert [segment.number for segment in found] == list(range(1, len(found) + 1))
    assert len(found) > 10
    assert all(segment.size <= 20_000 for segment in found)
    proof = prove(tmp_path, "errors")
    assert (proof.records, proof.writers, proof.lost) == (WRITERS * RECORDS, WRITERS, 0)
    assert proof.is_whole
    assert not list(tmp_path.glob(".*"))


def test_the_documents_own_design_loses_what_is_written_while_it_rotates(tmp_path: Path) -> None:
    path = tmp_path / "errors.jsonl"
    append_as_documented(path, '{"time": "2026-01-01", "number": 0}\n')
    rotate_as_documented(path, lambda: append_as_documented(path, '{"time": "2026-01-01", "number": 1}\n'))
    assert path.read_text() == '{"time": "2026-01-01", "number": 0}\n'


def test_a_processs_records_stand_in_the_order_of_their_calls(tmp_path: Path) -> None:
    together(WRITER, [(tmp_path, writer, 100) for writer in range(3)])
    for writer in range(3):
        assert [one["number"] for one in read(tmp_path) if one["from"] == writer] == list(range(100))


def test_threads_of_one_process_share_one_sequence(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "errors", SMALL)

    def write(thread: int) -> None:
        for number in range(200):
            assert journal.append(record(number=(thread, number)))

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers(tmp_path, "sequence") == list(range(1, 1201))
    assert len({tuple(one) for one in numbers(tmp_path)}) == 1200


def test_two_journals_of_one_process_do_not_disturb_each_other(tmp_path: Path) -> None:
    first, second = (Journal(tmp_path, "errors", SMALL) for _ in range(2))
    for number in range(300):
        assert first.append(record(number=number))
        assert second.append(record(number=number))
    assert prove(tmp_path, "errors").is_whole
    assert prove(tmp_path, "errors").records == 600


# --- killed


def test_whoever_is_killed_leaves_every_record_whose_call_returned(tmp_path: Path) -> None:
    returned = {}
    for round_ in range(3):
        processes = [started(ENDLESS_WRITER, tmp_path, f"{round_}-{writer}") for writer in range(4)]
        for writer, process in enumerate(processes):
            assert process.stdout is not None
            for _ in range(100 + 37 * writer):
                process.stdout.readline()
        for process in processes:
            process.kill()
        for writer, process in enumerate(processes):
            with process:
                assert process.stdout is not None
                out = process.stdout.read()
            said = [int(line) for line in out.splitlines(keepends=True) if line.endswith("\n")]
            returned[f"{round_}-{writer}"] = max([100 + 37 * writer, *said])
    counted = Counter((one["from"], one["number"]) for one in read(tmp_path))
    assert set(counted.values()) == {1}
    for writer, count in returned.items():
        there = [number for name, number in counted if name == writer]
        assert sorted(there) == list(range(len(there)))
        assert (
            count <= len(there) <= count + 1
        )  # the last may have been written without its call having returned
    assert prove(tmp_path, "errors").is_whole


def test_the_beginning_of_a_line_that_a_killed_writer_left_is_cut_off(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "errors")
    journal.append(record(number=1))
    whole = (tmp_path / "errors.jsonl").read_bytes()
    for torn in (b'{"time": "2026', b"x" * 200_000):
        with (tmp_path / "errors.jsonl").open("ab") as file:
            file.write(torn)
        assert numbers(tmp_path) == [1]
        assert [one["number"] for one in newest(tmp_path, "errors", 5)] == [1]
        other = Journal(tmp_path, "errors")
        assert other.append(record(number=2))
        assert numbers(tmp_path) == [1, 2]
        assert prove(tmp_path, "errors").is_whole
        (tmp_path / "errors.jsonl").write_bytes(whole)


def test_a_torn_header_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "errors.jsonl").write_bytes(b'{"time": "2026-')
    assert Journal(tmp_path, "errors").append(record(number=1))
    assert segments(tmp_path, "errors")[0].header is not None
    assert numbers(tmp_path) == [1]


@pytest.mark.parametrize("killed_before", ["os.open", "os.replace"])
def test_whoever_is_killed_while_it_rolls_leaves_a_log_that_goes_on(
    killed_before: str, tmp_path: Path
) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from monitoring.journal.current_segment import SegmentLimits
from monitoring.journal.writer import Journal

journal = Journal(Path(sys.argv[1]), "errors", SegmentLimits(segment_bytes=1_000))
journal.append(b'{"number": 0}')
name = sys.argv[2].removeprefix("os.")
setattr(os, name, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
for number in range(1, 100):
    journal.append(b'{"number": %d}' % number)
"""
    process = started(code, tmp_path, killed_before)
    process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == -signal.SIGKILL
    before = numbers(tmp_path)
    assert before == list(range(len(before)))
    assert (tmp_path / "errors.000001.jsonl").exists()
    assert prove(tmp_path, "errors").is_whole  # one file with two names is one segment
    journal = Journal(tmp_path, "errors", SegmentLimits(segment_bytes=1_000))
    for number in range(len(before), len(before) + 50):
        assert journal.append(record(number=number))
    assert numbers(tmp_path) == list(range(len(before) + 50))
    assert prove(tmp_path, "errors").is_whole
    assert not list(tmp_path.glob(".*"))


def test_a_stopped_process_that_holds_the_lock_costs_records_but_no_standstill(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "errors", SegmentLimits(patience_s=0.05))
    assert journal.append(record(number=0))
    code = """
import fcntl, os, signal, sys
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.LOCK_EX)
print("locked", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
"""
    holder = started(code, tmp_path / "errors.jsonl")
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert [journal.append(record(number=number)) for number in (1, 2, 3)] == [False] * 3
        assert journal.lost == 3
    finally:
        holder.kill()
        holder.communicate()
    assert journal.append(record(number=4))
    assert [(one["number"], one.get("lost_before")) for one in read(tmp_path)] == [(0, None), (4, 3)]
    proof = prove(tmp_path, "errors")
    assert proof.is_whole
    assert proof.lost == 3


# --- forked


def test_a_forked_child_is_a_writer_of_its_own(tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from monitoring.journal.current_segment import SegmentLimits
from monitoring.journal.writer import Journal

journal = Journal(Path(sys.argv[1]), "errors", SegmentLimits(segment_bytes=5_000, patience_s=60))
journal.append(b'{"from": "parent", "number": 0}')
children = []
for child in range(4):
    if not (pid := os.fork()):
        for number in range(100):
            assert journal.append(b'{"from": "child %d", "number": %d}' % (child, number))
        os._exit(0)
    children.append(pid)
for number in range(1, 100):
    assert journal.append(b'{"from": "parent", "number": %d}' % number)
sys.exit(any(os.waitpid(pid, 0)[1] for pid in children))
"""
    process = started(code, tmp_path)
    process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0
    written = read(tmp_path)
    assert len({(one["from"], one["writer"], one["process"]) for one in written}) == 5
    assert Counter(one["from"] for one in written) == {"parent": 100, **{f"child {n}": 100 for n in range(4)}}
    proof = prove(tmp_path, "errors")
    assert proof.is_whole
    assert proof.writers == 5


def test_a_child_forked_while_its_parent_holds_the_lock_neither_waits_for_it_nor_keeps_it(
    tmp_path: Path,
) -> None:
    code = """
import os, signal, sys, threading
from pathlib import Path
from monitoring.journal.current_segment import CurrentSegment, SegmentLimits
from monitoring.journal.writer import Journal

journal = Journal(Path(sys.argv[1]), "errors", SegmentLimits(patience_s=60))
journal.append(b'{"number": 0}')
inside, forked = threading.Event(), threading.Event()

def slow_write(self, line):
    inside.set()
    forked.wait()
    os.kill(os.getpid(), signal.SIGKILL)  # with the lock in its hands

write, CurrentSegment.write = CurrentSegment.write, slow_write
threading.Thread(target=journal.append, args=(b'{"number": 1}',), daemon=True).start()
inside.wait()
if not os.fork():
    CurrentSegment.write = write
    assert journal.append(b'{"number": 2}')
    print("written", flush=True)
    os._exit(0)
forked.set()
signal.pause()
"""
    process = started(code, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == -signal.SIGKILL
    assert numbers(tmp_path) == [0, 2]
    assert prove(tmp_path, "errors").is_whole


# --- rolled and removed


def test_a_segment_is_closed_when_its_hour_is_over_and_the_path_always_leads_to_the_newest(
    tmp_path: Path,
) -> None:
    clock = Clock()
    journal = Journal(tmp_path, "errors", clock=clock)
    for number in range(4):
        assert journal.append(record(number=number))
        clock.now += 1800
    assert [segment.number for segment in segments(tmp_path, "errors")] == [1, 2]
    assert '"number": 3' in (tmp_path / "errors.jsonl").read_text()
    assert '"number": 0' in (tmp_path / "errors.000001.jsonl").read_text()
    assert numbers(tmp_path) == [0, 1, 2, 3]


def test_the_number_and_hour_of_a_segment_survive_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    for number in range(3):
        assert Journal(tmp_path, "errors", clock=clock).append(record(number=number))
    assert len(segments(tmp_path, "errors")) == 1
    clock.now += 3600
    assert Journal(tmp_path, "errors", clock=clock).append(record(number=3))
    assert [segment.number for segment in segments(tmp_path, "errors")] == [1, 2]
    assert prove(tmp_path, "errors").is_whole


def test_another_process_follows_to_the_new_segment(tmp_path: Path) -> None:
    first, second = Journal(tmp_path, "errors", SMALL), Journal(tmp_path, "errors", SMALL)
    assert second.append(record(number=-1))
    while len(segments(tmp_path, "errors")) < 2:
        assert first.append(record(number=0, text="x" * 1000))
    assert second.append(record(number=1))
    assert b'"number": 1' in (tmp_path / "errors.jsonl").read_bytes()


@pytest.mark.parametrize("when", ["rolling", "opening"])
def test_whole_segments_that_are_too_old_are_removed(when: str, tmp_path: Path) -> None:
    limits = SegmentLimits(segment_bytes=2_000, keep_s=1_000)
    journal = Journal(tmp_path, "errors", limits)
    for number in range(150):
        assert journal.append(record(number=number))
    closed = sorted(tmp_path.glob("errors.0*.jsonl"))
    assert len(closed) > 4
    for path in closed[:3]:
        os.utime(path, (time.time() - 2_000, time.time() - 2_000))
    (tmp_path / "errors.summary.jsonl").write_text("somebody's\n")
    os.utime(tmp_path / "errors.summary.jsonl", (0, 0))
    writer = Journal(tmp_path, "errors", limits) if when == "opening" else journal
    for number in range(150, 151 if when == "opening" else 180):
        assert writer.append(record(number=number))
    assert next(segment.number for segment in segments(tmp_path, "errors")) == 4
    assert (tmp_path / "errors.summary.jsonl").exists()
    proof = prove(tmp_path, "errors")
    assert proof.is_whole
    assert proof.removed == 3


def test_a_segment_between_younger_ones_is_not_removed_so_that_no_number_is_missing(tmp_path: Path) -> None:
    limits = SegmentLimits(segment_bytes=2_000, keep_s=1_000)
    journal = Journal(tmp_path, "errors", limits)
    for number in range(60):
        assert journal.append(record(number=number))
    os.utime(tmp_path / "errors.000002.jsonl", (0, 0))
    for number in range(60, 90):
        assert journal.append(record(number=number))
    assert numbers(tmp_path) == list(range(90))


def test_a_log_that_somebody_removed_or_emptied_is_begun_anew(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "errors")
    assert journal.append(record(number=0))
    (tmp_path / "errors.jsonl").unlink()
    assert journal.append(record(number=1))
    assert numbers(tmp_path) == [1]
    os.truncate(tmp_path / "errors.jsonl", 0)
    assert journal.append(record(number=2))
    assert numbers(tmp_path) == [2]
    assert not prove(tmp_path, "errors").is_whole  # and that can be seen


def test_where_there_are_no_hard_links_segments_roll_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    journals = [Journal(tmp_path, "errors", SegmentLimits(segment_bytes=2_000)) for _ in range(2)]
    for number in range(100):
        assert journals[number % 2].append(record(number=number))
    assert len(segments(tmp_path, "errors")) > 4
    assert numbers(tmp_path) == list(range(100))
    assert prove(tmp_path, "errors").is_whole


def test_a_closed_segment_of_that_name_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "errors.000001.jsonl").write_text('{"number": "older"}\n')
    (tmp_path / "errors.jsonl").write_text(
        '{"time": "2026-01-01T00:00:00+00:00", "kind": "segment", "number": 1, "previous_bytes": null}\n'
    )
    assert Journal(tmp_path, "errors").append(record(number=0))
    assert numbers(tmp_path) == ["older", 0]


# --- full disk


@pytest.fixture
def limited_files() -> Any:
    """Sets how large a file of this process may become; larger writes fail as on a full disk, or are cut short."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_costs_records_never_the_caller_and_never_half_a_line(
    tmp_path: Path, limited_files: Callable[[int], None], caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(tmp_path, "errors", clock=Clock())
    assert journal.append(record(number=0))
    size = (tmp_path / "errors.jsonl").stat().st_size
    limited_files(size + 30)  # room for the beginning of a line
    results = [journal.append(record(number=number)) for number in range(1, 6)]
    limited_files(resource.RLIM_INFINITY)
    assert results == [False] * 5
    assert (tmp_path / "errors.jsonl").stat().st_size == size
    assert journal.lost == 5
    assert len(caplog.records) == 1  # said once
    assert journal.append(record(number=6))
    assert read(tmp_path)[-1]["lost_before"] == 5
    assert journal.lost == 5
    proof = prove(tmp_path, "errors")
    assert proof.is_whole
    assert proof.lost == 5


def test_a_disk_too_full_for_another_segment_goes_on_in_the_one_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(tmp_path, "errors", SegmentLimits(segment_bytes=500))
    assert journal.append(record(number=0))
    replace = os.replace

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    assert all(journal.append(record(number=number)) for number in range(1, 20))
    assert len(segments(tmp_path, "errors")) == 1
    assert len(caplog.records) == 1
    assert not list(tmp_path.glob(".*"))
    monkeypatch.setattr(os, "replace", replace)
    assert all(journal.append(record(number=number)) for number in range(20, 40))
    assert len(segments(tmp_path, "errors")) > 2
    assert numbers(tmp_path) == list(range(40))
    assert prove(tmp_path, "errors").is_whole


@pytest.mark.requires("mounts")
def test_a_disk_that_is_really_full_costs_records_and_no_more(tmp_path: Path) -> None:
    script = 'mount -t tmpfs -o size=64k none "$1" && exec "$2" -c "$3" "$1"'
    command = [*OWN_MOUNTS, "sh", "-c", script, "sh", str(tmp_path), sys.executable, FULL_DISK]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []  # it was written to the small disk


def test_a_directory_that_cannot_be_made_is_counted_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "logs").write_text("somebody's file")
    journal = Journal(tmp_path / "logs", "errors")
    assert not any(journal.append(record(number=number)) for number in range(10))
    assert journal.lost == 10
    assert [str(tmp_path / "logs" / "errors.jsonl") in entry.getMessage() for entry in caplog.records] == [
        True
    ]
    (tmp_path / "logs").unlink()
    assert journal.append(record(number=10))
    assert read(tmp_path / "logs")[0]["lost_before"] == 10


def test_a_signal_that_arrives_during_a_write_and_writes_itself_does_not_hang(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "errors", SegmentLimits(patience_s=0.05))
    with journal._lock:
        assert not journal.append(record(number=0))
    assert journal.lost == 1
    assert journal.append(record(number=1))
    assert journal.lost == 1
    assert [(one["sequence"], one["lost_before"]) for one in read(tmp_path)] == [(2, 1)]


# --- read


def written(directory: Path, count: int, limits: SegmentLimits = SMALL) -> Journal:
    journal = Journal(directory, "errors", limits)
    for number in range(count):
        assert journal.append(record(number=number, text="x" * (number % 70)))
    return journal


@pytest.mark.parametrize("count", [1, 7, 1500, 5000])
def test_the_newest_are_read_from_the_end_across_segments(count: int, tmp_path: Path) -> None:
    written(tmp_path, 1500, SegmentLimits(segment_bytes=100_000))
    found = [one["number"] for one in newest(tmp_path, "errors", count)]
    assert found == list(range(max(1500 - count, 0), 1500))
    even = [one["number"] for one in newest(tmp_path, "errors", count, lambda one: one["number"] % 2 == 0)]
    assert even == [number for number in range(1500) if number % 2 == 0][-count:]


def test_a_reader_gets_each_record_once_while_segments_roll_under_it(tmp_path: Path) -> None:
    journal, reader, found = (
        Journal(tmp_path, "errors", SegmentLimits(segment_bytes=1_000)),
        JournalReader(tmp_path, "errors"),
        [],
    )
    assert list(reader.read()) == []
    for number in range(500):
        assert journal.append(record(number=number))
        if number % 7 == 0:
            found += [one["number"] for one in reader.read()]
    found += [one["number"] for one in reader.read()]
    assert found == list(range(500))
    assert list(reader.read()) == []


def test_a_reader_may_begin_at_the_end_or_at_a_time(tmp_path: Path) -> None:
    journal = written(tmp_path, 100)
    reader = JournalReader(tmp_path, "errors")
    reader.skip()
    journal.append(b'{"time": "2026-06-01", "number": "new"}')
    assert [one["number"] for one in reader.read()] == ["new"]
    assert [one["number"] for one in JournalReader(tmp_path, "errors", since="2026-05-01").read()] == ["new"]


def test_a_record_that_was_taken_out_a_cut_segment_and_a_missing_one_are_told(tmp_path: Path) -> None:
    journal = written(tmp_path, 1500)
    while (tmp_path / "errors.jsonl").read_bytes().count(
        b"\n"
    ) < 10:  # how long lines are, the process id decides
        assert journal.append(record(number=0))
    assert prove(tmp_path, "errors").is_whole
    whole = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def told(change: Callable[[Path], object], name: str) -> str:
        for path, content in whole.items():
            path.write_bytes(content)
        change(tmp_path / name)
        return "; ".join(prove(tmp_path, "errors").missing)

    def take_out(path: Path) -> None:
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:5] + lines[6:]))

    def double(path: Path) -> None:
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join([*lines, lines[-1]]))

    assert "lacks 1 records" in told(take_out, "errors.jsonl")
    assert "bytes, and had" in told(take_out, "errors.000002.jsonl")
    assert "segments 2 to 2 are not there" in told(Path.unlink, "errors.000002.jsonl")
    assert " after " in told(double, "errors.jsonl")
    assert "is not a record" in told(
        lambda path: path.write_bytes(path.read_bytes() + b"?\n"), "errors.jsonl"
    )


def test_a_log_that_is_not_there_has_no_records(tmp_path: Path) -> None:
    assert newest(tmp_path / "nowhere", "errors", 5) == []
    assert prove(tmp_path / "nowhere", "errors").segments == 0
