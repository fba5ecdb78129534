"""Questions that are answered without the model: by their words, and a share of all others on demand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from random import Random

    from fastapi import Request


class Intercept(NamedTuple):
    """An answer that was ready before the question."""

    source: str
    answer: str


EMERGENCY = Intercept(
    "emergency_tier1",
    "This may be an emergency. Leave the house, use no switch and no flame, and call 999 or 112 from outside.",
)
SAFETY = Intercept(
    "safety_intercept",
    "Whether that is safe cannot be said from here. Please ask the builder, the management company or a qualified tradesperson; "
    "in danger call 999 or 112.",
)
_BY_WORDS = (
    (re.compile(r"\bsmell(s|ing)? (of )?gas\b|\bfire\b|\belectric shock\b", re.IGNORECASE), EMERGENCY),
    (re.compile(r"\btemperature\b|\bsmoke alarms?\b", re.IGNORECASE), SAFETY),
)


class Interceptor:
    """
    Decides which questions the model is not asked.

    Args:
        ratio: Share of the questions, 0..1, in addition to those whose words say so.
        random: The same seed gives the same sequence.
    """

    def __init__(self, ratio: float, random: Random) -> None:
        self._ratio = ratio
        self._random = random

    def by_words(self, question: str) -> Intercept | None:
        """The ready answer to *question*; None: it has none."""
        return next((ready for words, ready in _BY_WORDS if words.search(question)), None)

    def draw(self) -> bool:
        """Whether the next question is answered without the model. Without a ratio nothing is drawn."""
        return self._ratio > 0 and self._random.random() < self._ratio


def interceptor_of(request: Request) -> Interceptor:
    """The interceptor of the portal that *request* came to."""
    interceptor: Interceptor = request.app.state.interceptor
    return interceptor
