"""The portal, assembled: routes, refusals, and the observer around them."""

from __future__ import annotations

import logging
from dataclasses import fields
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from portal import metrics
from portal.database import DatabaseGoneError
from portal.limits import LimitedBodies
from portal.model import ModelError, ModelRefusedError
from portal.observing import Observed
from portal.refusal import CLIENT_GONE, Refusal, answer_refusal
from portal.tracking import note_error

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig

    from portal.contracts.spoken import SpokenContract
    from portal.services import Services

_log = logging.getLogger(__name__)
_NONE_OF_ITS_OWN: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "auto_configure": False,
}
"""FastAPI's spans hold the paths, which hold QR tokens; the portal's own are made by `Observed`."""


def build_app(services: Services, contract: SpokenContract) -> Observed:
    """The application that speaks *contract*."""
    app = FastAPI(title="OpenHouse AI reference portal", openapi_url=None, telemetry=_NONE_OF_ITS_OWN)
    for part in fields(services):
        setattr(app.state, part.name, getattr(services, part.name))
    for router in (*contract.routers, metrics.router):
        app.include_router(router)
    app.add_exception_handler(Refusal, answer_refusal)
    app.add_exception_handler(DatabaseGoneError, _answer_unavailable)
    app.add_exception_handler(ModelError, _answer_bad_gateway)
    app.add_exception_handler(ModelRefusedError, _answer_too_many)
    app.add_exception_handler(ClientDisconnect, _answer_nobody)
    app.add_exception_handler(Exception, _answer_failure)
    return Observed(LimitedBodies(app), services.metrics, services.tracker, services.tracer)


async def _answer_unavailable(request: Request, error: Exception) -> JSONResponse:
    note_error(request, error)
    _log.error("the database is gone: %s", error)
    return JSONResponse({"error": "The database is not available"}, status_code=503)


async def _answer_bad_gateway(request: Request, error: Exception) -> JSONResponse:
    note_error(request, error)
    return JSONResponse({"error": "The model did not answer"}, status_code=502)


async def _answer_too_many(request: Request, error: Exception) -> JSONResponse:
    note_error(request, error)
    return JSONResponse({"error": "The model takes no more questions now"}, status_code=429)


async def _answer_failure(request: Request, error: Exception) -> JSONResponse:
    """Any other exception; uvicorn writes its traceback to the log."""
    note_error(request, error)
    return JSONResponse({"error": "Internal server error"}, status_code=500)


async def _answer_nobody(request: Request, error: Exception) -> Response:
    """The client left before its request was read. It is answered nevertheless, so that it is counted."""
    note_error(request, error)
    return Response(status_code=CLIENT_GONE)
