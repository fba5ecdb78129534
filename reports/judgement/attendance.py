"""Workers that came and went during a run: whether the run is still the test that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.manifest import WorkerEvent
from reports.problem import Problem, ProblemCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reports.manifest import Manifest, WorkerChanged

_GONE = {WorkerEvent.VANISHED, WorkerEvent.LEFT}
_NEXT = (
    "See why it went, and run again; generator.missing_load_ratio says how much of the load may be missing."
)


def assess_attendance(manifest: Manifest) -> list[Problem]:
    """A problem where a worker went and more of the load was missing than the settings allow."""
    gone = [change for change in manifest.worker_changes if change.event in _GONE]
    if not gone or _is_tolerated(manifest):
        return []
    message = f"{_course(manifest)}; {_missing(manifest)}"
    return [Problem(ProblemCode.WORKER_LOST, message, _NEXT, gone[0].at.isoformat(timespec="seconds"))]


def attendance_notes(manifest: Manifest) -> Iterator[str]:
    """Notes that are no problems: workers that came, and workers that went where the settings allow it."""
    gone = any(change.event in _GONE for change in manifest.worker_changes)
    if gone and _is_tolerated(manifest):
        allowed = f"generator.missing_load_ratio allows {manifest.settings.generator.missing_load_ratio:.1%}"
        yield f"{_course(manifest)}; {_missing(manifest)}: {allowed}."
    elif manifest.worker_changes and not gone:
        yield f"{_course(manifest)}."


def _is_tolerated(manifest: Manifest) -> bool:
    allowed = manifest.settings.generator.missing_load_ratio
    return allowed > 0 and _missing_ratio(manifest) <= allowed


def _missing_ratio(manifest: Manifest) -> float:
    if not manifest.asked_user_s:
        return 0.0
    return min(manifest.missing_user_s / manifest.asked_user_s, 1.0)


def _missing(manifest: Manifest) -> str:
    vanished = {change.worker for change in manifest.worker_changes if change.event is WorkerEvent.VANISHED}
    returned = {change.worker for change in manifest.worker_changes if change.event is WorkerEvent.RETURNED}
    figures = " and what was measured there last" if vanished - returned else ""
    return f"{_missing_ratio(manifest):.1%} of the load was missing{figures}"


def _course(manifest: Manifest) -> str:
    course = ", ".join(_words(change) for change in manifest.worker_changes)
    return course[0].upper() + course[1:]


def _words(change: WorkerChanged) -> str:
    at = f"{change.at:%H:%M:%S}"
    match change.event:
        case WorkerEvent.VANISHED:
            return f"worker {change.worker} vanished with {change.users:,} users, last heard of at {at}"
        case WorkerEvent.LEFT:
            return f"worker {change.worker} left with {change.users:,} users at {at}"
        case _:
            return f"worker {change.worker} {change.event} at {at}"
