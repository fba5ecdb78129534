"""``phase17-stream``: the requests of ``phase17``, with the answer to a question streamed as server-sent events."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse  # noqa: TC002 - FastAPI reads the annotations at run time

from portal.auth import CurrentHomeowner  # noqa: TC001 - FastAPI reads the annotations at run time
from portal.contracts.phase17 import find_chunks, sources_of
from portal.exchange import keep_exchange
from portal.faults import faults_of, strike
from portal.model import ModelError, compose_reply, priced
from portal.streaming.event_stream import Script, stream
from portal.streaming.pace import streaming_model_of
from portal.timing import timings_of

if TYPE_CHECKING:
    from collections.abc import Mapping

router = APIRouter(prefix="/api/chat", dependencies=[Depends(strike)])


@router.post("")
async def answer(request: Request, homeowner: CurrentHomeowner) -> StreamingResponse:
    """Find the chunks, name them, stream what the model says, and keep the exchange when it has said all."""
    question, chunks = await find_chunks(request, homeowner)
    with timings_of(request).step("llm"):
        failure = faults_of(request).draw_model_failure()
        reply = await streaming_model_of(request).accept(compose_reply(chunks), failure)
    sources = await sources_of(request, homeowner, chunks)
    completion = priced(question, chunks, reply.text)
    script = Script(
        first={"type": "sources", "sources": sources},
        done={"type": "done"},
        failed=_error_event,
        finish=partial(keep_exchange, request, homeowner, question, completion),
    )
    return stream(request, reply, script)


def _error_event(error: Exception) -> Mapping[str, Any]:
    is_models = isinstance(error, ModelError)
    return {
        "type": "error",
        "message": "The model did not answer" if is_models else "The answer could not be finished",
        "error_code": "MODEL_ERROR" if is_models else "STREAM_FAILED",
        "request_id": f"req_{uuid4().hex[:16]}",
    }
