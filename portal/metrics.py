"""The portal's figures for Prometheus: requests counted and timed, its pool, its process."""

from __future__ import annotations

from contextlib import contextmanager
from enum import StrEnum
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
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from portal.database import PoolStats
    from portal.timing import Timings

router = APIRouter()

UNMATCHED = "unmatched"
"""Route label of requests that no route answers; raw paths would carry tokens and grow without bound."""
_FIRST_FAILURE = 400


class Ended(StrEnum):
    """How a streamed answer ended."""

    DONE = "done"
    CLIENT_LEFT = "client_left"
    FAILED = "failed"


class StreamCount:
    """
    Counts the end of one streamed answer, once.

    Args:
        ends: The counter, by ``ended``.
    """

    def __init__(self, ends: Counter) -> None:
        self._ends = ends
        self._has_ended = False

    def end(self, ended: Ended) -> None:
        """The first call counts."""
        if not self._has_ended:
            self._has_ended = True
            self._ends.labels(ended.value).inc()


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
        self._stream_ends = Counter(
            "portal_streams", "Streamed answers, by how they ended.", ["ended"], registry=self.registry
        )
        for ended in Ended:
            self._stream_ends.labels(ended.value)  # 0 from the start: a rate needs a first value
        self._streams = Gauge(
            "portal_streams_in_flight", "Answers that are being streamed.", registry=self.registry
        )
        self._model_answers = Gauge(
            "portal_model_answers_in_flight",
            "Answers that the model is giving, also to clients that have left.",
            registry=self.registry,
        )
        self._after_leaving = Counter(
            "portal_tokens_after_leaving",
            "Tokens that the model gave although the client had left.",
            registry=self.registry,
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

    @contextmanager
    def stream(self) -> Iterator[StreamCount]:
        """A streamed answer for the length of the block; unless its end was counted by then, the client has left."""
        count = StreamCount(self._stream_ends)
        with self._streams.track_inprogress():
            try:
                yield count
            finally:
                count.end(Ended.CLIENT_LEFT)

    def model_at_work(self) -> AbstractContextManager[None]:
        """The model gives an answer for the length of the block."""
        return self._model_answers.track_inprogress()

    def count_after_leaving(self, tokens: int) -> None:
        """Count tokens that no client reads."""
        self._after_leaving.inc(tokens)


def metrics_of(request: Request) -> Metrics:
    """The figures of the portal that *request* came to."""
    found: Metrics = request.app.state.metrics
    return found


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """The registry in Prometheus's text format."""
    page = generate_latest(metrics_of(request).registry)
    return Response(page, media_type=CONTENT_TYPE_LATEST)
