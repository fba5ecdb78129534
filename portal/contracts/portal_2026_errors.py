"""``portal-2026``: how it says errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fastapi.responses import JSONResponse

from portal.timing import now_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request

_CODES = {
    400: "INVALID_REQUEST",
    404: "NOT_FOUND",
    413: "MESSAGE_TOO_LONG",
    429: "RATE_LIMITED",
    503: "SERVICE_UNAVAILABLE",
}
_RETRYABLE = {429, 500, 503}


def say_error(request: Request, status: int, words: str, headers: Mapping[str, str] | None) -> JSONResponse:
    """An error with its code, and the id of the request."""
    request_id = request_id_of(request)
    body: dict[str, Any] = {
        "error": words,
        "error_code": _CODES.get(status, "SERVER_ERROR"),
        "request_id": request_id,
        "timestamp": now_of(request).isoformat(timespec="milliseconds"),
    }
    if status in _RETRYABLE:
        body["retryable"] = True
    return JSONResponse(body, status_code=status, headers={**(headers or {}), "x-request-id": request_id})


def request_id_of(request: Request) -> str:
    """Made once per request."""
    if not hasattr(request.state, "request_id"):
        request.state.request_id = f"req_{uuid4().hex[:16]}"
    found: str = request.state.request_id
    return found
