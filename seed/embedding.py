"""
Vectors made from words, without a model: deterministic, offline, and near each other where words are shared.

Signed feature hashing (Weinberger et al., 2009, "Feature Hashing for Large Scale Multitask Learning"): each word,
word beginning and pair of neighbouring words has a dimension and a sign of its own, both drawn from its hash.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from enum import IntEnum
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

DIMENSIONS = 1536
"""As text-embedding-3-small, which production uses."""

BASELINE = 0.35
"""
Cosine similarity of two texts that share no word; dimension 0 alone makes it.

Embedding models place all texts in a narrow cone, and production's distance limits (0.60 to 0.80) rely on it: texts
without a common word lie about 0.65 apart, and texts that share a few words below 0.60. Dimension 0 also keeps the
vector of a text without words away from the origin, where a cosine distance is not a number.
"""

_BEGINNING_LENGTH = 5
_FEATURES_REMEMBERED = 1 << 16
_SENTENCES_REMEMBERED = 1 << 12
"""Sentences kept in memory: the documents have a few thousand, and generated chunks are mixed from them."""
_LONGEST_REMEMBERED = 500
"""Characters of the longest sentence that is kept. At worst all kept texts take about 100 MB."""

_WORD = re.compile(r"[a-z0-9]+")
_SENTENCE_END = re.compile(r"[.:!?\n]\s+")
"""A split here never lies within a word: the parts have the same words, and, with the pairs across, the same pairs."""
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


class _Kind(IntEnum):
    """What a feature is; its place in ``_WEIGHTS``."""

    WORD = 0
    STOP_WORD = 1
    BEGINNING = 2
    PAIR = 3


_WEIGHTS = np.array([1.0, 0.05, 0.5, 0.7])
"""Weight of each `_Kind`, in their order."""
_SIGNED_WEIGHTS = np.concatenate([_WEIGHTS, -_WEIGHTS])
_PLACES = _SIGNED_WEIGHTS.size * DIMENSIONS


class _Sentence(NamedTuple):
    features: tuple[int, ...]
    ends: tuple[str, ...]
    """The first and the last word that is not a stop word; they pair with words of the neighbouring sentences. Or empty."""


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """
    One vector per text, the same in every process, on every platform and among any other texts.

    Case, punctuation and plural endings make no difference; stop words hardly any.

    Returns:
        Shape ``(len(texts), DIMENSIONS)``; rows have length 1.
    """
    vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
    for row, text in zip(vectors, texts, strict=True):
        _write_vector(row, text)
    return vectors


def _write_vector(row: NDArray[np.float32], text: str) -> None:
    counted = _count_features(text)
    places = np.fromiter(counted, np.int64, len(counted)) % _PLACES
    counts = np.fromiter(counted.values(), np.float64, len(counted))
    # A word that stands four times counts twice: a square root is exact, a logarithm differs between platforms.
    values = _SIGNED_WEIGHTS[places // DIMENSIONS] * np.sqrt(counts)
    summed = np.bincount(places % DIMENSIONS, values, DIMENSIONS)
    length = math.sqrt(math.fsum((summed[summed != 0] ** 2).tolist()))
    row[:] = summed * (math.sqrt(1 - BASELINE) / length if length else 0.0)
    row[0] = math.sqrt(BASELINE) if length else 1.0


def _count_features(text: str) -> Counter[int]:
    """How often the text has each feature, in an order that depends on the text alone."""
    sentences = [
        _remembered(sentence) if len(sentence) <= _LONGEST_REMEMBERED else _read(sentence)
        for sentence in _SENTENCE_END.split(text)
    ]
    ends = [word for sentence in sentences for word in sentence.ends]
    between = map(_pair_feature, ends[1::2], ends[2::2])
    return Counter(chain(chain.from_iterable(sentence.features for sentence in sentences), between))


def _read(sentence: str) -> _Sentence:
    words = list(map(_read_word, _WORD.findall(sentence.lower())))
    features = [feature for _, features in words for feature in features]
    stems = [stem for stem, _ in words if stem not in _STOP_WORDS]
    features += map(_pair_feature, stems, stems[1:])
    return _Sentence(tuple(features), (stems[0], stems[-1]) if stems else ())


_remembered = lru_cache(maxsize=_SENTENCES_REMEMBERED)(_read)


@lru_cache(maxsize=_FEATURES_REMEMBERED)
def _read_word(word: str) -> tuple[str, tuple[int, ...]]:
    """The stem of *word*, and its features: the stem itself, and its beginning where the stem is longer."""
    stem = _stem(word)
    whole = _feature(stem, _Kind.STOP_WORD if stem in _STOP_WORDS else _Kind.WORD)
    if len(stem) <= _BEGINNING_LENGTH:
        return stem, (whole,)
    return stem, (whole, _feature(f"{stem[:_BEGINNING_LENGTH]}*", _Kind.BEGINNING))


def _stem(word: str) -> str:
    """The word without a plural ending; stop words stay whole."""
    if word in _STOP_WORDS or not word.endswith("s") or word.endswith("ss"):
        return word
    return word[:-1] if len(word) > len("gas") else word


@lru_cache(maxsize=_FEATURES_REMEMBERED)
def _pair_feature(first: str, second: str) -> int:
    return _feature(f"{first} {second}", _Kind.PAIR)


def _feature(name: str, kind: _Kind) -> int:
    """
    A feature as one number, below 2**62.

    Modulo ``_PLACES`` the number is the place in a table of signed weights by dimensions (never dimension 0). Its other
    bits, from the hash, distinguish features of the same place.
    """
    digest = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
    dimension = 1 + (digest >> 1) % (DIMENSIONS - 1)
    weight = kind if digest & 1 else kind + _WEIGHTS.size
    return (digest >> 16) * _PLACES + weight * DIMENSIONS + dimension
