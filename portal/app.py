"""The portal, assembled: routes, refusals, and the observer around them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from portal import chat, documents, health, metrics, onboarding
from portal.database import DatabaseGoneError
from portal.observing import Observed
from portal.refusal import CLIENT_GONE, Refusal, answer_refusal

if TYPE_CHECKING:
    from portal.services import Services

_log = logging.getLogger(__name__)


def build_app(services: Services) -> Observed:
    """The application that speaks the ``phase17`` contract."""
    app = FastAPI(title="OpenHouse AI reference portal", openapi_url=None)
    app.state.services = services
    for room in (chat, documents, onboarding, health, metrics):
        app.include_router(room.router)
    app.add_exception_handler(Refusal, answer_refusal)
    app.add_exception_handler(DatabaseGoneError, _answer_unavailable)
    app.add_exception_handler(ClientDisconnect, _answer_nobody)
    return Observed(app, services.metrics)


async def _answer_unavailable(_: Request, error: Exception) -> JSONResponse:
    _log.error("the database is gone: %s", error)
    return JSONResponse({"error": "The database is not available"}, status_code=503)


async def _answer_nobody(_: Request, __: Exception) -> Response:
    """The client left before its request was read; answered all the same, so that it is counted."""
    return Response(status_code=CLIENT_GONE)
