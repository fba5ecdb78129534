"""Requests the portal does not grant: a status and one word on why, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.responses import JSONResponse

from portal.tracking import note_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request

CLIENT_GONE = 499
"""Status counted when the client left before there was an answer; no client receives it."""


class Refusal(Exception):  # noqa: N818 - an answer, not a mistake
    """
    Ends a request with ``{"error": …}``.

    Args:
        status: HTTP status of the answer.
        error: What the client reads; never holds what the client sent.
        headers: Added to the answer.
    """

    def __init__(self, status: int, error: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.headers = headers


async def answer_refusal(request: Request, refusal: Exception) -> JSONResponse:
    """The handler FastAPI calls for a Refusal."""
    assert isinstance(refusal, Refusal)
    note_error(request, refusal)
    return JSONResponse({"error": refusal.error}, status_code=refusal.status, headers=refusal.headers)
