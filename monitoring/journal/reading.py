"""
Reads a log while others write it: all of it, the newest records, or what is new since the last time.

A line without an end is not read: it is still being written, or a killed writer left it torn.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from conf.input_file import open_file, whole_lines
from monitoring.journal.segments import (
    HEADER_KIND,
    LONGEST_HEADER,
    Header,
    closed_path,
    closed_segments,
    current_path,
    timestamp,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Record = dict[str, Any]
"""One line of a log; ``time`` is UTC and sorts as text."""

LONGEST_LINE = 1 << 20
"""Bytes. The tracker's own records are much shorter: a longer line is not one of them."""
_BLOCK_BYTES = 65_536
_LARGEST = 2**63
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Segment:
    """
    A segment at the time it was read; since then it may have been closed, or removed for its age.

    Args:
        number: Its place in the log.
        header: Its first line; None where that is not one.
        size: Bytes.
        changed: When it was last written, in seconds since the epoch.
    """

    number: int
    header: Header | None
    size: int
    changed: float
    path: Path
    closed_path: Path
    """Path of the segment after it has been closed."""
    inode: int

    def open(self) -> BinaryIO | None:
        """The file at its current path; None once it has been removed."""
        for path in (self.path, self.closed_path):
            try:
                file = open_file(path)
            except OSError:
                continue
            if os.fstat(file.fileno()).st_ino == self.inode:
                return file
            file.close()
        return None

    def lines(self, offset: int = 0) -> Iterator[tuple[bytes, int]]:
        """Its whole lines from *offset* on, each with the offset of the next line; a line that is too long is empty."""
        file = self.open()
        if file is None:
            return
        with file:
            file.seek(offset)
            for line, length in whole_lines(file, LONGEST_LINE):
                offset += length
                yield line, offset

    def lines_backwards(self) -> Iterator[bytes]:
        """Its whole lines, the last one first; a line that is too long is left out."""
        file = self.open()
        if file is None:
            return
        with file:
            end, is_last, is_too_long = self.size, True, False
            later: list[bytes] = []
            while end:
                start = max(end - _BLOCK_BYTES, 0)
                file.seek(start)
                first, *lines = file.read(end - start).split(b"\n")
                end = start
                if lines:
                    last = b"".join([lines.pop(), *later])
                    if not is_last and not is_too_long:
                        yield last
                    is_last = is_too_long = False  # the text behind the last line's end is empty, or torn
                    yield from reversed(lines)
                    later = []
                later = [] if is_too_long else [first, *later]
                is_too_long = is_too_long or len(later) * _BLOCK_BYTES > LONGEST_LINE
            if not is_last and not is_too_long:
                yield b"".join(later)

    def is_before(self, since: str) -> bool:
        """Whether all its records are older than *since*."""
        return timestamp(self.changed) < since


def segments(directory: Path, name: str) -> list[Segment]:
    """All segments of a log, oldest first; none where there is no log."""
    current = _look(current_path(directory, name), directory, name, None)
    closed = closed_segments(directory, name)
    if current is None:
        numbered = closed
    else:  # meanwhile the segment may be closed and others begun; those are left to the next call
        numbered = [(number, path) for number, path in closed if number < current.number]
    found = (_look(path, directory, name, number) for number, path in numbered)
    return [*(segment for segment in found if segment), *([current] if current else [])]


def _look(path: Path, directory: Path, name: str, number: int | None) -> Segment | None:
    try:
        with open_file(path) as file:
            header = Header.parse(file.readline(LONGEST_HEADER))
            found = os.fstat(file.fileno())
    except OSError:
        return None
    if number is None:
        closed = closed_segments(directory, name)
        number = header.number if header else (closed[-1][0] + 1 if closed else 1)
    return Segment(
        number,
        header,
        found.st_size,
        found.st_mtime,
        path,
        closed_path(directory, name, number),
        found.st_ino,
    )


def parse_record(line: bytes) -> Record | None:
    """
    A line's record; None where it is a header, or damaged.

    The tracker writes texts and finite numbers, and under ``steps_ms``, ``stack`` and ``context`` one level of them. A
    line with anything else counts as damaged: it must not break the reader.
    """
    try:
        record = json.loads(line)
        if _SURROGATE.search(line):  # a lone surrogate, which no page and no terminal can show
            record = json.loads(json.dumps(record, ensure_ascii=False).encode("utf-8", errors="replace"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or record.get("kind") == HEADER_KIND:
        return None
    for name, value in record.items():
        if type(value) is str:  # most values are; this saves time on a day's records
            if name in _NO_TEXTS:
                return None
        elif not _FIELDS.get(name, _is_other)(value):
            return None
    return record


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return type(value) in _NUMBERS and -_LARGEST < value < _LARGEST  # type: ignore[operator]  # NaN is not between


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < _LARGEST


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | bool) or _is_number(value)


def _is_other(value: object) -> bool:
    return all(map(_is_plain, value)) if isinstance(value, list) else _is_plain(value)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _are_numbers(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_number, value.values()))


def _are_plain(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_plain, value.values()))


_FIELDS: dict[str, Callable[[object], bool]] = {
    **dict.fromkeys(("time", "kind", "route"), _is_text),
    **dict.fromkeys(("sequence", "lost_before", "left_out"), _is_count),
    **dict.fromkeys(("context", "by_kind"), _are_plain),
    "total_ms": _is_number,
    "steps_ms": _are_numbers,
    "stack": _are_texts,
}
"""Field → the check of its value. Any other field is a text, a number, true or false, null, or a list of these."""
_NO_TEXTS = {name for name, is_whole in _FIELDS.items() if is_whole is not _is_text}
_NUMBERS = {int, float}


def newest(
    directory: Path,
    name: str,
    count: int,
    accepts: Callable[[Record], bool] = lambda _: True,
    since: str = "",
) -> list[Record]:
    """
    The newest records, oldest first. The log is read from its end, and no further than needed.

    Args:
        directory: Of the log.
        name: ``errors`` or ``performance``.
        count: The most that are returned.
        accepts: Chooses the records.
        since: Segments with only older records are not read; *accepts* judges the time of each record.
    """
    found: list[Record] = []
    for segment in reversed(segments(directory, name)):
        if segment.is_before(since):
            break
        for line in segment.lines_backwards():
            if len(found) == count:
                return found[::-1]
            record = parse_record(line)
            if record is not None and accepts(record):
                found.append(record)
    return found[::-1]


class JournalReader:
    """
    Reads a log once, and each time after that what is new.

    Args:
        directory: Of the log; need not exist yet.
        name: ``errors`` or ``performance``.
        since: Leaves out earlier records, and segments that hold only such; spelled as in records.
    """

    def __init__(self, directory: Path, name: str, since: str = "") -> None:
        self._directory, self._name, self._since = directory, name, since
        self._number = self._offset = 0

    def read(self) -> Iterator[Record]:
        """The records since the last call. A call that was not read to its end is continued by the next."""
        found = segments(self._directory, self._name)
        if found and found[-1].number < self._number:  # the log has been removed
            self._number = self._offset = 0
        for segment in found:
            if segment.number < self._number or segment.is_before(self._since):
                continue
            is_new = segment.number > self._number or segment.size < self._offset
            self._number, self._offset = segment.number, 0 if is_new else self._offset
            for line, offset in segment.lines(self._offset):
                self._offset = offset
                record = parse_record(line)
                if record is not None and record.get("time", "") >= self._since:
                    yield record

    def skip(self) -> None:
        """Treat all records up to now as read."""
        found = segments(self._directory, self._name)
        if found:
            self._number = found[-1].number
            self._offset = max((offset for _, offset in found[-1].lines()), default=0)
