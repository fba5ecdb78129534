"""
The last 24 hours of a host's logs, in stretches of ten minutes: chats and how long they took, onboardings, errors.

For pages that are requested often: a log is read once, and after that only its new records. The memory is bounded for
logs of any length.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from monitoring.journal.reading import JournalReader, newest
from monitoring.journal.segments import parse_moment, timestamp
from monitoring.journal.tracker import ERRORS, PERFORMANCE
from monitoring.measurement import HIGHEST_US, new_histogram

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hdrh.histogram import HdrHistogram

    from monitoring.journal.reading import Record

STRETCH_S = 600
STRETCHES = 144
"""Stretches of a day. The current one is among them, so between 23 h 50 min and 24 hours are shown."""
MOST_ERRORS = 100


class Routes(NamedTuple):
    """Routes as performance records spell them."""

    chat: str
    onboarding: str
    """Route of the last request of an onboarding."""


class Stretch(NamedTuple):
    """
    Ten minutes.

    Args:
        began_s: In seconds since the epoch.
        chats: Requests, failed ones included.
        onboardings: Successful ones.
        errors: Errors of all kinds, with the failures that the load left out of its log.
        p50_ms: Median of the chats that succeeded; None where there was none.
    """

    began_s: int
    chats: int = 0
    onboardings: int = 0
    errors: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """
    The last 24 hours.

    Args:
        stretches: All stretches, empty ones too; oldest first.
        requests: Number on all timed routes.
        chats: Sum of all stretches; see `Stretch`.
        errors: Number by kind, the most frequent first.
        newest_errors: Newest first, of any age.
        any_log: Whether at least one of the logs exists.
    """

    stretches: tuple[Stretch, ...]
    requests: int
    chats: int
    onboardings: int
    p50_ms: float | None
    p95_ms: float | None
    errors: Mapping[str, int]
    newest_errors: tuple[Record, ...]
    any_log: bool


@dataclass(slots=True)
class _Tally:
    """Counts of a stretch."""

    requests: int = 0
    chats: int = 0
    onboardings: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    answered: HdrHistogram | None = None
    """Microseconds of the chats that succeeded."""
    shown: Stretch | None = None
    """Kept until a record is added: a percentile takes a millisecond to find."""

    def at(self, began_s: int) -> Stretch:
        if self.shown is None or self.shown.began_s != began_s:
            self.shown = Stretch(
                began_s, self.chats, self.onboardings, self.errors.total(), *_percentiles(self.answered)
            )
        return self.shown


_NOTHING = _Tally()


class DayTally:
    """Adds up the records of the last 24 hours; leaves out all others, and damaged ones."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self._stretches: dict[int, _Tally] = {}
        self._last = 0

    def move_to(self, now_s: float) -> None:
        """Set the time to *now_s*, and drop what has become too old."""
        self._last = int(now_s // STRETCH_S)
        for number in [one for one in self._stretches if one <= self._last - STRETCHES]:
            del self._stretches[number]

    def add_error(self, record: Record) -> None:
        """Count an error, and the failures that were left out before it."""
        tally = self._tally_of(record)
        left_out = record.get("left_out", 0)
        if tally is not None:
            tally.errors[str(record.get("kind"))] += 1 + (left_out if isinstance(left_out, int) else 0)

    def add_performance(self, record: Record) -> None:
        """Count a request."""
        tally = self._tally_of(record)
        if tally is None:
            return
        status, route = record.get("status"), record.get("route")
        succeeded = not isinstance(status, int) or status < HTTPStatus.BAD_REQUEST
        tally.requests += 1
        if route == self._routes.onboarding:
            tally.onboardings += succeeded
        elif route == self._routes.chat:
            tally.chats += 1
            took_ms = record.get("total_ms")
            if succeeded and isinstance(took_ms, int | float):
                tally.answered = tally.answered or new_histogram()
                tally.answered.record_value(min(max(round(took_ms * 1000), 1), HIGHEST_US))

    def day(self, newest_errors: tuple[Record, ...] = (), *, any_log: bool = True) -> Day:
        """The day up to the time that `move_to` set last."""
        tallies = self._stretches.values()
        answered, errors = new_histogram(), Counter[str]()
        for tally in tallies:
            errors.update(tally.errors)
            if tally.answered is not None:
                answered.add(tally.answered)
        p50_ms, p95_ms = _percentiles(answered)
        numbers = range(self._last - STRETCHES + 1, self._last + 1)
        return Day(
            stretches=tuple(
                self._stretches.get(number, _NOTHING).at(number * STRETCH_S) for number in numbers
            ),
            requests=sum(tally.requests for tally in tallies),
            chats=sum(tally.chats for tally in tallies),
            onboardings=sum(tally.onboardings for tally in tallies),
            p50_ms=p50_ms,
            p95_ms=p95_ms,
            errors=dict(errors.most_common()),
            newest_errors=newest_errors,
            any_log=any_log,
        )

    def _tally_of(self, record: Record) -> _Tally | None:
        at_s = parse_moment(record.get("time"))
        if at_s is None:
            return None
        number = int(at_s // STRETCH_S)
        if not self._last - STRETCHES < number <= self._last:
            return None
        tally = self._stretches.setdefault(number, _Tally())
        tally.shown = None
        return tally


class LastDay:
    """
    Keeps the last 24 hours of two logs up to date.

    Args:
        log_dir: Directory of the logs; need not exist yet.
        routes: Routes with counts of their own.
        clock: Seconds since the epoch.
    """

    def __init__(self, log_dir: Path, routes: Routes, clock: Callable[[], float] = time.time) -> None:
        self._log_dir = log_dir
        self._clock = clock
        self._tally = DayTally(routes)
        since = timestamp(clock() - STRETCHES * STRETCH_S)
        self._errors = JournalReader(log_dir, ERRORS, since)
        self._performance = JournalReader(log_dir, PERFORMANCE, since)

    def read(self) -> Day:
        """The last 24 hours until now. The first call reads a day's records, at some 15 µs each."""
        self._tally.move_to(self._clock())
        for record in self._performance.read():
            self._tally.add_performance(record)
        for record in self._errors.read():
            self._tally.add_error(record)
        latest = tuple(reversed(newest(self._log_dir, ERRORS, MOST_ERRORS)))
        return self._tally.day(latest, any_log=bool(latest) or self._has_performance())

    def _has_performance(self) -> bool:
        return bool(newest(self._log_dir, PERFORMANCE, 1))


def _percentiles(answered: HdrHistogram | None) -> tuple[float | None, float | None]:
    """p50 and p95, in milliseconds."""
    if answered is None or not answered.get_total_count():
        return None, None
    p50_ms, p95_ms = (answered.get_value_at_percentile(percent) / 1000 for percent in (50, 95))
    return p50_ms, p95_ms
