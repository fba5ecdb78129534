"""Many histograms read at once say what hdrh says of each."""

from __future__ import annotations

import binascii
import zlib

import numpy as np
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from monitoring.buckets import BUCKETS, decode_histograms, edges_us
from monitoring.measurement import HIGHEST_US, new_histogram

recorded = st.lists(
    st.tuples(
        st.integers(1, 3_000) | st.integers(1, HIGHEST_US) | st.sampled_from([1, 2047, 2048, HIGHEST_US]),
        st.integers(1, 3) | st.integers(1, 2**40),
    ),
    max_size=12,
)


def histogram(results: list[tuple[int, int]], highest_us: int = HIGHEST_US) -> HdrHistogram:
    made = HdrHistogram(1, highest_us, 3)
    for us, count in results:
        made.record_value(us, count)
    return made


def table(payloads: list[bytes]) -> list[list[int]]:
    """The counts of every bucket of each."""
    held, damaged = decode_histograms(payloads)
    assert damaged == []
    counts = np.zeros((len(payloads), BUCKETS), dtype=np.int64)
    counts[held.places, held.buckets] = held.counts
    return [row.tolist() for row in counts]


@given(st.lists(recorded, max_size=6))
def test_histograms_are_read_as_hdrh_reads_them(several: list[list[tuple[int, int]]]) -> None:
    made = [histogram(results) for results in several]
    assert table([one.encode() for one in made]) == [list(one.counts) for one in made]


def test_another_range_than_the_suites_is_read_too() -> None:
    ours, theirs = histogram([(1_500, 2)]), histogram([(1_500, 2)], 3_600_000_000)
    assert table([ours.encode(), theirs.encode()]) == [list(ours.counts)] * 2


def test_those_that_are_damaged_are_named_and_all_others_are_read() -> None:
    whole = histogram([(1_500, 2), (90_000, 1)]).encode()
    beyond = bytearray(zlib.decompress(binascii.a2b_base64(whole)[8:]))
    beyond[40:43] = b"\xff\xff\x7f"  # so many empty buckets before the first
    packed = zlib.compress(bytes(beyond))
    too_far = binascii.b2a_base64(b"\x1c\x84\x93\x14" + len(packed).to_bytes(4, "big") + packed)
    damages = [b"", b"AAAA", whole[:-9], whole[:20] + b"!" + whole[21:], b"\xff\xfe", too_far]
    payloads = [part for damaged in damages for part in (whole, damaged)] + [whole]
    held, damaged = decode_histograms(payloads)
    assert damaged == [1, 3, 5, 7, 9, 11]
    assert np.unique(held.places).tolist() == [0, 2, 4, 6, 8, 10, 12]
    assert held.counts.tolist() == [2, 1] * 7


def test_the_edges_are_those_that_hdr_tools_show() -> None:
    lowest, highest = edges_us()
    made = new_histogram()
    for bucket in (0, 1, 2047, 2048, 5000, BUCKETS - 1):
        assert made.get_value_from_index(bucket) == lowest[bucket]
        assert made.get_highest_equivalent_value(int(lowest[bucket])) == highest[bucket]
