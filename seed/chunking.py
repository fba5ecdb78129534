"""Cuts text into chunks of a size that can be searched: whole sentences, evenly, with one sentence of overlap."""

from __future__ import annotations

import math
import re

LONGEST_WORDS = 90
"""More words than this are cut; the sentence of overlap comes on top."""

_SENTENCE_END = re.compile(r"(?<=[.!?:])\s+(?=[A-Z0-9])")


def cut(text: str) -> list[str]:
    """
    Cut *text* into the fewest pieces of about equal length.

    Each piece but the first begins with the last sentence of the piece before it, so that what stands on a cut can
    still be found whole. A sentence is never cut, so a piece may be somewhat longer than ``LONGEST_WORDS``.
    """
    sentences = split_sentences(text)
    lengths = [len(sentence.split()) for sentence in sentences]
    total = sum(lengths)
    count = max(1, math.ceil(total / LONGEST_WORDS))
    pieces: list[list[str]] = [[] for _ in range(count)]
    before = 0
    for sentence, length in zip(sentences, lengths, strict=True):
        # A sentence belongs to the piece that its middle word falls into.
        middle = before + length / 2
        pieces[min(int(middle * count / max(total, 1)), count - 1)].append(sentence)
        before += length
    filled = [piece for piece in pieces if piece]
    return [" ".join(([filled[i - 1][-1]] if i else []) + piece) for i, piece in enumerate(filled)]


def split_sentences(text: str) -> list[str]:
    """The sentences of *text*, line breaks and repeated blanks taken out."""
    return _SENTENCE_END.split(" ".join(text.split()))
