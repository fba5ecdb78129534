"""
HdrHistogram's buckets in numpy: what each holds, and many encoded histograms read at once.

hdrh reads a histogram into an array of all 21,504 buckets, most of them empty, which takes a tenth of a millisecond. A
run of a day has hundreds of thousands of histograms, of a dozen results each.
"""

from __future__ import annotations

import binascii
import zlib
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from hdrh.codec import HdrCookieException, HdrHistogramSettingsException, HdrLengthException

from monitoring.measurement import new_histogram

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

BUCKETS: int = new_histogram().counts_len

_DAMAGES = (
    HdrCookieException,
    HdrHistogramSettingsException,
    HdrLengthException,
    IndexError,  # values outside of the suite's range
    TypeError,  # the decoder, on an empty payload
    ValueError,  # not base64
    zlib.error,
)
_empty = binascii.a2b_base64(new_histogram().encode())
_COOKIE, _HEAD_BYTES = _empty[:4], 8
"""What an encoded histogram begins with; then comes the length of the rest, which is compressed."""
_SETTINGS = zlib.decompress(_empty[_HEAD_BYTES:])
"""What the rest begins with: a cookie, a length, and the range and precision that all our histograms have."""
_SETTINGS_FROM, _COUNTS_FROM = 8, len(_SETTINGS)
_MORE = 0x80
"""Of a byte of a number: another one follows."""


class Held(NamedTuple):
    """
    What several histograms hold; arrays of the same length, an entry for each bucket of each that is not empty.

    Args:
        places: Which histogram.
        buckets: Which of its buckets.
        counts: How many results are in it.
    """

    places: NDArray[np.int64]
    buckets: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def joined(cls, parts: Iterable[Self]) -> Self:
        """All of them, one after the other."""
        return cls(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


@cache
def edges_us() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The smallest and the largest value of each bucket."""
    histogram = new_histogram()
    values = [histogram.get_value_from_index(index) for index in range(BUCKETS + 1)]
    lowest = np.array(values, dtype=np.int64)
    return lowest[:-1], lowest[1:] - 1


def decode_histograms(payloads: Sequence[str | bytes]) -> tuple[Held, list[int]]:
    """
    Read histograms of microseconds in HdrHistogram's compressed base64 form.

    Returns:
        What they hold, and which of them are damaged; those hold nothing.
    """
    numbers = [_unpack(payload) for payload in payloads]
    held = _count(numbers)
    if beyond := set(held.places[held.buckets >= BUCKETS].tolist()):
        numbers = [None if place in beyond else part for place, part in enumerate(numbers)]
        held = _count(numbers)
    parts, damaged = [held], []
    for place, payload in enumerate(payloads):
        if numbers[place] is None:  # damaged, or written with another range or precision
            try:
                parts.append(_decode_slowly(place, payload))
            except _DAMAGES:
                damaged.append(place)
    return Held.joined(parts), damaged


def _unpack(payload: str | bytes) -> bytes | None:
    """The counts, still encoded; None where it is not one of the suite's own histograms, and whole."""
    try:
        packed = binascii.a2b_base64(payload)
        length = int.from_bytes(packed[len(_COOKIE) : _HEAD_BYTES], "big")
        if not packed.startswith(_COOKIE) or length != len(packed) - _HEAD_BYTES:
            return None
        content = zlib.decompress(packed[_HEAD_BYTES:], bufsize=512)
    except (ValueError, zlib.error):
        return None
    is_ours = content[_SETTINGS_FROM:_COUNTS_FROM] == _SETTINGS[_SETTINGS_FROM:]
    return content[_COUNTS_FROM:] if is_ours and content[-1] < _MORE else None


def _count(encoded: Sequence[bytes | None]) -> Held:
    """
    Read what HdrHistogram writes as ZigZag LEB128: a count for the next bucket, or, negative, how many are empty.

    All histograms are read together: a number is some bytes, of which all but the last have their highest bit set.
    """
    known = [numbers or b"" for numbers in encoded]
    stream = np.frombuffer(b"".join(known), dtype=np.uint8)
    last = np.flatnonzero(stream < _MORE)
    first = np.concatenate(([0], last[:-1] + 1))[: len(last)]
    numbers = (stream[first] & (_MORE - 1)).astype(np.int64)
    size = last - first
    for further in range(1, int(size.max(initial=0)) + 1):
        longer = size >= further
        numbers[longer] += (stream[first[longer] + further] & (_MORE - 1)).astype(np.int64) << 7 * further
    numbers = (numbers >> 1) ^ -(numbers & 1)

    ends = np.searchsorted(first, np.cumsum([len(part) for part in known]))
    lengths = np.diff(ends, prepend=0)
    places = np.repeat(np.arange(len(known)), lengths)
    reached = np.cumsum(np.where(numbers < 0, -numbers, 1))
    before = np.concatenate(([0], reached))[ends - lengths]
    held = numbers > 0
    buckets = reached[held] - 1 - before[places[held]]
    return Held(places[held], buckets, numbers[held])


def _decode_slowly(place: int, payload: str | bytes) -> Held:
    histogram = new_histogram()
    histogram.decode_and_add(payload)
    counts = np.ctypeslib.as_array(histogram.counts).astype(np.int64)
    buckets = np.flatnonzero(counts)
    return Held(np.full(len(buckets), place), buckets, counts[buckets])
