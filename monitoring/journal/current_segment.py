"""The newest file of a log, written under its lock; it is closed in time, and old files are removed."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitoring.journal.descriptor import cut_torn_line, lock_file, write_whole
from monitoring.journal.segments import LONGEST_HEADER, Header, closed_path, closed_segments, current_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_HOUR_S = 3600
_MODE = 0o640
_CANNOT_CLOSE = "the segment cannot be closed: {}"


@dataclass(frozen=True, slots=True)
class SegmentLimits:
    """
    When a segment is closed and removed, and how long a write waits.

    Args:
        segment_bytes: Largest size. A segment is closed before a record that does not fit, and when its hour is over.
        keep_s: A closed segment is removed when its last record is older.
        patience_s: How long a write waits for the lock of another process; after that its record is lost.
    """

    segment_bytes: int = 16_000_000
    keep_s: float = 7 * 24 * _HOUR_S
    patience_s: float = 2.0


DEFAULT_LIMITS = SegmentLimits()


class CurrentSegment:
    """
    The file that a log's path leads to. Lock it, write to it, unlock it.

    Args:
        directory: Made when it is needed.
        name: Of the log.
        limits: Of segments.
        clock: Seconds since the epoch.
    """

    def __init__(self, directory: Path, name: str, limits: SegmentLimits, clock: Callable[[], float]) -> None:
        self._directory, self._name = directory, name
        self._path = current_path(directory, name)
        self._limits = limits
        self._clock = clock
        self._fd: int | None = None
        self._file = (0, 0)
        self._header: Header | None = None
        self._size = 0
        self.roll_failed = ""
        """Why the segment could not be closed at the last write; records are still written to it."""

    def __del__(self) -> None:
        with suppress(OSError):
            self.abandon()

    def lock(self, deadline_s: float) -> None:
        """
        Lock the file that the path leads to; another process may have replaced it a moment ago.

        Raises:
            TimeoutError: Another process held it until *deadline_s* on the monotonic clock.
            OSError: The file cannot be opened.
        """
        while True:
            if self._fd is None:
                self._open()
            lock_file(self._descriptor, deadline_s)
            try:
                found = os.stat(self._path)  # noqa: PTH116 - a third of the cost of Path.stat
                if (found.st_dev, found.st_ino) == self._file:
                    self._size = found.st_size
                    return
            except FileNotFoundError:
                pass
            self._close()

    def write(self, line: bytes) -> None:
        """
        Write a whole line, or nothing, to a segment that has room for it. The file must be locked.

        Raises:
            OSError: It cannot be written.
        """
        self.roll_failed = ""
        self._make_ready()
        if self._is_over(self._size + len(line)):
            self._roll()
        write_whole(self._descriptor, line, self._size)

    def unlock(self) -> None:
        """Release the lock: other processes may write."""
        if self._fd is not None:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def abandon(self) -> None:
        """In a forked child: close the parent's file without an unlock; an open copy would keep the parent's lock."""
        if self._fd is not None:
            os.close(self._fd)
        self._fd = None

    @property
    def _descriptor(self) -> int:
        assert self._fd is not None
        return self._fd

    def _make_ready(self) -> None:
        """Make sure that the file begins with a header and ends with a whole line."""
        self._size = cut_torn_line(self._descriptor, self._size)
        if not self._size:
            self._header = Header(self._next_number(), self._clock())
            line = self._header.line()
            write_whole(self._descriptor, line, 0)
            self._size = len(line)
            self._remove_old()
        elif self._header is None:
            line, _, _ = os.pread(self._descriptor, LONGEST_HEADER, 0).partition(b"\n")
            self._header = Header.parse(line) or Header(self._next_number(), self._clock())
            self._remove_old()

    def _next_number(self) -> int:
        """Number of the segment after the closed ones."""
        closed = closed_segments(self._directory, self._name)
        return closed[-1][0] + 1 if closed else 1

    def _is_over(self, size: int) -> bool:
        assert self._header is not None
        hours = int(self._header.began // _HOUR_S), int(self._clock() // _HOUR_S)
        return hours[0] != hours[1] or size > self._limits.segment_bytes

    def _roll(self) -> None:
        """Close the segment and begin the next. Where that fails, records are still written to the old one."""
        assert self._header is not None
        closed = closed_path(self._directory, self._name, self._header.number)
        try:
            if not self._is_same(closed):  # it is where a process was killed between link and rename
                os.link(self._path, closed)
        except OSError:
            self._roll_without_link(max(self._header.number, self._next_number()))
            return
        try:
            self._replace(Header(self._header.number + 1, self._clock(), self._size))
        except OSError as error:
            self.roll_failed = _CANNOT_CLOSE.format(error.strerror)

    def _replace(self, header: Header) -> None:
        """Put a fresh file at the path; it is locked before any other process can open it."""
        fresh, fd = self._directory / f".{self._name}.{secrets.token_hex(8)}.tmp", None
        try:
            fd = os.open(fresh, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, _MODE)
            fcntl.flock(fd, fcntl.LOCK_EX)
            write_whole(fd, header.line(), 0)
            os.replace(fresh, self._path)  # noqa: PTH105 - like os.link above
            self._close()
            self._fd, self._file, self._header = fd, _identity(fd), header
        finally:
            if fd is not None and self._fd != fd:
                os.close(fd)
                with suppress(OSError):
                    fresh.unlink()
        self._size = len(header.line())
        self._remove_old()

    def _roll_without_link(self, number: int) -> None:
        """
        As `_roll`, where the file system has no hard links or the segment's name is taken. For a moment there is no file at
        the path; the first process to write begins the next segment.
        """
        try:
            self._path.rename(closed_path(self._directory, self._name, number))
        except OSError as error:
            self.roll_failed = _CANNOT_CLOSE.format(error.strerror)
            return
        self._close()
        self.lock(time.monotonic() + self._limits.patience_s)
        self._make_ready()

    def _open(self) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        try:
            self._fd = os.open(self._path, flags, _MODE)
        except FileNotFoundError:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self._path, flags, _MODE)
        if not stat.S_ISREG(os.fstat(self._fd).st_mode):  # a pipe without a reader would block the writer
            self.abandon()
            raise OSError(errno.EINVAL, "is not a regular file")
        self._file, self._header = _identity(self._fd), None

    def _close(self) -> None:
        """Unlock, which also unlocks a copy of the descriptor in a child that is being forked; then close."""
        fd, self._fd = self._descriptor, None
        fcntl.flock(fd, fcntl.LOCK_UN)
        os.close(fd)

    def _is_same(self, closed: Path) -> bool:
        try:
            found = closed.stat()
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) == self._file

    def _remove_old(self) -> None:
        """Remove closed segments that are too old, the oldest first: no number between others is missing. Needs the lock."""
        for left in self._directory.glob(f".{self._name}.*.tmp"):  # left by a process that was killed
            with suppress(OSError):
                left.unlink()
        oldest_s = self._clock() - self._limits.keep_s
        for _, path in closed_segments(self._directory, self._name):
            try:
                if path.stat().st_mtime >= oldest_s or self._is_same(path):
                    return
                path.unlink()
            except OSError:
                return  # the next roll tries again


def _identity(fd: int) -> tuple[int, int]:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino
