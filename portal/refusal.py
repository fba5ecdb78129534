"""Requests the portal does not grant: a status and why, as JSON in the contract's own way."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import Request
from fastapi.responses import JSONResponse

from portal.tracking import note_error

if TYPE_CHECKING:
    from fastapi import FastAPI

_log = logging.getLogger(__name__)

CLIENT_GONE = 499
"""Status counted when the client left before there was an answer; no client receives it."""


class Refusal(Exception):  # noqa: N818 - an answer, not a mistake
    """
    Ends a request.

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


ErrorAnswer = Callable[[Request, int, str, Mapping[str, str] | None], JSONResponse]
"""A contract's way to say an error: of a request the status, the words, and headers of the answer."""


def plain_error(_: Request, status: int, words: str, headers: Mapping[str, str] | None) -> JSONResponse:
    """``{"error": …}``."""
    return JSONResponse({"error": words}, status_code=status, headers=headers)


def add_error_answers(
    app: FastAPI, say: ErrorAnswer, answers: Mapping[type[Exception], tuple[int, str]]
) -> None:
    """
    Have exceptions of *app* answered as its contract says errors.

    Args:
        app: Its refusals are answered, too.
        say: The contract's way.
        answers: Exception → status and words.
    """

    async def answer_refusal(request: Request, refusal: Exception) -> JSONResponse:
        assert isinstance(refusal, Refusal)
        note_error(request, refusal)
        return say(request, refusal.status, refusal.error, refusal.headers)

    async def answer_error(request: Request, error: Exception) -> JSONResponse:
        note_error(request, error)
        status, words = next(answers[kind] for kind in type(error).__mro__ if kind in answers)
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            _log.error("%s: %s", words, error)
        return say(request, status, words, None)

    app.add_exception_handler(Refusal, answer_refusal)
    for kind in answers:
        app.add_exception_handler(kind, answer_error)
