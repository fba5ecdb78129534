"""Is the portal alive, and does it reach its database?"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from portal.pool_health import pool_health
from portal.timing import now_of

router = APIRouter(prefix="/api/health")


@router.get("")
async def health(request: Request) -> JSONResponse:
    """200 for as long as the portal answers at all."""
    return JSONResponse({"status": "ok", "timestamp": now_of(request).isoformat()})


@router.get("/db")
async def database_health(request: Request) -> JSONResponse:
    """200 with the pool's figures; 503 when a trivial query fails or takes over two seconds."""
    return await pool_health(request, healthy="ok", unhealthy="error")
