"""The limit on the size of a request's body, for every client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.responses import JSONResponse

from portal.refusal import Refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 65_536
"""The most that a request's body may have; a question has a few hundred bytes."""
_STATUS = 413
_TOO_LARGE = "The request body is too large"
_CLOSE = (b"connection", b"close")


class LimitedBodies:
    """
    An ASGI application that refuses large bodies with 413 and closes the connection; other requests go to *app*.

    Where the request announces the length of its body, the body is refused before a byte of it is read. A body in
    chunks is refused when it has become too large; the rest of its chunks is not read.

    Args:
        app: Answers the requests.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = dict(scope.get("headers", ()))
        if int(headers.get(b"content-length", b"0")) > MOST_BYTES:
            refusal = JSONResponse({"error": _TOO_LARGE}, _STATUS, {"Connection": "close"})
            await refusal(scope, receive, send)
            return
        is_whole, taken = b"transfer-encoding" not in headers, 0

        async def limited_receive() -> Message:
            nonlocal is_whole, taken
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > MOST_BYTES:
                    raise Refusal(_STATUS, _TOO_LARGE)
                is_whole = is_whole or not message.get("more_body", False)
            return message

        async def limited_send(message: Message) -> None:
            if message["type"] == "http.response.start" and not is_whole:
                message["headers"] = [*message["headers"], _CLOSE]
            await send(message)

        await self._app(scope, limited_receive, limited_send)
