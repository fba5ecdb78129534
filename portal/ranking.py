"""The last step of retrieval: the chunks that the tiers found are scored by meaning and by words."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from portal.chunk import FoundChunk

VECTOR_WEIGHT = 0.6
KEYWORD_WEIGHT = 0.4
TOP = 10

_WORD = re.compile(r"[a-z0-9]{3,}")
_CHUNKS_REMEMBERED = 4096


def rank(question: str, chunks: Iterable[FoundChunk]) -> list[FoundChunk]:
    """
    The best chunks for *question*, best first, at most ``TOP``.

    A chunk scores 0.6 x its cosine similarity + 0.4 x the share of the question's words that it holds. A chunk that
    several tiers found counts once. Of equal scores, the earlier chunk of the earlier document comes first.
    """
    distinct = {chunk.id: chunk for chunk in chunks}

    def order(chunk: FoundChunk) -> tuple[float, str, int]:
        return -final_score(question, chunk), chunk.title, chunk.chunk_index

    return sorted(distinct.values(), key=order)[:TOP]


def final_score(question: str, chunk: FoundChunk) -> float:
    """By meaning and by words."""
    return VECTOR_WEIGHT * chunk.similarity + KEYWORD_WEIGHT * keyword_score(question, chunk)


def keyword_score(question: str, chunk: FoundChunk) -> float:
    """The share of the question's words that *chunk* holds."""
    wanted = _words(question)
    return len(wanted & _words(chunk.content)) / len(wanted) if wanted else 0.0


@lru_cache(maxsize=_CHUNKS_REMEMBERED)
def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower()))
