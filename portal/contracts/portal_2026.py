"""``portal-2026``: the assistant, whose answers are server-sent events, and the portal's health."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from portal.address_limits import address_limits_of
from portal.auth import secret_of
from portal.body import Body, read_body
from portal.database import DatabaseGoneError, database_of
from portal.exchange import keep_exchange
from portal.faults import faults_of, strike
from portal.intercepts import EMERGENCY, SAFETY, Intercept, interceptor_of
from portal.model import compose_reply, priced
from portal.pool_health import pool_health
from portal.refusal import Refusal
from portal.sections import find_sections
from portal.signed_token import verified_ids
from portal.streaming.event_stream import Script, stream
from portal.streaming.pace import streaming_model_of
from portal.timing import now_of, timings_of
from portal.tracking import note_error, note_house
from portal.units import HouseUnit, default_unit, find_unit, other_unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portal.sections import FoundSection

router = APIRouter(dependencies=[Depends(strike)])
health_router = APIRouter()

LONGEST_MESSAGE = 8000
_TOKEN_IDS = 2
_SOURCES_NAMED = 3
_WARRANTY = re.compile(r"\bwarrant(y|ies)\b", re.IGNORECASE)
_NO_KNOWLEDGE = {
    "success": False,
    "error": "Unable to access knowledge base",
    "details": "the database does not answer",
    "answer": "The information about your home cannot be reached at the moment. Please try again shortly.",
}


class UnitQuestion(Body):
    """What a homeowner asks; further fields are ignored."""

    message: str = Field(min_length=1)
    unit_uid: str = Field(default="", alias="unitUid")


@router.post("/api/chat")
async def answer(request: Request) -> Response:
    """Find the unit and its sections, and stream what the model says; some questions have a ready answer, as JSON."""
    address_limits_of(request).admit_chat(request)
    question = await read_body(request, UnitQuestion)
    if len(question.message) > LONGEST_MESSAGE:
        raise Refusal(413, "Message too long")
    interceptor = interceptor_of(request)
    if ready := interceptor.by_words(question.message) or (SAFETY if interceptor.draw() else None):
        return JSONResponse(_intercepted(ready))
    try:
        with timings_of(request).step("lookup"):
            unit, is_known = await _unit_of(request, question)
        with timings_of(request).step("retrieval"):
            sections = await find_sections(database_of(request), question.message, unit)
    except DatabaseGoneError as error:
        note_error(request, error)
        return JSONResponse(_NO_KNOWLEDGE, status_code=503)
    with timings_of(request).step("llm"):
        chunks = [section.chunk for section in sections]
        failure = faults_of(request).draw_model_failure()
        reply = await streaming_model_of(request).accept(compose_reply(chunks), failure)

    async def finish() -> None:
        if is_known:
            completion = priced(question.message, chunks, reply.text)
            await keep_exchange(request, unit.homeowner, question.message, completion)

    script = Script(
        first=_metadata(question.message, unit, sections),
        done={"type": "done", "contact_card": None},
        failed=lambda _: {"type": "error", "message": "Streaming failed"},
        finish=finish,
    )
    return stream(request, reply, script)


async def _unit_of(request: Request, question: UnitQuestion) -> tuple[HouseUnit, bool]:
    """The unit to answer for, and whether it is the one that was asked about; an unknown one is the default tenant's."""
    database, token = database_of(request), request.headers.get("x-qr-token", "")
    ids = verified_ids(token, _TOKEN_IDS, secret_of(request), now_of(request))
    unit = await find_unit(database, ids[0] if ids else question.unit_uid)
    if unit is not None:
        note_house(request, unit.tenant_id, unit.development_id, unit.id)
        if not faults_of(request).draw_default_tenant():
            return unit, True
        return await other_unit(database, unit), False
    unit = await default_unit(database)
    if unit is None:
        raise Refusal(503, "There are no units")
    return unit, False


def _metadata(question: str, unit: HouseUnit, sections: Sequence[FoundSection]) -> Mapping[str, Any]:
    """The first frame. A question about a warranty has a card in place of its sources."""
    is_about_warranty = bool(_WARRANTY.search(question))
    sources = {_file_name(unit, s.chunk.title): s.date for s in sections[:_SOURCES_NAMED]}
    card = {"developer_years": 2, "structural_years": 10, "providers": ["HomeBond", "Premier Guarantee"]}
    return {
        "type": "metadata",
        "source": "semantic_search",
        "chunksUsed": len(sections),
        "sources": [] if is_about_warranty else [{"name": n, "date": d} for n, d in sources.items()],
        "suggested_questions": ["Which documents do I have?", "Who looks after the shared areas?"],
        "drawing": None,
        "ber_card": None,
        "warranty_card": card if is_about_warranty else None,
        "attachments": None,
    }


def _file_name(unit: HouseUnit, title: str) -> str:
    return f"{unit.development_code}_{re.sub('[^A-Za-z0-9]+', '_', title)}.pdf"


def _intercepted(ready: Intercept) -> Mapping[str, Any]:
    said = {
        "success": True,
        "answer": ready.answer,
        "source": ready.source,
        "safetyIntercept": True,
        "isNoInfo": False,
    }
    if ready is not EMERGENCY:
        return said
    return said | {"metadata": {"intent": "emergency", "emergencyTier": 1, "answerMode": "grounded"}}


@health_router.get("/api/health")
async def health(request: Request) -> JSONResponse:
    """200, also while the database is gone."""
    return JSONResponse({"status": "healthy", "timestamp": now_of(request).isoformat()})


@health_router.get("/api/health/db")
async def database_health(request: Request) -> JSONResponse:
    """As in ``phase17``, in other words."""
    return await pool_health(request, healthy="healthy", unhealthy="unhealthy")
