"""A streamed answer from its first frame to its last: server-sent events under status 200."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import aclosing, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from fastapi.responses import StreamingResponse

from portal.database import database_of
from portal.faults import Fault, faults_of
from portal.metrics import Ended, metrics_of
from portal.streaming.answer import AnswerInProgress
from portal.streaming.connection import end_connection
from portal.streaming.faults import ConnectionEndedError, struck
from portal.streaming.pace import streaming_model_of
from portal.tracking import track_failure

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from fastapi import Request
    from starlette.types import Send

    from conf.reference_portal import FaultSettings
    from portal.metrics import StreamCount
    from portal.streaming.pace import PacedReply

HEADERS = {"Cache-Control": "no-cache, no-transform"}
HEARTBEAT = b": ping\n\n"
_HEARTBEAT_OF_FAULT_S = 1.0

_log = logging.getLogger(__name__)


class _ClosedStream(StreamingResponse):
    """Closes its frames as soon as it is cancelled, also while it waits for a client that reads slowly."""

    body_iterator: AsyncGenerator[bytes]

    async def stream_response(self, send: Send) -> None:
        async with aclosing(self.body_iterator):
            await super().stream_response(send)


class Script(NamedTuple):
    """What a contract says around the text of an answer."""

    first: Mapping[str, Any]
    """The first frame."""
    done: Mapping[str, Any]
    """The last frame."""
    failed: Callable[[Exception], Mapping[str, Any]]
    """The last frame where the answer cannot be finished."""
    finish: Callable[[], Awaitable[None]]
    """Called after the text, before the last frame."""


def stream(request: Request, reply: PacedReply, script: Script) -> StreamingResponse:
    """Stream *reply*. Where the client leaves, the stream is cancelled, and the model with it."""
    fault = faults_of(request).draw_of_stream()
    frames = _frames(request, reply, script, fault)
    return _ClosedStream(frames, headers=HEADERS, media_type="text/event-stream")


def frame(event: Mapping[str, Any]) -> bytes:
    """One event as it is written."""
    return b"data: " + json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


async def _frames(request: Request, reply: PacedReply, script: Script, fault: Fault) -> AsyncGenerator[bytes]:
    """
    All writes of the stream, heartbeats among them.

    An end that the client can read is counted before it is written: a client that has the last frame finds it in the counts.
    """
    settings = faults_of(request).settings
    with metrics_of(request).stream() as count:
        try:
            async with database_of(request).held() if settings.hold_connection else nullcontext():
                yield frame(script.first)
                async with aclosing(_text(request, reply, fault, settings)) as text:
                    async for written in text:
                        yield written
            await script.finish()
            count.end(Ended.DONE)
            yield frame(script.done)
        except ConnectionEndedError as error:
            count.end(Ended.FAILED)
            await end_connection(request, is_reset=error.is_reset)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client is under status 200 already
            yield _failure(request, script, error, count)


def _failure(request: Request, script: Script, error: Exception, count: StreamCount) -> bytes:
    count.end(Ended.FAILED)
    track_failure(request, error)
    _log.error("a streamed answer failed: %s", type(error).__name__)
    return frame(script.failed(error))


async def _text(
    request: Request, reply: PacedReply, fault: Fault, settings: FaultSettings
) -> AsyncGenerator[bytes]:
    every_s, goes_on = streaming_model_of(request).heartbeat_s, settings.goes_on_after_leaving
    if fault is Fault.HEARTBEATS_ONLY:
        every_s, goes_on = every_s or _HEARTBEAT_OF_FAULT_S, False
    clock = asyncio.get_running_loop().time
    answer = AnswerInProgress(struck(reply, fault, settings), metrics_of(request))
    due_s = clock() + every_s
    try:
        while True:
            try:
                tokens = await answer.next(max(due_s - clock(), 0) if every_s else None)
            except TimeoutError:
                yield HEARTBEAT
                due_s = clock() + every_s
                continue
            if tokens is None:
                return
            yield b"".join(frame({"type": "text", "content": token}) for token in tokens)
    finally:
        answer.leave(goes_on=goes_on)
