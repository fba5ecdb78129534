"""What a fault does to the tokens of one streamed answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from portal.faults import Fault
from portal.model import ModelError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conf.reference_portal import FaultSettings
    from portal.streaming.pace import PacedReply


class StreamFailedError(Exception):
    """The portal cannot go on with its answer; an error frame says so."""


class ConnectionEndedError(Exception):
    """
    The answer ends with its connection.

    Args:
        is_reset: The client gets a reset; otherwise the end of the file, without the answer's last chunk.
    """

    def __init__(self, *, is_reset: bool) -> None:
        super().__init__("the connection ends in mid-stream")
        self.is_reset = is_reset


async def struck(reply: PacedReply, fault: Fault, settings: FaultSettings) -> AsyncIterator[list[str]]:
    """
    The tokens of *reply* as *fault* lets them through; those of one list are written at once.

    Raises:
        StreamFailedError, ModelError, ConnectionEndedError: The stream ends here.
    """
    if fault is Fault.ERROR_FRAME:
        raise StreamFailedError("the answer could not be streamed")
    if fault is Fault.HEARTBEATS_ONLY:
        await asyncio.Event().wait()
    if fault is Fault.FAKE_STREAM:
        yield [token async for token in reply]
        return
    middle = len(reply.tokens) // 2
    number = 0
    async for token in reply:
        if number == middle:
            await _strike_in_the_middle(fault, settings)
        if fault is Fault.SLOW_DRIP:
            await asyncio.sleep(settings.slow_drip_s)
        if fault is not Fault.NO_TEXT:
            yield [token]
        number += 1


async def _strike_in_the_middle(fault: Fault, settings: FaultSettings) -> None:
    match fault:
        case Fault.STALL:
            await asyncio.sleep(settings.stall_s)
        case Fault.TRUNCATED:
            raise ConnectionEndedError(is_reset=False)
        case Fault.RESET:
            raise ConnectionEndedError(is_reset=True)
        case Fault.MODEL_ERROR_WITHIN:
            raise ModelError("the model did not finish its answer")
