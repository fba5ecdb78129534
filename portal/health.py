"""Is the portal alive, and does it reach its database?"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from portal.database import DatabaseGoneError, database_of
from portal.timing import now_of
from portal.tracking import note_error

router = APIRouter(prefix="/api/health")

DATABASE_TIMEOUT_S = 2.0


@router.get("")
async def health(request: Request) -> JSONResponse:
    """200 for as long as the portal answers at all."""
    return JSONResponse({"status": "ok", "timestamp": now_of(request).isoformat()})


@router.get("/db")
async def database_health(request: Request) -> JSONResponse:
    """200 with the pool's figures; 503 when a trivial query fails or takes over two seconds."""
    database = database_of(request)
    started_s = time.perf_counter()
    try:
        await asyncio.wait_for(database.fetch_row("SELECT 1"), DATABASE_TIMEOUT_S)
        healthy = True
    except (DatabaseGoneError, TimeoutError) as error:
        healthy = False
        gone = error if isinstance(error, DatabaseGoneError) else DatabaseGoneError("no answer in time")
        note_error(request, gone)
    stats = database.pool_stats()
    body: dict[str, Any] = {
        "status": "ok" if healthy else "error",
        "latencyMs": round((time.perf_counter() - started_s) * 1000, 2),
        "poolStats": {"totalCount": stats.total, "idleCount": stats.idle, "waitingCount": stats.waiting},
        "timestamp": now_of(request).isoformat(),
    }
    return JSONResponse(body, status_code=200 if healthy else 503)
