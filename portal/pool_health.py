"""Does the portal reach its database, and how is its pool?"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from fastapi.responses import JSONResponse

from portal.database import DatabaseGoneError, database_of
from portal.timing import now_of
from portal.tracking import note_error

if TYPE_CHECKING:
    from fastapi import Request

DATABASE_TIMEOUT_S = 2.0


async def pool_health(request: Request, *, healthy: str, unhealthy: str) -> JSONResponse:
    """
    200 with the pool's figures; 503 when a trivial query fails or takes over two seconds.

    Args:
        request: Its portal's pool is looked at.
        healthy: The status in words when the database answers.
        unhealthy: Or does not.
    """
    database = database_of(request)
    started_s = time.perf_counter()
    try:
        await asyncio.wait_for(database.fetch_row("SELECT 1"), DATABASE_TIMEOUT_S)
        is_healthy = True
    except (DatabaseGoneError, TimeoutError) as error:
        is_healthy = False
        gone = error if isinstance(error, DatabaseGoneError) else DatabaseGoneError("no answer in time")
        note_error(request, gone)
    stats = database.pool_stats()
    body: dict[str, Any] = {
        "status": healthy if is_healthy else unhealthy,
        "latencyMs": round((time.perf_counter() - started_s) * 1000, 2),
        "poolStats": {"totalCount": stats.total, "idleCount": stats.idle, "waitingCount": stats.waiting},
        "timestamp": now_of(request).isoformat(),
    }
    return JSONResponse(body, status_code=200 if is_healthy else 503)
