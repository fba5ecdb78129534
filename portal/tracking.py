"""What the tracker records of a request: how long it took; of a refusal or failure, also why and in which step."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import asyncpg

from monitoring.journal.tracker import API, DATABASE, LLM
from portal.database import DatabaseGoneError
from portal.metrics import UNMATCHED
from portal.model import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from fastapi import Request

    from monitoring.journal.tracker import Tracker
    from portal.timing import Timings

_NOT_TIMED = ("/api/health", "/metrics")
_DATABASE_ERRORS = (DatabaseGoneError, asyncpg.PostgresError, asyncpg.InterfaceError)


def note_house(request: Request, tenant_id: UUID, development_id: UUID, house_id: UUID) -> None:
    """Note the request's tenant, development and house, for its records."""
    request.state.ids = {"tenant_id": tenant_id, "development_id": development_id, "house_id": house_id}


def note_error(request: Request, error: Exception) -> None:
    """Note the error that ends the request, for its records."""
    request.state.error = error


def track(  # noqa: PLR0913 - what is known of an answer
    tracker: Tracker,
    state: Mapping[str, Any],
    timings: Timings,
    *,
    route: str,
    method: str,
    status: int,
) -> None:
    """
    Write the records of a request that is about to be answered.

    Args:
        tracker: Where to.
        state: The request's own, with what was noted.
        timings: Of the request.
        route: Its template; paths carry QR tokens.
        method: Its method.
        status: Of the answer.
    """
    context = _context(state, method, status)
    if route != UNMATCHED and not route.startswith(_NOT_TIMED):
        tracker.log_performance(route, timings.elapsed_ms, timings.steps_ms, **context)
    if status >= HTTPStatus.BAD_REQUEST:
        error = state.get("error") or _phrase(status)
        tracker.log_error(_kind(error), route, error, {"step": timings.failed_step, **context})


def track_failure(request: Request, error: Exception) -> None:
    """Write the record of an error under status 200, which `track` cannot know of: the answer had begun."""
    tracker: Tracker = request.app.state.tracker
    context = _context(request.scope["state"], request.method, HTTPStatus.OK)
    route = getattr(request.scope.get("route"), "path", UNMATCHED)
    tracker.log_error(_kind(error), route, error, {"step": "stream", **context})


def _context(state: Mapping[str, Any], method: str, status: int) -> dict[str, object]:
    context = {"method": method, "status": int(status), **state.get("ids", {})}
    return context | {"trace_id": state["trace_id"]} if state.get("trace_id") else context


def _kind(error: object) -> str:
    if isinstance(error, ModelError):
        return LLM
    return DATABASE if isinstance(error, _DATABASE_ERRORS) else API


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"status {status}"
