"""
Sees every request once, from outside the application: counts it, tracks it, and adds its ``Server-Timing``.

A request is counted and tracked when its answer begins, before the client can have read a byte of it: whoever holds
an answer finds it counted. The answer to a client that has left begins all the same, so it is counted too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.metrics import UNMATCHED, Metrics
from portal.timing import Timings
from portal.tracking import track

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from monitoring.tracker import Tracker


class Observed:
    """
    An ASGI application that observes another.

    Args:
        app: Answers the requests; finds its ``Timings`` as ``request.state.timings``.
        metrics: Where the requests are counted.
        tracker: Where their times and errors are written.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, tracker: Tracker) -> None:
        self._app = app
        self._metrics = metrics
        self._tracker = tracker

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        timings = Timings()
        state = scope.setdefault("state", {})
        state["timings"] = timings

        async def observed_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", UNMATCHED)
                method, status = scope["method"], message["status"]
                self._metrics.count(route, method, status)
                track(self._tracker, state, timings, route=route, method=method, status=status)
                if header := timings.header():
                    message["headers"] = [*message["headers"], (b"server-timing", header.encode("ascii"))]
            await send(message)

        await self._app(scope, receive, observed_send)
