"""Which workers took part in a run, and how much load was missing while some were gone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reports.manifest import WorkerEvent

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class WorkerChange:
    """A worker came or went."""

    worker: str
    event: WorkerEvent
    users: int
    """Users that the worker had when it went."""


@dataclass(frozen=True, slots=True)
class Noted:
    """A change and its time; for a worker that went, the time of its last report."""

    change: WorkerChange
    at: datetime


@dataclass(slots=True)
class Attendance:
    """
    The workers of one run.

    Args:
        replaced: Whether other workers' users can make up for missing ones. With planned starts they cannot.
    """

    replaced: bool
    noted: list[Noted] = field(default_factory=list)
    asked_user_s: float = 0.0
    """User-seconds that the run should have had."""
    missing_user_s: float = 0.0
    """User-seconds that were missing because a worker was gone."""
    _absent: dict[str, int] = field(default_factory=dict)

    def note(self, change: WorkerChange, now: datetime, heard_at: datetime) -> None:
        """Note that a worker came or went; *heard_at* is the time of its last report."""
        if change.event in {WorkerEvent.JOINED, WorkerEvent.RETURNED}:
            self.noted.append(Noted(change, now))
            self._absent.pop(change.worker, None)
        else:
            self.noted.append(Noted(change, heard_at))
            self._absent[change.worker] = change.users
            self.missing_user_s += change.users * (now - heard_at).total_seconds()

    def tick(self, seconds: float, wanted: int, present: int) -> None:
        """Add the user-seconds of the last *seconds*, with *present* of *wanted* users there."""
        self.asked_user_s += wanted * seconds
        if self.replaced and present >= wanted:
            self._absent.clear()  # other workers have these users now; users missing later have another cause
        absent = sum(self._absent.values())
        missing = min(absent, max(wanted - present, 0)) if self.replaced else absent
        self.missing_user_s += missing * seconds
