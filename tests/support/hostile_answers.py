"""
Answers that no portal should give, as bytes; `truthful_target` sends them with ``--hostile``.

Each is built from a body that the contract accepts. *turn* counts how often an answer was given before, so that it is
cut or split at another byte each time.
"""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass
from enum import Enum
from functools import cache, partial
from typing import TYPE_CHECKING

import brotli

if TYPE_CHECKING:
    from collections.abc import Callable

    Build = Callable[[bytes, int], list[bytes]]

OK = b"HTTP/1.1 200 OK\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


class Worth(Enum):
    """How a client has to judge an answer."""

    GOOD = "a success"
    GOOD_AS_PAGE = "a success only where the contract does not look into the body"
    BAD = "a failure"


@dataclass(frozen=True)
class Answer:
    """One kind of answer: its bytes, written piece by piece, and whether the connection is closed after it."""

    worth: Worth
    build: Build
    closes: bool = False


def answer(body: bytes, *headers: bytes, status: bytes = OK) -> bytes:
    lines = [*headers, b"Content-Length: %d" % len(body)]
    return status + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def whole(*headers: bytes, status: bytes = OK) -> Build:
    return lambda body, _: [answer(body, *headers, status=status)]


def one_of(*headers: bytes) -> Build:
    return lambda body, turn: [answer(body, headers[turn % len(headers)])]


def raw(data: bytes) -> Build:
    return lambda _, __: [data]


def instead(body: bytes) -> Build:
    return raw(answer(body))


def packed(name: bytes, pack: Callable[[bytes], bytes]) -> Build:
    return lambda body, _: [answer(pack(body), b"Content-Encoding: " + name)]


def split(body: bytes, turn: int) -> list[bytes]:
    data = INTERIM + answer(body)
    at = 1 + turn % (len(data) - 1)
    return [data[:at], data[at:]]


def bytewise(body: bytes, turn: int) -> list[bytes]:
    data = answer(body)
    at = turn * 20 % len(data)
    return [data[:at], *(data[i : i + 1] for i in range(at, min(at + 20, len(data)))), data[at + 20 :]]


def cut(body: bytes, turn: int) -> list[bytes]:
    data = INTERIM + answer(body)
    return [data[: turn % len(data)]]


def in_chunks(body: bytes, turn: int) -> list[bytes]:
    size = 1 + turn % len(body)
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    chunks = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return [OK + CHUNKED + chunks + b"0\r\nServer-Timing: auth;dur=1e300\r\nX-Trailer:\r\n\r\n"]


def deflate_raw(data: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(data) + packing.flush()


def with_field(json_text: bytes) -> Build:
    return lambda body, _: [answer(body[:-1] + b', "odd": ' + json_text + b"}")]


@cache
def bomb(*names: bytes) -> bytes:
    """100 MB of zeros, packed with these encodings in turn. It takes a second, and so is made only on demand."""
    packers = {b"gzip": gzip.compress, b"br": partial(brotli.compress, quality=1)}
    data = bytes(100_000_000)
    for name in names:
        data = packers[name](data)
    return answer(data, b"Content-Encoding: " + b", ".join(names))


ANSWERS = {
    "whole": Answer(Worth.GOOD, whole()),
    "split at each byte": Answer(Worth.GOOD, split),
    "byte by byte": Answer(Worth.GOOD, bytewise),
    "in chunks with trailers": Answer(Worth.GOOD, in_chunks),
    "interim answers": Answer(Worth.GOOD, lambda body, turn: [INTERIM * (turn % 20) + answer(body)]),
    "HTTP/1.0": Answer(Worth.GOOD, whole(status=b"HTTP/1.0 200 OK\r\n"), closes=True),
    "until the end": Answer(Worth.GOOD, lambda body, _: [OK + b"\r\n" + body], closes=True),
    "closes": Answer(Worth.GOOD, whole(b"Connection: close"), closes=True),
    "closes without a word": Answer(Worth.GOOD, whole(), closes=True),
    "a line end behind": Answer(Worth.GOOD, lambda body, _: [answer(body) + b"\r\n"]),
    "bytes behind": Answer(Worth.GOOD, lambda body, _: [answer(body) + b"stray"]),
    "an answer behind": Answer(Worth.GOOD, lambda body, _: [answer(body) * 2]),
    "an interim answer behind": Answer(Worth.GOOD, lambda body, _: [answer(body) + INTERIM]),
    "gzip": Answer(Worth.GOOD, packed(b"gzip", gzip.compress)),
    "deflate": Answer(Worth.GOOD, packed(b"deflate", zlib.compress)),
    "bare deflate": Answer(Worth.GOOD, packed(b"deflate", deflate_raw)),
    "br": Answer(Worth.GOOD, packed(b"br", brotli.compress)),
    "two encodings": Answer(Worth.GOOD, packed(b"gzip, br", lambda body: brotli.compress(gzip.compress(body)))),
    "odd times": Answer(
        Worth.GOOD,
        one_of(
            b"Server-Timing: llm;dur=1e300, auth;dur=nan, lookup;dur=" + b"9" * 400,
            b"Server-Timing: \xff\xfe;;;,,=\r\nServer-Timing: llm;dur=inf\r\nSERVER-TIMING:",
            b"Server-Timing: llm;dur=-1, llm;dur=99999999999",
            b"Date: Thu, 32 Nov -001 99:99:99 GMT\r\nDate: x\r\nAge: nan\r\nLocation: http://\xff/",
        ),
    ),
    "odd cookies": Answer(
        Worth.GOOD,
        one_of(
            b"Set-Cookie: c0=1; Path=/; Expires=Thu, 32 Nov 99999 99:99:99 GMT",
            b"Set-Cookie: c0=1; Path=/; Max-Age=" + b"9" * 400,
            b"Set-Cookie: =\r\nSet-Cookie:\r\nSet-Cookie: ;;;=\r\nSet-Cookie: \xff",
            b"Set-Cookie: c0=\xff\t; Path=/; Domain=elsewhere.example; Secure",
        ),
    ),
    "cut at each byte": Answer(Worth.BAD, cut, closes=True),
    "zstd": Answer(Worth.BAD, packed(b"zstd", bytes)),
    "an unknown encoding": Answer(Worth.BAD, lambda body, turn: [answer(body, b"Content-Encoding: x%d" % turn)]),
    "no gzip": Answer(Worth.BAD, packed(b"gzip", bytes)),
    "no br": Answer(Worth.BAD, packed(b"br", lambda body: body + b"\xff" * 50)),
    "gzip that breaks off": Answer(Worth.BAD, packed(b"gzip", lambda body: gzip.compress(body)[:-9])),
    "br that breaks off": Answer(Worth.BAD, packed(b"br", lambda body: brotli.compress(body)[:-1])),
    "a bomb in gzip": Answer(Worth.BAD, lambda _, __: [bomb(b"gzip")]),
    "a bomb in br": Answer(Worth.BAD, lambda _, __: [bomb(b"br")]),
    "a bomb in a bomb": Answer(Worth.BAD, lambda _, __: [bomb(b"gzip", b"gzip")]),
    "another protocol": Answer(Worth.BAD, raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n\x81\x05")),
    "no HTTP": Answer(Worth.BAD, raw(b"SSH-2.0-OpenSSH_9.2\r\n")),
    "HTTP/2": Answer(Worth.BAD, whole(status=b"HTTP/2.0 200 OK\r\n")),
    "bytes before": Answer(Worth.BAD, lambda body, _: [b"\0" + answer(body)]),
    "two lengths": Answer(Worth.BAD, whole(b"Content-Length: 3")),
    "a length and chunks": Answer(Worth.BAD, whole(b"Transfer-Encoding: chunked")),
    "a length of 400 digits": Answer(Worth.BAD, raw(OK + b"Content-Length: " + b"9" * 400 + b"\r\n\r\nx")),
    "a length that is too long": Answer(Worth.BAD, raw(OK + b"Content-Length: 9\r\n\r\n{}"), closes=True),
    "chunks of no size": Answer(Worth.BAD, raw(OK + CHUNKED + b"-1\r\n{}\r\n0\r\n\r\n")),
    "a zero byte in a header": Answer(Worth.BAD, whole(b"X: a\0b")),
    "one large header": Answer(Worth.BAD, whole(b"X: " + b"a" * 100_000)),
    "many headers": Answer(Worth.BAD, whole(*[b"X: a"] * 1_000)),
    "many cookies": Answer(Worth.BAD, whole(*(b"Set-Cookie: c%d=1; Path=/" % n for n in range(60)))),
    "a large cookie": Answer(Worth.BAD, whole(b"Set-Cookie: c0=%s; Path=/" % (b"a" * 5_000))),
    "interim answers without end": Answer(Worth.BAD, raw(INTERIM * 20_000)),
    "extensions without end": Answer(Worth.BAD, raw(OK + CHUNKED + b"1;" + b"a" * 200_000)),
    "a body without end": Answer(Worth.BAD, raw(OK + b"\r\n" + b"a" * 5_000_000)),
    "an odd limit": Answer(
        Worth.BAD, whole(b"Retry-After: nan\r\nRetry-After: 1e300\r\nX-RateLimit-Reset: \xff", status=b"HTTP/1.1 429 \r\n")
    ),
    "a status that is not registered": Answer(Worth.BAD, whole(status=b"HTTP/1.1 999 \xff\r\n")),
    "204 with a body": Answer(Worth.BAD, whole(status=b"HTTP/1.1 204 No Content\r\n")),
    "500 in zstd": Answer(Worth.BAD, whole(b"Content-Encoding: zstd", status=b"HTTP/1.1 500 \r\n")),
    "deep JSON": Answer(Worth.GOOD_AS_PAGE, with_field(b"[" * 2_000 + b"]" * 2_000)),
    "deeper JSON": Answer(Worth.GOOD_AS_PAGE, instead(b"[" * 1_900_000)),
    "large JSON": Answer(Worth.GOOD_AS_PAGE, instead(b"[" + b"{}," * 650_000 + b"{}]")),
    "a number of 5,000 digits": Answer(Worth.GOOD_AS_PAGE, with_field(b"9" * 5_000)),
    "no number": Answer(Worth.GOOD_AS_PAGE, with_field(b"NaN")),
    "half a letter": Answer(Worth.GOOD_AS_PAGE, with_field(b'"\\ud83d"')),
    "a field twice": Answer(Worth.GOOD_AS_PAGE, with_field(b'1, "odd": 2')),
    "UTF-16": Answer(Worth.GOOD_AS_PAGE, lambda body, _: [answer(body.decode().encode("utf-16"))]),
    "a byte order mark": Answer(Worth.GOOD_AS_PAGE, lambda body, _: [answer(b"\xef\xbb\xbf" + body)]),
    "no object": Answer(Worth.GOOD_AS_PAGE, instead(b"[]")),
    "odd fields": Answer(Worth.GOOD_AS_PAGE, instead(json.dumps({"reply": 1, "sources": "x", "token": []}).encode())),
}  # fmt: skip
