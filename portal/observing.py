"""
Sees every request once, from outside the application: counts and times it, and adds its ``Server-Timing``.

A request is counted when its answer begins, before the client can have read a byte of it: whoever holds an
answer finds it counted. The answer to a client that has left begins all the same, so it is counted too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.metrics import UNMATCHED, Metrics
from portal.timing import Timings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Observed:
    """
    An ASGI application that observes another.

    Args:
        app: Answers the requests; finds its ``Timings`` as ``request.state.timings``.
        metrics: Where the requests are counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        timings = Timings()
        scope.setdefault("state", {})["timings"] = timings

        async def observed_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", UNMATCHED)
                self._metrics.count(route, scope["method"], message["status"])
                self._metrics.time(route, scope["method"], message["status"], timings)
                if header := timings.header():
                    message["headers"] = [*message["headers"], (b"server-timing", header.encode("ascii"))]
            await send(message)

        await self._app(scope, receive, observed_send)
