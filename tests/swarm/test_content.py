"""Bodies in a content encoding, whole and broken."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zlib
from contextlib import suppress

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st
from patience import TIMEOUT_S

from conf.operations import Outcome
from swarm.failure import RequestFailed
from swarm.http.content import PieceDecoder, decode_content

TEXT = b"Where is the stopcock? " * 200
MOST_BYTES = 2_000_000


def deflate_raw(data: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(data) + packing.flush()


PACKERS = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}
named_packers = pytest.mark.parametrize("name", list(PACKERS))


def failure(body: bytes, *encodings: str, most_bytes: int = MOST_BYTES) -> str:
    with pytest.raises(RequestFailed) as caught:
        decode_content(body, encodings, most_bytes)
    assert caught.value.outcome is Outcome.VALIDATION
    return caught.value.message


@named_packers
def test_each_encoding_that_is_asked_for_is_undone(name: str) -> None:
    assert decode_content(PACKERS[name](TEXT), [name], MOST_BYTES) == TEXT
    assert decode_content(PACKERS[name](TEXT), [f" {name.upper()} "], len(TEXT)) == TEXT
    assert decode_content(PACKERS[name](b""), [name], MOST_BYTES) == b""
    assert decode_content(b"", [name], MOST_BYTES) == b""


def test_deflate_may_be_bare_and_gzip_may_be_several() -> None:
    assert decode_content(deflate_raw(TEXT), ["deflate"], MOST_BYTES) == TEXT
    assert decode_content(gzip.compress(b"a") + gzip.compress(b"b"), ["x-gzip"], MOST_BYTES) == b"ab"


def test_no_encoding_leaves_the_body_as_it_is() -> None:
    for encodings in ([], ["identity"], ["", ","], ["identity, identity"]):
        assert decode_content(TEXT, encodings, MOST_BYTES) == TEXT


def test_several_are_undone_from_the_last_to_the_first() -> None:
    body = brotli.compress(gzip.compress(zlib.compress(TEXT)))
    assert decode_content(body, ["deflate, gzip", "identity, br"], MOST_BYTES) == TEXT
    assert failure(body, "br, gzip, deflate")
    assert failure(TEXT, ", ".join(["gzip"] * 1000)) == "more than 4 content encodings"


@named_packers
def test_a_body_that_breaks_off_anywhere_is_none(name: str) -> None:
    body = PACKERS[name](TEXT)
    for at in range(1, len(body)):
        assert failure(body[:at], name) in {
            f"the body in content encoding {name} breaks off",
            f"the body is not what content encoding {name} makes",
        }


@named_packers
def test_nor_is_one_with_bytes_behind_it_or_of_something_else(name: str) -> None:
    body = PACKERS[name](TEXT)
    for wrong in (body + b"\0", body + b"x" * 100, TEXT, b"\0" * 100, b"\xff" * 100):
        assert failure(wrong, name)


@named_packers
@given(body=st.binary(min_size=1, max_size=200))
def test_whatever_the_bytes_are_they_are_decoded_or_a_failure(name: str, body: bytes) -> None:
    with suppress(RequestFailed):
        decode_content(body, [name], MOST_BYTES)


def test_an_encoding_that_was_not_asked_for_is_named_if_it_is_a_known_one() -> None:
    assert failure(TEXT, "zstd") == "content encoding zstd, which was not asked for"
    assert failure(gzip.compress(TEXT), "zstd, gzip") == "content encoding zstd, which was not asked for"
    for odd in ("x" * 1_000, "the-jwt", "gzip;q=1", "\xff"):
        assert failure(TEXT, odd) == "an unknown content encoding, which was not asked for"


@named_packers
def test_decoding_ends_where_there_is_too_much(name: str) -> None:
    body = PACKERS[name](TEXT)
    assert decode_content(body, [name], len(TEXT)) == TEXT
    assert (
        failure(body, name, most_bytes=len(TEXT) - 1) == "the body is larger than answers.body_bytes allows"
    )


def test_a_body_of_nothing_but_empty_parts_is_given_up() -> None:
    assert failure(gzip.compress(b"") * 100_000, "gzip")


_BOMBS = """
import gzip, resource, sys, zlib, brotli
from swarm.http.content import PieceDecoder, decode_content
from swarm.failure import RequestFailed
name, layers = sys.argv[1], int(sys.argv[2])
packing = {"gzip": zlib.compressobj(wbits=31), "deflate": zlib.compressobj(), "br": brotli.Compressor(quality=1)}[name]
add = packing.process if name == "br" else packing.compress
body = b"".join(add(bytes(1_000_000)) for _ in range(500)) + (packing.finish if name == "br" else packing.flush)()
for _ in range(layers - 1):
    body = gzip.compress(body)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    decode_content(body, [name, *["gzip"] * (layers - 1)], 2_000_000)
except RequestFailed as failed:
    print(failed.message)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(("name", "layers"), [("gzip", 1), ("deflate", 1), ("br", 1), ("gzip", 3)])
def test_a_bomb_costs_no_more_memory_than_the_limit(name: str, layers: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _BOMBS, name, str(layers)],
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT_S,
    )
    message, grown_kb = done.stdout.splitlines()
    assert message == "the body is larger than answers.body_bytes allows"
    assert int(grown_kb) < 20_000


def piecewise(body: bytes, name: str, size: int = 1, most_bytes: int = MOST_BYTES) -> bytes:
    decoder = PieceDecoder([name], most_bytes)
    return b"".join(part for at in range(0, len(body), size) for part in decoder.decode(body[at : at + size]))


@named_packers
@pytest.mark.parametrize("size", [1, 7, 10**6])
def test_pieces_of_a_body_make_the_whole(name: str, size: int) -> None:
    assert piecewise(PACKERS[name](TEXT), name, size) == TEXT


@pytest.mark.parametrize("size", [1, 7, 10**6])
def test_pieces_of_gzip_may_be_several_members_and_not_endlessly_many(size: int) -> None:
    assert piecewise(gzip.compress(TEXT) * 3, "gzip", size) == TEXT * 3
    with pytest.raises(RequestFailed, match="not what content encoding gzip makes"):
        piecewise(gzip.compress(b"") * 1_000, "gzip", size)


@pytest.mark.parametrize("size", [1, 7, 10**6])
def test_pieces_of_deflate_may_be_bare_and_nothing_follows_them(size: int) -> None:
    for body in (deflate_raw(TEXT), zlib.compress(TEXT)):
        assert piecewise(body, "deflate", size) == TEXT
        with pytest.raises(RequestFailed, match="not what content encoding deflate makes"):
            piecewise(body + b"more", "deflate", size)


@named_packers
def test_a_small_piece_that_holds_much_is_decoded_in_bounded_parts(name: str) -> None:
    text = bytes(2_000_000)
    parts = list(PieceDecoder([name], len(text)).decode(PACKERS[name](text)))
    assert b"".join(parts) == text
    assert max(map(len, parts)) <= 100_000


@named_packers
@pytest.mark.parametrize("size", [1, 10**6])
def test_decoding_of_pieces_ends_where_there_is_too_much(name: str, size: int) -> None:
    with pytest.raises(RequestFailed, match="larger than"):
        piecewise(PACKERS[name](b"0" * 10**7), name, size)
