"""
Counts, times and tracks every request once, from outside the application, and adds its ``Server-Timing``.

A request is counted and tracked when its answer begins, before the client can have read a byte of it: once a client
has an answer, the request is in the counts. An answer to a client that has left begins too, so it is counted as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.tracing import note_status, server_span, trace_id_of
from portal.metrics import UNMATCHED, Metrics
from portal.timing import Timings
from portal.tracking import track

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from monitoring.journal.tracker import Tracker


class Observed:
    """
    An ASGI application that observes another.

    Args:
        app: Answers the requests; finds its ``Timings`` as ``request.state.timings``.
        metrics: Where the requests are counted.
        tracker: Where their times and errors are written.
        tracer: Exports a span of each; None exports nothing.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, tracker: Tracker, tracer: Tracer | None) -> None:
        self._app = app
        self._metrics = metrics
        self._tracker = tracker
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        timings = Timings(self._tracer)
        traceparent = _header(scope, b"traceparent")
        state = scope.setdefault("state", {})
        state |= {"timings": timings, "trace_id": trace_id_of(traceparent)}

        async def observed_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", UNMATCHED)
                method, status = scope["method"], message["status"]
                self._metrics.count(route, method, status)
                self._metrics.time(route, method, status, timings)
                track(self._tracker, state, timings, route=route, method=method, status=status)
                if span is not None:
                    span.update_name(f"{method} {route}")
                    span.set_attributes({"http.request.method": method, "http.route": route})
                    note_status(span, status)
                if header := timings.header():
                    message["headers"] = [*message["headers"], (b"server-timing", header.encode("ascii"))]
            await send(message)

        with server_span(self._tracer, f"{scope.get('method')}", traceparent) as span:
            await self._app(scope, receive, observed_send)


def _header(scope: Scope, name: bytes) -> str:
    value = next((value for key, value in scope.get("headers", ()) if key == name), b"")
    return str(value, "latin-1")
