"""Writes failed requests as records of the tracker; at a high rate, some of them and the number of the rest."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from conf.operations import Outcome
from monitoring.journal.tracker import LOAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitoring.journal.tracker import Tracker
    from swarm.failure import RequestFailed

_log = logging.getLogger(__name__)


class FailureLog:
    """
    Writes a limited number of failures per second. Records and the numbers left out add up to all failures.

    The first unexpected exception of each kind is always written with its stack, and named in Locust's log.

    Args:
        tracker: Writes the records.
        per_second: Most records in a second.
        index: Number of this load-generating process in the run.
        clock: In seconds.
    """

    def __init__(
        self, tracker: Tracker, per_second: int, index: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tracker = tracker
        self._per_second = per_second
        self._index = index
        self._clock = clock
        self._second = 0
        self._written = 0
        self._left_out = 0
        self._known: set[str] = set()

    def add(self, operation: str, failed: RequestFailed, trace_id: str | None = None) -> None:
        """Write a failure, or count it; *trace_id* is that of the portal's own records."""
        is_new = failed.outcome is Outcome.UNEXPECTED and self.note_unexpected(failed, operation)
        second = int(self._clock())
        if second != self._second:
            self._second, self._written = second, 0
        if self._written >= self._per_second and not is_new:
            self._left_out += 1
            return
        self._written += 1
        # The stack of a failure only shows the suite's own code. The stack of the exception that caused it shows the
        # cause.
        self._write(
            operation,
            failed.__cause__ or failed.detail or failed.message,
            outcome=failed.outcome,
            trace_id=trace_id,
        )

    def note_unexpected(self, failed: RequestFailed, operation: str) -> bool:
        """Whether an exception is the first of its kind; if so, write a line about it to Locust's log."""
        if failed.message in self._known:
            return False
        self._known.add(failed.message)
        _log.error(
            "%s: unexpected %s; its stack is in errors.jsonl, further ones are only counted",
            operation,
            failed.message,
        )
        return True

    def finish(self) -> None:
        """At the end of the run, write how many failures were left out since the last record."""
        if self._left_out:
            self._write("", "the last failures were left out")

    def _write(self, operation: str, told: object, **context: object) -> None:
        left_out, self._left_out = self._left_out or None, 0
        context |= {"generator": self._index, "left_out": left_out}
        self._tracker.log_error(LOAD, operation, told, context)
