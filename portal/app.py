"""The portal, assembled: routes, refusals, and the observer around them."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect

from portal import metrics
from portal.limits import LimitedBodies
from portal.observing import Observed
from portal.refusal import CLIENT_GONE, add_error_answers
from portal.tracking import note_error

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig

    from portal.contracts.spoken import SpokenContract
    from portal.services import Services

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
    add_error_answers(app, contract.say_error, contract.errors)
    app.add_exception_handler(ClientDisconnect, _answer_nobody)
    return Observed(LimitedBodies(app), services.metrics, services.tracker, services.tracer)


async def _answer_nobody(request: Request, error: Exception) -> Response:
    """The client left before its request was read. It is answered nevertheless, so that it is counted."""
    note_error(request, error)
    return Response(status_code=CLIENT_GONE)
