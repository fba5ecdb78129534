"""Faults on demand: tests see whether the suite finds them. Off unless the settings switch them on."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING

from fastapi import Request  # noqa: TC002 - FastAPI reads the annotations at run time

from conf.reference_portal import MODEL_FAULTS, REQUEST_FAULTS, STREAM_FAULTS
from portal.model import ModelError, ModelRefusedError
from portal.refusal import CLIENT_GONE, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from conf.reference_portal import FaultSettings


class Fault(StrEnum):
    """What goes wrong; the value is the setting that says how often."""

    NONE = ""
    ERROR = "error_ratio"
    UNAUTHORIZED = "unauthorized_ratio"
    HANG = "hang_ratio"
    SLOW = "slow_ratio"
    MODEL_ERROR = "model_error_ratio"
    MODEL_REFUSED = "model_refused_ratio"
    TRUNCATED = "truncated_ratio"
    RESET = "reset_ratio"
    ERROR_FRAME = "error_frame_ratio"
    MODEL_ERROR_WITHIN = "model_error_within_ratio"
    NO_TEXT = "no_text_ratio"
    STALL = "stall_ratio"
    FAKE_STREAM = "fake_stream_ratio"
    HEARTBEATS_ONLY = "heartbeats_only_ratio"
    SLOW_DRIP = "slow_drip_ratio"


class Faults:
    """
    Decides, request by request, what goes wrong.

    Args:
        settings: Shares, 0..1; those that exclude each other are together at most 1.
        random: The same seed gives the same sequence of faults.
    """

    def __init__(self, settings: FaultSettings, random: Random) -> None:
        self.settings = settings
        self._random = random

    def draw(self) -> Fault:
        """The fault of the next request."""
        return self._draw(REQUEST_FAULTS)

    def draw_model_failure(self) -> ModelError | None:
        """How the model fails the next question; None: it answers. Without these faults nothing is drawn."""
        match self._draw_if_any(MODEL_FAULTS):
            case Fault.MODEL_ERROR:
                return ModelError("the model did not answer")
            case Fault.MODEL_REFUSED:
                return ModelRefusedError("the model takes no more questions now")
        return None

    def draw_of_stream(self) -> Fault:
        """The fault of the next streamed answer. Without these faults nothing is drawn."""
        return self._draw_if_any(STREAM_FAULTS)

    def draw_foreign_source(self) -> bool:
        """Whether the next chat answer names a source of another development."""
        return self._random.random() < self.settings.foreign_source_ratio

    def draw_default_tenant(self) -> bool:
        """Whether the next answer is another tenant's; without this fault nothing is drawn."""
        ratio = self.settings.default_tenant_ratio
        return ratio > 0 and self._random.random() < ratio

    async def strike(self, request: Request) -> None:
        """
        Apply the drawn fault to *request*.

        Raises:
            Refusal: The request ends here.
        """
        match self.draw():
            case Fault.ERROR:
                raise Refusal(500, "Internal server error")
            case Fault.UNAUTHORIZED:
                raise Refusal(401, "Unauthorized")
            case Fault.HANG:
                await _client_leaves(request)
                raise Refusal(CLIENT_GONE, "The client left")
            case Fault.SLOW:
                await asyncio.sleep(self.settings.slow_s)

    def _draw_if_any(self, names: Sequence[str]) -> Fault:
        return self._draw(names) if any(getattr(self.settings, name) for name in names) else Fault.NONE

    def _draw(self, names: Sequence[str]) -> Fault:
        point = self._random.random()
        for name in names:
            ratio = getattr(self.settings, name)
            if point < ratio:
                return Fault(name)
            point -= ratio
        return Fault.NONE


async def _client_leaves(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def strike(request: Request) -> None:
    """The dependency of every route that a fault may hit; health and metrics have none."""
    await faults_of(request).strike(request)


def faults_of(request: Request) -> Faults:
    """The faults of the portal that *request* came to."""
    faults: Faults = request.app.state.faults
    return faults
