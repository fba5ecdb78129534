"""Faults on demand: tests see whether the suite finds them. Off unless the settings switch them on."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING

from fastapi import Request  # noqa: TC002 - FastAPI reads the annotations at run time

from portal.refusal import CLIENT_GONE, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from conf.reference_portal import FaultSettings


class Fault(Enum):
    """What goes wrong with one request."""

    NONE = auto()
    ERROR = auto()
    UNAUTHORIZED = auto()
    HANG = auto()
    SLOW = auto()


class Faults:
    """
    Decides, request by request, what goes wrong.

    Args:
        settings: Shares of the requests, 0..1; together at most 1, since a request has one fault.
        random: The same seed gives the same sequence of faults.
    """

    def __init__(self, settings: FaultSettings, random: Random) -> None:
        self._settings = settings
        self._random = random

    def draw(self) -> Fault:
        """The fault of the next request."""
        point = self._random.random()
        for fault, ratio in self._shares():
            if point < ratio:
                return fault
            point -= ratio
        return Fault.NONE

    def draw_foreign_source(self) -> bool:
        """Whether the next chat answer names a source of another development."""
        return self._random.random() < self._settings.foreign_source_ratio

    def draw_model_error(self) -> bool:
        """Whether the model fails to answer the next question; without this fault nothing is drawn."""
        ratio = self._settings.model_error_ratio
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
                await asyncio.sleep(self._settings.slow_s)

    def _shares(self) -> Iterator[tuple[Fault, float]]:
        yield Fault.ERROR, self._settings.error_ratio
        yield Fault.UNAUTHORIZED, self._settings.unauthorized_ratio
        yield Fault.HANG, self._settings.hang_ratio
        yield Fault.SLOW, self._settings.slow_ratio


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
