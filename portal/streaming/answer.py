"""An answer that the model is giving, in a task of its own: it can outlive the client, and silence can be timed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from portal.metrics import Metrics

_running: set[asyncio.Task[None]] = set()
"""The event loop itself keeps tasks by weak references alone."""


class AnswerInProgress:
    """
    Collects tokens from the moment it is made.

    Args:
        tokens: As the model gives them; those of one list belong together.
        metrics: Where the model's work is counted.
    """

    def __init__(self, tokens: AsyncIterator[list[str]], metrics: Metrics) -> None:
        self._tokens = tokens
        self._metrics = metrics
        self._arrived: asyncio.Queue[list[str] | Exception | None] = asyncio.Queue()
        self._client_left = False
        self._task = asyncio.create_task(self._collect())
        _running.add(self._task)
        self._task.add_done_callback(_running.discard)

    async def next(self, within_s: float | None) -> list[str] | None:
        """
        The next tokens; None at the end.

        Raises:
            TimeoutError: None came within *within_s* seconds; more may come.
            Exception: What ended the tokens early.
        """
        async with asyncio.timeout(within_s):
            arrived = await self._arrived.get()
        if isinstance(arrived, Exception):
            raise arrived
        return arrived

    def leave(self, *, goes_on: bool) -> None:
        """The client has left: the model stops, unless it *goes_on*."""
        self._client_left = True
        if not goes_on:
            self._task.cancel()

    async def _collect(self) -> None:
        with self._metrics.model_at_work():
            try:
                async for tokens in self._tokens:
                    if self._client_left:
                        self._metrics.count_after_leaving(len(tokens))
                    self._arrived.put_nowait(tokens)
            except Exception as error:  # noqa: BLE001 - raised where the tokens are awaited
                self._arrived.put_nowait(error)
            else:
                self._arrived.put_nowait(None)
