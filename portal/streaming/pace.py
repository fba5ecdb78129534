"""The simulated LLM, streaming: when it accepts a question, and when each token of its answer comes."""

from __future__ import annotations

import asyncio
import itertools
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from fastapi import Request

    from conf.reference_portal import StreamPace
    from portal.model import ModelError

_LEAST_TOKENS = 2
"""So that each answer has a middle, where faults strike."""


class StreamingModel:
    """
    Gives answers token by token, at a drawn pace.

    Args:
        pace: Medians in seconds.
        random: Where the pace comes from; the same seed gives the same pace to the same sequence of questions.
        sleep: Waits that many seconds.
    """

    def __init__(
        self, pace: StreamPace, random: Random, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self.heartbeat_s = pace.heartbeat_s
        self._pace = pace
        self._random = random
        self._sleep = sleep

    async def accept(self, reply: str, failure: ModelError | None = None) -> PacedReply:
        """
        Take a question that will be answered with *reply*.

        Raises:
            ModelError: *failure*, once the model would have accepted.
        """
        own = Random(self._random.getrandbits(64))  # noqa: S311 - no secret; answers that overlap keep their pace
        await self._sleep(self._draw(own, self._pace.accepted_s))
        if failure is not None:
            raise failure
        return PacedReply(_pieces(reply, self._tokens(own)), self._delays_s(own), self._sleep)

    def _tokens(self, own: Random) -> int:
        return max(round(self._draw(own, self._pace.tokens)), _LEAST_TOKENS)

    def _delays_s(self, own: Random) -> itertools.chain[float]:
        later = (self._draw(own, self._pace.token_gap_s) for _ in itertools.count())
        return itertools.chain([self._draw(own, self._pace.first_token_s)], later)

    def _draw(self, own: Random, median: float) -> float:
        return median * min(max(own.lognormvariate(0, self._pace.sigma), 0.5), 2.0)


class PacedReply:
    """The tokens of one answer; each is waited for."""

    def __init__(
        self,
        tokens: list[str],
        delays_s: itertools.chain[float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.tokens = tokens
        self._delays_s = delays_s
        self._sleep = sleep

    async def __aiter__(self) -> AsyncIterator[str]:
        """The tokens, as they come."""
        for token, delay_s in zip(self.tokens, self._delays_s, strict=False):
            await self._sleep(delay_s)
            yield token

    @property
    def text(self) -> str:
        """The whole answer."""
        return "".join(self.tokens)


def _pieces(reply: str, count: int) -> list[str]:
    """*reply* in *count* pieces of whole words; a reply with fewer words is repeated until there are as many."""
    words = [f"{word} " for word in reply.split()] or ["- "]
    words = list(itertools.islice(itertools.cycle(words), max(count, len(words))))
    bounds = [len(words) * number // count for number in range(count + 1)]
    return ["".join(words[start:end]) for start, end in itertools.pairwise(bounds)]


def streaming_model_of(request: Request) -> StreamingModel:
    """The streaming model of the portal that *request* came to."""
    model: StreamingModel = request.app.state.streaming_model
    return model
