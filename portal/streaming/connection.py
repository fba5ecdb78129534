"""
The connection below a request, which ASGI hides: faults end it in mid-stream.

uvicorn gives each request a copy of its protocol's ``app_state``. `PortalProtocol` puts the transport there.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from fastapi import Request

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time: the kernel drops what was not sent, and sends RST in place of FIN."""


class PortalProtocol(H11Protocol):
    """uvicorn's HTTP/1.1; each request finds its transport as ``request.state.transport``."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Also as in uvicorn."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


async def end_connection(request: Request, *, is_reset: bool) -> None:
    """
    End the connection below *request*, and wait until the server notices, which cancels this call.

    Args:
        request: Whose answer has begun.
        is_reset: RST; otherwise FIN, after all that was written before.
    """
    transport: asyncio.Transport = request.state.transport
    if is_reset:
        below = transport.get_extra_info("socket")
        below.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
    else:
        transport.close()
    await asyncio.Event().wait()
