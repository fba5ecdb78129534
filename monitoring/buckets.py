"""
HdrHistogram's buckets in numpy: the range of each, and a reader of many encoded histograms at once.

hdrh reads a histogram into an array of all 21,504 buckets, most of them empty. That takes a tenth of a millisecond, and
a run of a day has hundreds of thousands of histograms with a dozen results each.
"""

from __future__ import annotations

import binascii
import zlib
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from hdrh.codec import HdrCookieException, HdrHistogramSettingsException, HdrLengthException

from monitoring.measurement import new_histogram

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

BUCKETS: int = new_histogram().counts_len

_DAMAGES = (
    HdrCookieException,
    HdrHistogramSettingsException,
    HdrLengthException,
    IndexError,  # values outside of the suite's range
    OverflowError,
    TypeError,  # the decoder, on an empty payload
    ValueError,  # not base64
    zlib.error,
)
_HEAD_BYTES = 8
"""Head of an encoded histogram: a cookie, and the length of the rest, which is compressed."""
_encoded = binascii.a2b_base64(new_histogram().encode())
_COOKIE = int.from_bytes(_encoded[: _HEAD_BYTES // 2], "big")
_decoded = zlib.decompress(_encoded[_HEAD_BYTES:])
_COUNTS_FROM = len(_decoded)
"""Where the counts begin: before them are another cookie, a length, and the range and precision of the suite's histograms."""
_SETTINGS_AT = np.r_[0:4, 8:_COUNTS_FROM]
_SETTINGS = np.frombuffer(_decoded, dtype=np.uint8)[_SETTINGS_AT]
_MOST_BYTES = 4
"""Longest number; one of more bytes does not fit into 32 bits."""
_MORE = 0x80
"""Bit of a byte of a number: another byte follows."""


class Held(NamedTuple):
    """
    Contents of several histograms: arrays of the same length, with an entry for each bucket that is not empty.

    Args:
        places: Index of the histogram.
        buckets: Index of the bucket.
        counts: Number of results in the bucket.
    """

    places: NDArray[np.int64]
    buckets: NDArray[np.int64]
    counts: NDArray[np.int64]


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
        Their contents, and the indices of damaged ones, which hold nothing.
    """
    try:
        return _decode_quickly(payloads), []
    except _DAMAGES:  # or written with another range or precision
        if len(payloads) > 1:
            return _decode_halves(payloads)
    try:
        return _decode_slowly(payloads[0]), []
    except _DAMAGES:
        return _decode_quickly([]), [0]


def _decode_halves(payloads: Sequence[str | bytes]) -> tuple[Held, list[int]]:
    """Find the histograms that are not as the suite writes them, and read all others quickly."""
    middle = len(payloads) // 2
    (before, first), (after, second) = (
        decode_histograms(part) for part in (payloads[:middle], payloads[middle:])
    )
    columns = zip(before, after._replace(places=after.places + middle), strict=True)
    return Held(*(np.concatenate(column) for column in columns)), first + [middle + place for place in second]


def _decode_quickly(payloads: Sequence[str | bytes]) -> Held:
    """
    Read histograms that have the suite's own range and precision; raises if any has another.

    HdrHistogram writes its counts as ZigZag LEB128. A positive number is the count of the next bucket; a negative one is
    how many empty buckets follow. The numbers of all histograms are read together: in each number, every byte but the
    last has its highest bit set.
    """
    packed = list(map(binascii.a2b_base64, payloads))
    heads = np.frombuffer(b"".join([one[:_HEAD_BYTES] for one in packed]), dtype=">u4").reshape(-1, 2)
    contents = [zlib.decompress(one[_HEAD_BYTES:], bufsize=512) for one in packed]
    settings = np.frombuffer(b"".join([one[:_COUNTS_FROM] for one in contents]), dtype=np.uint8)
    stream = np.frombuffer(b"".join([one[_COUNTS_FROM:] for one in contents]), dtype=np.uint8)
    ends = np.cumsum([len(one) - _COUNTS_FROM for one in contents], dtype=np.int64)
    lengths = np.array([len(one) - _HEAD_BYTES for one in packed])
    if not (
        np.all(heads == np.stack((np.full_like(lengths, _COOKIE), lengths), axis=1))
        and np.all(settings.reshape(-1, _COUNTS_FROM)[:, _SETTINGS_AT] == _SETTINGS)
        and np.all(stream[ends[ends > 0] - 1] < _MORE)
    ):
        raise ValueError("not all histograms are the suite's own, and whole")

    last = np.flatnonzero(stream < _MORE)
    first = np.concatenate(([0], last[:-1] + 1))[: len(last)]
    numbers = (stream[first] & (_MORE - 1)).astype(np.int32)
    size = last - first
    if size.max(initial=0) >= _MOST_BYTES:
        raise OverflowError("a count is too large to be read quickly")
    for further in range(1, int(size.max(initial=0)) + 1):
        longer = np.flatnonzero(size >= further)
        numbers[longer] += (stream[first[longer] + further] & (_MORE - 1)).astype(np.int32) << 7 * further
    numbers = (numbers >> 1) ^ -(numbers & 1)

    until = np.searchsorted(first, ends)
    number = np.diff(until, prepend=0)
    reached = np.cumsum(np.where(numbers < 0, -numbers, 1))
    before = np.concatenate(([0], reached))[until - number]
    held = np.flatnonzero(numbers > 0)
    places = np.repeat(np.arange(len(packed)), number)[held]
    buckets = reached[held] - 1 - before[places]
    if buckets.max(initial=0) >= BUCKETS:
        raise IndexError("a histogram has results beyond the suite's range")
    return Held(places, buckets, numbers[held].astype(np.int64))


def _decode_slowly(payload: str | bytes) -> Held:
    histogram = new_histogram()
    histogram.decode_and_add(payload)
    counts = np.ctypeslib.as_array(histogram.counts).astype(np.int64)
    buckets = np.flatnonzero(counts)
    return Held(np.zeros_like(buckets), buckets, counts[buckets])
