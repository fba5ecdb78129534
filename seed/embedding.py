"""
Vectors made from words, without a model: deterministic, offline, and near each other where words are shared.

Signed feature hashing (Weinberger et al., 2009, "Feature Hashing for Large Scale Multitask Learning"): each word,
word beginning and pair of neighbouring words has a dimension and a sign of its own, both drawn from its hash.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import re
from collections import Counter
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

DIMENSIONS = 1536
"""As text-embedding-3-small, which production uses."""

BASELINE = 0.35
"""
Cosine similarity of two texts that share no word, held by dimension 0 alone.

Embedding models place all texts in a narrow cone, and production's distance limits (0.60 to 0.80) count on it: texts
with nothing in common lie about 0.65 apart, those that share a few words below 0.60. It also keeps a text without a
word off the origin, where a cosine distance is not a number.
"""

_PAIR_WEIGHT = 0.7
_BEGINNING_WEIGHT = 0.5
_BEGINNING_LENGTH = 5
_STOP_WORD_WEIGHT = 0.05
_FEATURES_REMEMBERED = 1 << 16

_WORD = re.compile(r"[a-z0-9]+")
_STOP_WORDS = frozenset(
    _WORD.findall(
        """
        a about after again all also always an and any are as at be because been before being between both but by can
        could did do does down each else every few for from get go had has have he her here his how i if in into is it
        its just like made make many may me mean more most must my need no not now of off on once one only or other
        our out over own please same shall she should so some still such tell than that the their them then there
        these they this those to too two under until up us use used very was we were what when where which while who
        whom why will with would you your
        """
    )
)


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """
    One vector per text, the same in every process and on every platform.

    Case, punctuation and plural endings make no difference; stop words hardly any.

    Returns:
        Shape ``(len(texts), DIMENSIONS)``; rows have length 1.
    """
    vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    for row, text in zip(vectors, texts, strict=True):
        _write_vector(row, text)
    return vectors


def _write_vector(row: NDArray[np.float32], text: str) -> None:
    words = [_stem(word) for word in _WORD.findall(text.lower())]
    counted = Counter(words)
    beginnings: Counter[str] = Counter()
    for word, count in counted.items():
        if len(word) > _BEGINNING_LENGTH:
            beginnings[word[:_BEGINNING_LENGTH]] += count
    pairs = Counter(pairwise([word for word in words if word not in _STOP_WORDS]))
    # Something said four times counts twice: the square root is exact, a logarithm differs between platforms.
    places = [_word_place(word) for word in counted]
    places += [_place(f"{beginning}*", _BEGINNING_WEIGHT) for beginning in beginnings]
    places += [_pair_place(pair) for pair in pairs]
    counts = itertools.chain(counted.values(), beginnings.values(), pairs.values())
    values = [weight * math.sqrt(count) for (_, weight), count in zip(places, counts, strict=True)]
    if not values:
        row[0] = 1.0
        return
    summed = np.bincount([dimension for dimension, _ in places], values, DIMENSIONS)
    length = math.sqrt(math.fsum((summed[summed.nonzero()] ** 2).tolist()))
    row[:] = summed * (math.sqrt(1 - BASELINE) / length if length else 0.0)
    row[0] = math.sqrt(BASELINE) if length else 1.0


@lru_cache(maxsize=_FEATURES_REMEMBERED)
def _stem(word: str) -> str:
    """The word without a plural ending; stop words stay whole."""
    if word in _STOP_WORDS or not word.endswith("s") or word.endswith("ss"):
        return word
    return word[:-1] if len(word) > len("gas") else word


@lru_cache(maxsize=_FEATURES_REMEMBERED)
def _word_place(word: str) -> tuple[int, float]:
    return _place(word, _STOP_WORD_WEIGHT if word in _STOP_WORDS else 1.0)


@lru_cache(maxsize=_FEATURES_REMEMBERED)
def _pair_place(pair: tuple[str, str]) -> tuple[int, float]:
    return _place(" ".join(pair), _PAIR_WEIGHT)


@lru_cache(maxsize=_FEATURES_REMEMBERED)
def _place(feature: str, weight: float) -> tuple[int, float]:
    """The dimension (never 0) of a feature, and its weight with its sign."""
    digest = int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=8).digest(), "big")
    return 1 + (digest >> 1) % (DIMENSIONS - 1), weight if digest & 1 else -weight
