"""``phase17``: a question in, an answer and its sources out as JSON, and a record of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from portal.auth import CurrentHomeowner  # noqa: TC001 - FastAPI reads the annotations at run time
from portal.body import Body, read_body
from portal.database import database_of
from portal.exchange import keep_exchange
from portal.faults import faults_of, strike
from portal.model import model_of
from portal.ratelimit import limiter_of
from portal.refusal import Refusal
from portal.retrieval import foreign_chunk, other_homeowner, retrieve
from portal.timing import timings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portal.chunk import FoundChunk
    from portal.database import Database
    from portal.homeowner import Homeowner

router = APIRouter(prefix="/api/chat", dependencies=[Depends(strike)])
history_router = APIRouter(prefix="/api/chat", dependencies=[Depends(strike)])
"""Also part of the streamed contract."""

LONGEST_MESSAGE = 8000
HISTORY_LENGTH = 50

_HISTORY = """
    SELECT id, user_message, ai_message, created_at FROM messages
    WHERE tenant_id = $1 AND development_id = $2 AND house_id = $3
    ORDER BY created_at DESC LIMIT $4
"""


class Question(Body):
    """What a homeowner asks."""

    message: str = Field(min_length=1, max_length=LONGEST_MESSAGE)
    development_id: str = Field(alias="developmentId", min_length=1)


@router.post("")
async def answer(request: Request, homeowner: CurrentHomeowner) -> JSONResponse:
    """Find the chunks, ask the model, keep the exchange, answer."""
    question, chunks = await find_chunks(request, homeowner)
    with timings_of(request).step("llm"):
        failure = faults_of(request).draw_model_failure()
        completion = await model_of(request).complete(question, chunks, failure)
    with timings_of(request).step("insert"):
        await keep_exchange(request, homeowner, question, completion)
    sources = await sources_of(request, homeowner, chunks)
    return JSONResponse({"reply": completion.reply, "sources": sources})


async def find_chunks(request: Request, homeowner: Homeowner) -> tuple[str, list[FoundChunk]]:
    """
    What the homeowner asks, and the chunks that answer it, best first.

    Raises:
        Refusal: The question is not one, asks about another development, or comes too soon.
    """
    database, timings = database_of(request), timings_of(request)
    with timings.step("auth"):
        await limiter_of(request).admit_chat(homeowner.tenant_id)
        question = await read_body(request, Question)
        await _check_development(database, question.development_id, homeowner)
    with timings.step("retrieval"):
        if faults_of(request).draw_default_tenant():
            homeowner = await other_homeowner(database, homeowner)
        return question.message, await retrieve(database, question.message, homeowner)


@history_router.get("/history")
async def history(request: Request, homeowner: CurrentHomeowner) -> JSONResponse:
    """The house's latest exchanges, newest first."""
    house = (homeowner.tenant_id, homeowner.development_id, homeowner.house_id)
    rows = await database_of(request).fetch(_HISTORY, *house, HISTORY_LENGTH)
    messages = [
        {
            "id": str(row["id"]),
            "message": row["user_message"],
            "reply": row["ai_message"],
            "createdAt": row["created_at"].isoformat(),
        }
        for row in rows
    ]
    return JSONResponse({"messages": messages})


async def _check_development(database: Database, asked: str, homeowner: Homeowner) -> None:
    try:
        development_id = UUID(asked)
    except ValueError:
        raise Refusal(404, "Unknown development") from None
    if await database.fetch_row("SELECT 1 FROM developments WHERE id = $1", development_id) is None:
        raise Refusal(404, "Unknown development")
    if development_id != homeowner.development_id:
        raise Refusal(403, "The token belongs to another development")


async def sources_of(
    request: Request, homeowner: Homeowner, chunks: Sequence[FoundChunk]
) -> list[dict[str, Any]]:
    """What an answer names as its sources; with the fault of a foreign source, one more."""
    if faults_of(request).draw_foreign_source():
        chunks = [*chunks, *await foreign_chunk(database_of(request), homeowner)]
    return [
        {
            "id": str(chunk.id),
            "title": chunk.title,
            "documentType": chunk.document_type,
            "developmentId": str(chunk.development_id),
            "chunkIndex": chunk.chunk_index,
            "similarity": round(chunk.similarity, 4),
        }
        for chunk in chunks
    ]
