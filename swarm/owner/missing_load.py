"""Which workers took part in a run, and how much of the load was missing with those that did not."""

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
    """That it had when it went."""


@dataclass(frozen=True, slots=True)
class Noted:
    """A change, and when: for one that went, when it was last heard of."""

    change: WorkerChange
    at: datetime


@dataclass(slots=True)
class Attendance:
    """
    The workers of one run.

    Args:
        replaced: Whether other workers' users may make up for those that are gone. Planned starts are not dealt anew.
    """

    replaced: bool
    noted: list[Noted] = field(default_factory=list)
    asked_user_s: float = 0.0
    """Users that there should have been times seconds."""
    missing_user_s: float = 0.0
    """Of these, what was missing because a worker was gone."""
    _absent: dict[str, int] = field(default_factory=dict)

    def note(self, change: WorkerChange, now: datetime, heard_at: datetime) -> None:
        """A worker came or went; *heard_at*: its last report."""
        if change.event in {WorkerEvent.JOINED, WorkerEvent.RETURNED}:
            self.noted.append(Noted(change, now))
            self._absent.pop(change.worker, None)
        else:
            self.noted.append(Noted(change, heard_at))
            self._absent[change.worker] = change.users
            self.missing_user_s += change.users * (now - heard_at).total_seconds()

    def tick(self, seconds: float, wanted: int, present: int) -> None:
        """So many seconds went by, with so many users."""
        self.asked_user_s += wanted * seconds
        if self.replaced and present >= wanted:
            self._absent.clear()  # other workers have these users now; a user missing later has another reason
        absent = sum(self._absent.values())
        missing = min(absent, max(wanted - present, 0)) if self.replaced else absent
        self.missing_user_s += missing * seconds
