"""The simulated LLM: waits as long as a real one would, and answers with what retrieval found."""

from __future__ import annotations

import asyncio
import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from random import Random

    from fastapi import Request

    from conf.reference_portal import Model as ModelSettings
    from portal.chunk import FoundChunk

CHUNKS_QUOTED = 2
_CHARACTERS_PER_TOKEN = 4
_USD_PER_TOKEN = Decimal("0.0000006")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_SENTENCES_QUOTED = 3


class Completion(NamedTuple):
    """What the model answered, and what a real one would have charged."""

    reply: str
    token_count: int
    cost_usd: Decimal


class ModelError(Exception):
    """The model did not answer; says nothing about the question."""


class ModelRefusedError(ModelError):
    """The model takes no more questions now."""


class SimulatedModel:
    """
    Draws each answer's delay from a log-normal distribution, clipped to its bounds.

    Args:
        settings: Median and bounds in seconds.
        random: Where the delays come from; the same seed gives the same sequence.
        sleep: Waits that many seconds.
    """

    def __init__(
        self,
        settings: ModelSettings,
        random: Random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._random = random
        self._sleep = sleep

    def delay_s(self) -> float:
        """The next delay, in seconds."""
        drawn_s = self._random.lognormvariate(math.log(self._settings.median_s), self._settings.sigma)
        return min(max(drawn_s, self._settings.minimum_s), self._settings.maximum_s)

    async def complete(
        self, question: str, chunks: Sequence[FoundChunk], failure: ModelError | None = None
    ) -> Completion:
        """
        Answer *question* from the best of *chunks*, best first.

        Raises:
            ModelError: *failure*, once the time of an answer has passed.
        """
        await self._sleep(self.delay_s())
        if failure is not None:
            raise failure
        return priced(question, chunks, compose_reply(chunks))


def priced(question: str, chunks: Sequence[FoundChunk], reply: str) -> Completion:
    """*reply* with what a model would have charged for it."""
    context = sum(len(chunk.content) for chunk in chunks)
    tokens = (len(question) + context + len(reply)) // _CHARACTERS_PER_TOKEN
    return Completion(reply, tokens, tokens * _USD_PER_TOKEN)


def model_of(request: Request) -> SimulatedModel:
    """The model of the portal that *request* came to."""
    model: SimulatedModel = request.app.state.model
    return model


def compose_reply(chunks: Sequence[FoundChunk]) -> str:
    """Quote the best chunks under their documents' titles; says so when there are none."""
    if not chunks:
        return "I could not find anything about that in the documents of your home."
    return "\n\n".join(f"{chunk.title}: {_opening(chunk.content)}" for chunk in chunks[:CHUNKS_QUOTED])


def _opening(content: str) -> str:
    return " ".join(_SENTENCE_END.split(content.strip())[:_SENTENCES_QUOTED])
