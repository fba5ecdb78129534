"""What the portal served, counted for Prometheus: one counter, and the process's own figures."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    ProcessCollector,
    generate_latest,
)

router = APIRouter()

UNMATCHED = "unmatched"
"""Route label of requests that no route answers; raw paths would carry tokens and grow without bound."""


class Metrics:
    """A registry of its own, so that several portals can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "portal_requests",
            "Requests answered, by route template, method and status; 499: the client left first.",
            ["route", "method", "status"],
            registry=self.registry,
        )

    def count(self, route: str, method: str, status: int) -> None:
        """Count one request."""
        self._requests.labels(route, method, str(status)).inc()


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """The registry in Prometheus's text format."""
    page = generate_latest(request.app.state.services.metrics.registry)
    return Response(page, media_type=CONTENT_TYPE_LATEST)
