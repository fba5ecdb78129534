"""The portal's figures for Prometheus: requests counted and timed, its pool, its process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from portal.database import PoolStats
    from portal.timing import Timings

router = APIRouter()

UNMATCHED = "unmatched"
"""Route label of requests that no route answers; raw paths would carry tokens and grow without bound."""
_FIRST_FAILURE = 400


class Metrics:
    """
    A registry of its own, so that several portals can live in one process.

    Args:
        pool: Reads the connection pool, with each scrape.
        bounds_s: Of the histograms; from `monitoring.histogram_bounds.latency_bounds_s`.
    """

    def __init__(self, pool: Callable[[], PoolStats], bounds_s: tuple[float, ...]) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "portal_requests",
            "Requests answered, by route template, method and status; 499: the client left first.",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "portal_request_seconds",
            "Until the answer began, of requests whose status is below 400.",
            ["route", "method"],
            registry=self.registry,
            buckets=bounds_s,
        )
        self._step_seconds = Histogram(
            "portal_step_seconds",
            "Where the time of these requests went, by the steps that Server-Timing names.",
            ["route", "step"],
            registry=self.registry,
            buckets=bounds_s,
        )
        self._watch(pool)

    def _watch(self, pool: Callable[[], PoolStats]) -> None:
        connections = Gauge(
            "portal_pool_connections", "Database connections.", ["state"], registry=self.registry
        )
        connections.labels("idle").set_function(lambda: pool().idle)
        connections.labels("used").set_function(lambda: pool().total - pool().idle)
        waiting = Gauge("portal_pool_waiting", "Queries that wait for a connection.", registry=self.registry)
        waiting.set_function(lambda: pool().waiting)

    def count(self, route: str, method: str, status: int) -> None:
        """Count one request."""
        self._requests.labels(route, method, str(status)).inc()

    def time(self, route: str, method: str, status: int, timings: Timings) -> None:
        """Time one request. Failures are left out: a refusal is quick, and would improve the percentiles."""
        if status >= _FIRST_FAILURE:
            return
        self._seconds.labels(route, method).observe(timings.elapsed_ms / 1000)
        for step, milliseconds in timings.steps_ms.items():
            self._step_seconds.labels(route, step).observe(milliseconds / 1000)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """The registry in Prometheus's text format."""
    page = generate_latest(request.app.state.metrics.registry)
    return Response(page, media_type=CONTENT_TYPE_LATEST)
