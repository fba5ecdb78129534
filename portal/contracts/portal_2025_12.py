"""``portal-2025-12``: the assistant, whose answers are JSON, and the portal's health. It knows the tenant by a header, and no JWT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from portal.auth import secret_of
from portal.body import Body, read_body
from portal.database import database_of
from portal.exchange import keep_exchange
from portal.faults import faults_of, strike
from portal.homeowner import Homeowner
from portal.intercepts import interceptor_of
from portal.model import model_of
from portal.ranking import final_score, keyword_score
from portal.ratelimit import limiter_of
from portal.refusal import Refusal
from portal.retrieval import GLOBAL, WHOLE_TENANT, foreign_chunk, other_homeowner, retrieve
from portal.signed_token import verified_ids
from portal.timing import now_of, timings_of
from portal.tracking import note_house
from portal.units import find_unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portal.chunk import FoundChunk
    from portal.database import Database

router = APIRouter(dependencies=[Depends(strike)])
health_router = APIRouter()

TOKEN_IDS = 4
"""Unit, tenant, development, and the unit's name."""
DEFAULT_TENANT = "openhouse-ai"
"""Slug of the tenant of requests that name none, where there is one of this name."""
_OF_NOTHING = UUID(int=0)
"""An id that no house and no development has."""
_PREVIEW_LENGTH = 100
_MATCHED = 5
_FIRST_SERVER_ERROR = 500

_BY_SLUG = "SELECT id FROM tenants WHERE slug = $1"
_BY_DEVELOPMENT = "SELECT tenant_id FROM developments WHERE id = $1"


class DevelopmentQuestion(Body):
    """What the homeowner of a development asks."""

    message: str = Field(min_length=1, max_length=8000)
    development_id: str = Field(alias="developmentId", min_length=1)


@router.post("/api/chat")
async def answer(request: Request) -> JSONResponse:
    """Find the chunks, ask the model, answer; where nothing was found, and on demand, the model is not asked."""
    database, timings = database_of(request), timings_of(request)
    question = await read_body(request, DevelopmentQuestion)
    with timings.step("auth"):
        asker, has_profile = await _asker(request, question)
        remaining = await _admit(request, asker.tenant_id)
    with timings.step("retrieval"):
        shown = await other_homeowner(database, asker) if faults_of(request).draw_default_tenant() else asker
        chunks = (await retrieve(database, question.message, shown, last=WHOLE_TENANT))[:_MATCHED]
        if chunks and faults_of(request).draw_foreign_source():
            chunks = [*chunks[:-1], *await foreign_chunk(database, asker)]
    if not chunks or interceptor_of(request).draw():
        return JSONResponse(_without_the_model())
    with timings.step("llm"):
        failure = faults_of(request).draw_model_failure()
        completion = await model_of(request).complete(question.message, chunks, failure)
    if has_profile:
        with timings.step("insert"):
            await keep_exchange(request, asker, question.message, completion)
    said = {
        "success": True,
        "answer": completion.reply,
        "chunksUsed": len(chunks),
        "matched": _matched(question.message, chunks, asker.development_id),
        "source": "profile" if chunks[0].tier == "unit" else "rag",
        "hasProfileData": has_profile,
    }
    return JSONResponse(said, headers=remaining)


async def _asker(request: Request, question: DevelopmentQuestion) -> tuple[Homeowner, bool]:
    """
    Whose question it is, and whether a signed token says so; without one it is a development's alone.

    Raises:
        Refusal: 404, neither the tenant nor the development is known.
    """
    database, token = database_of(request), request.headers.get("x-qr-token", "")
    ids = verified_ids(token, TOKEN_IDS, secret_of(request), now_of(request))
    unit = await find_unit(database, ids[0]) if ids else None
    if unit is not None:
        note_house(request, unit.tenant_id, unit.development_id, unit.id)
        return unit.homeowner, True
    development_id = _id_of(question.development_id)
    tenant_id = await _tenant_of(database, request.headers.get("x-tenant", DEFAULT_TENANT), development_id)
    if tenant_id is None:
        raise Refusal(404, "Tenant not found")
    return Homeowner(tenant_id, development_id, _OF_NOTHING, None), False


def _id_of(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return _OF_NOTHING


async def _tenant_of(database: Database, slug: str, development_id: UUID) -> UUID | None:
    row = await database.fetch_row(_BY_SLUG, slug.replace("\0", "")) or (
        await database.fetch_row(_BY_DEVELOPMENT, development_id)
    )
    return row and row[0]


async def _admit(request: Request, tenant_id: UUID) -> Mapping[str, str]:
    """
    Count the question; headers that say how many the tenant has left.

    Raises:
        Refusal: 429, none.
    """
    window = await limiter_of(request).count_chat(tenant_id)
    if window is None:
        return {}
    if window.remaining < 0:
        headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(window.reset_ms)}
        raise Refusal(429, "Rate limit exceeded. Please try again in a moment.", headers)
    return {"x-ratelimit-remaining": str(window.remaining)}


def _without_the_model() -> Mapping[str, Any]:
    said = "The documents of your home say nothing about that. Shall your developer be asked?"
    return {"success": True, "answer": said, "chunksUsed": 0, "source": "fallback"}


def _matched(question: str, chunks: Sequence[FoundChunk], own: UUID) -> list[Mapping[str, Any]]:
    """The chunks that the answer rests on. None names its development; those of another than *own* are global ones."""
    return [
        {
            "id": str(chunk.id),
            "preview": f"{chunk.content[:_PREVIEW_LENGTH]}...",
            "vector_score": chunk.similarity,
            "keyword_score": keyword_score(question, chunk),
            "final_score": final_score(question, chunk),
            "tier": _tier(chunk, own),
        }
        for chunk in chunks
    ]


def _tier(chunk: FoundChunk, own: UUID) -> str:
    """A portal in health finds nothing of another development, and so says ``global`` of nothing."""
    if chunk.development_id != own:
        return GLOBAL.name
    return "development" if chunk.tier == GLOBAL.name else chunk.tier


def say_error(_: Request, status: int, words: str, headers: Mapping[str, str] | None) -> JSONResponse:
    """``{"error": …}``, and of the portal's own failures that it was no success."""
    failed = {"success": False} if status >= _FIRST_SERVER_ERROR else {}
    return JSONResponse(failed | {"error": words}, status_code=status, headers=headers)


@health_router.get("/api/health")
async def health(request: Request) -> JSONResponse:
    """200 for as long as the portal answers at all."""
    return JSONResponse({"status": "healthy", "timestamp": now_of(request).isoformat()})


@health_router.get("/api/health/db")
async def database_health(request: Request) -> JSONResponse:
    """Always the answer of the first time, as a page that was made when the portal was built: it says nothing of now."""
    state = request.app.state
    if not hasattr(state, "health_of_the_build"):
        pool = {"totalCount": 1, "idleCount": 1, "waitingCount": 0}
        moment = now_of(request).isoformat()
        state.health_of_the_build = {
            "status": "healthy",
            "latencyMs": 3,
            "poolStats": pool,
            "timestamp": moment,
        }
    return JSONResponse(state.health_of_the_build)
