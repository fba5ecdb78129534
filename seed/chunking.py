"""Cuts text into chunks for the search: whole sentences, about equal lengths, one sentence of overlap."""

from __future__ import annotations

import math
import re

LONGEST_WORDS = 90
"""A longer text is cut; the sentence of overlap is not counted."""

_SENTENCE_END = re.compile(r"(?<=[.!?:])\s+(?=[A-Z0-9])")


def cut(text: str) -> list[str]:
    """
    Cut *text* into the fewest pieces of about equal length.

    Each piece but the first begins with the last sentence of the piece before it: two sentences that belong together
    stand together in one piece. A sentence is never cut, so a piece may be somewhat longer than ``LONGEST_WORDS``.
    """
    sentences = split_sentences(text)
    lengths = [len(sentence.split()) for sentence in sentences]
    total = sum(lengths)
    count = max(1, math.ceil(total / LONGEST_WORDS))
    pieces: list[list[str]] = [[] for _ in range(count)]
    before = 0
    for sentence, length in zip(sentences, lengths, strict=True):
        # A sentence belongs to the piece in which its middle word lies.
        middle = before + length / 2
        pieces[min(int(middle * count / max(total, 1)), count - 1)].append(sentence)
        before += length
    filled = [piece for piece in pieces if piece]
    return [" ".join(([filled[i - 1][-1]] if i else []) + piece) for i, piece in enumerate(filled)]


def split_sentences(text: str) -> list[str]:
    """The sentences of *text*, without line breaks and repeated blanks."""
    return _SENTENCE_END.split(" ".join(text.split()))
