"""
A log that many processes of one host write at once: JSON lines in segments; each record is there once and whole.

A writer locks the current segment's file (``flock``), checks that the segment's path still leads to that file, and
writes a whole line with one ``write``. A writer that closes a segment locks the new file before it puts it at the path.
The system releases a lock when its process ends. So a killed writer leaves at most the beginning of a line, of a record
whose call never returned; the next writer cuts it off. Nothing is fsynced: records survive the end of every process,
but not a crash of the machine.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from typing import TYPE_CHECKING
from weakref import WeakSet

from monitoring.journal.current_segment import DEFAULT_LIMITS, CurrentSegment
from monitoring.journal.segments import current_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from monitoring.journal.current_segment import SegmentLimits

_SHORT_PATIENCE_S = 0.01
"""Patience after a timeout, until the lock is free again: a stopped process costs one long wait, not one per record."""
_COMPLAIN_EVERY_S = 3600.0

_log = logging.getLogger(__name__)


class Journal:
    """
    Writes records of one process to a log. Threads and greenlets share it; a forked child becomes another writer.

    Each *writer* has an id, and numbers its records: sequence 1, 2, 3 … A record that could not be written leaves a gap,
    and the next record that is written gives its size: ``lost_before``.

    Args:
        directory: Made with the first record.
        name: Of the log, in small letters: the current segment is ``<name>.jsonl``.
        limits: Of segments and patience.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        limits: SegmentLimits = DEFAULT_LIMITS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = current_path(directory, name)
        self._limits = limits
        self._segment = CurrentSegment(directory, name, limits, clock)
        self._begin_life()
        _journals.add(self)

    def _begin_life(self) -> None:
        """Become a new writer, with a new lock: after a fork, the old one may be held by a thread that the child lacks."""
        self._segment.abandon()
        self._lock = threading.Lock()
        self._patience_s = self._limits.patience_s
        self._turned_away: list[None] = []
        self._sequence = self._last_written = self._written = 0
        self._trouble = ""
        self._complained_s: float | None = None
        self._process = os.getpid()
        self.writer = f"{self._process}-{secrets.token_hex(4)}"

    @property
    def lost(self) -> int:
        """Records of this writer that could not be written."""
        return self._sequence + len(self._turned_away) - self._written

    def append(self, record: bytes) -> bool:
        """
        Write a record; returns whether it was written. Never raises OSError: a record that cannot be written is counted.

        Args:
            record: A JSON object that is not empty, in ASCII, without line breaks; process, writer and sequence are added.
        """
        if not self._lock.acquire(
            timeout=self._limits.patience_s
        ):  # held where a signal arrived during a write
            self._turned_away.append(None)
            return False
        try:
            written = self._append(record)
        finally:
            self._lock.release()
        if self._trouble:
            self._complain()
        return written

    def _complain(self) -> None:
        now_s = time.monotonic()
        if self._complained_s is None or now_s - self._complained_s >= _COMPLAIN_EVERY_S:
            self._complained_s = now_s
            _log.warning("%s: %s; lost records are counted", self._path, self._trouble)

    def _append(self, record: bytes) -> bool:
        away = len(self._turned_away)
        del self._turned_away[:away]
        self._sequence += 1 + away
        self._trouble = ""
        try:
            try:
                self._segment.lock(time.monotonic() + self._patience_s)
                self._patience_s = self._limits.patience_s
                self._segment.write(self._line(record))
            finally:
                self._segment.unlock()
        except TimeoutError as error:
            self._patience_s = min(_SHORT_PATIENCE_S, self._limits.patience_s)
            self._trouble = str(error.strerror)
            return False
        except OSError as error:
            self._trouble = f"cannot be written: {error.strerror or type(error).__name__}"
            return False
        self._trouble = self._segment.roll_failed
        self._last_written = self._sequence
        self._written += 1
        return True

    def _line(self, record: bytes) -> bytes:
        lost = self._sequence - self._last_written - 1
        return b'%b, "process": %d, "writer": "%b", "sequence": %d%b}\n' % (
            record[:-1],
            self._process,
            self.writer.encode(),
            self._sequence,
            b', "lost_before": %d' % lost if lost else b"",
        )


_journals: WeakSet[Journal] = WeakSet()


def _begin_lives() -> None:
    for journal in list(_journals):
        journal._begin_life()  # noqa: SLF001 - of the same file


os.register_at_fork(after_in_child=_begin_lives)
