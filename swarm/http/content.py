"""Decodes a body by its ``Content-Encoding``, into no more bytes than are allowed."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import brotli

from conf.operations import Outcome
from swarm.failure import RequestFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ENCODINGS = "gzip, deflate, br"
"""Encodings that the suite asks for, and can decode."""
_KNOWN = frozenset({"zstd", "compress", "x-compress", "dcb", "dcz", "exi", "pack200-gzip", "aes128gcm"})
"""Other registered encodings. A failure does not quote an unregistered one: each would be a failure of its own kind."""
_MOST_ENCODINGS = 4
_GZIP, _ZLIB, _RAW = zlib.MAX_WBITS | 16, zlib.MAX_WBITS, -zlib.MAX_WBITS
_MOST_MEMBERS = 16
"""Most members of a gzip body. Each one copies the rest of the body: a body of empty members would take minutes."""
_BROTLI_STEP = 65_536


def decode_content(body: bytes, encodings: Sequence[str], most_bytes: int) -> bytes:
    """
    Undo *encodings*, the last one first. Decoding stops as soon as the result is too large.

    Args:
        body: As it was received.
        encodings: The values of the ``Content-Encoding`` headers.
        most_bytes: Limit of the result, and of each step on the way to it.

    Raises:
        RequestFailed: An encoding is unknown, the data do not fit it or break off, or the result would be too large.
    """
    names = [name.strip().lower() for name in ",".join(encodings).split(",")]
    applied = [name for name in names if name not in {"", "identity"}]
    if not body:
        return body
    if len(applied) > _MOST_ENCODINGS:
        raise RequestFailed(Outcome.VALIDATION, f"more than {_MOST_ENCODINGS} content encodings")
    for name in reversed(applied):
        body = _decode(body, name, most_bytes)
    return body


class PieceDecoder:
    """
    Undoes an encoding piece by piece, as the body comes; a portal that streams flushes its encoder after each event.

    Args:
        encodings: The values of the ``Content-Encoding`` headers.
        most_bytes: Of all that is decoded.

    Raises:
        RequestFailed: An encoding is unknown, or there are several.
    """

    def __init__(self, encodings: Sequence[str], most_bytes: int) -> None:
        names = [name.strip().lower() for name in ",".join(encodings).split(",")]
        applied = [name for name in names if name not in {"", "identity"}]
        if len(applied) > 1:
            raise RequestFailed(Outcome.VALIDATION, "a stream in more than one content encoding")
        self._name = applied[0] if applied else ""
        self._left = most_bytes
        self._process: Callable[[bytes, int], bytes]
        match self._name:
            case "":
                self._process = lambda piece, _: piece
            case "gzip" | "x-gzip":
                self._process = _Members().decompress
            case "deflate":
                self._process = zlib.decompressobj(_ZLIB).decompress
            case "br":
                inflating = brotli.Decompressor()
                self._process = lambda piece, most: inflating.process(piece, output_buffer_limit=most)
            case _:
                raise _unknown(self._name)

    def decode(self, piece: bytes) -> bytes:
        """
        What the next piece of the body adds.

        Raises:
            RequestFailed: It is not of the encoding, or it would be too much.
        """
        try:
            decoded = self._process(piece, self._left + 1)
        except (zlib.error, brotli.error):
            raise _broken(self._name) from None
        self._left -= len(decoded)
        if self._left < 0:
            raise too_large()
        return decoded


class _Members:
    """A gzip body that comes in pieces; it may have several members in a row."""

    def __init__(self) -> None:
        self._inflating, self._begun = zlib.decompressobj(_GZIP), 1

    def decompress(self, piece: bytes, most: int) -> bytes:
        """What *piece* adds, up to *most* bytes; raises `zlib.error` as zlib does, and for too many members."""
        decoded = self._inflating.decompress(piece, most)
        while (rest := self._inflating.unused_data) and len(decoded) < most:
            if self._begun == _MOST_MEMBERS:
                raise zlib.error
            self._inflating, self._begun = zlib.decompressobj(_GZIP), self._begun + 1
            decoded += self._inflating.decompress(rest, most - len(decoded))
        return decoded


def too_large() -> RequestFailed:
    """The failure for a body of more bytes than the settings allow."""
    return RequestFailed(Outcome.VALIDATION, "the body is larger than answers.body_bytes allows")


def _decode(body: bytes, name: str, most_bytes: int) -> bytes:
    match name:
        case "gzip" | "x-gzip":
            return _inflate(body, _GZIP, "gzip", most_bytes)
        case "deflate":
            # Some servers send bare deflate data, without the two bytes before and the checksum after them.
            is_zlib = body[0] & 0x0F == zlib.DEFLATED and not int.from_bytes(body[:2]) % 31
            return _inflate(body, _ZLIB if is_zlib else _RAW, "deflate", most_bytes)
        case "br":
            return _decode_brotli(body, most_bytes)
    raise _unknown(name)


def _unknown(name: str) -> RequestFailed:
    known = f"content encoding {name}" if name in _KNOWN else "an unknown content encoding"
    return RequestFailed(Outcome.VALIDATION, f"{known}, which was not asked for")


def _inflate(body: bytes, window: int, name: str, most_bytes: int) -> bytes:
    decoded = b""
    for _ in range(_MOST_MEMBERS if window == _GZIP else 1):  # a gzip body may have several members in a row
        inflating = zlib.decompressobj(window)
        try:
            decoded += inflating.decompress(body, most_bytes + 1 - len(decoded))
        except zlib.error:
            raise _broken(name) from None
        if len(decoded) > most_bytes:
            raise too_large()
        if not inflating.eof:
            raise _cut_short(name)
        body = inflating.unused_data
        if not body:
            return decoded
    raise _broken(name)


def _decode_brotli(body: bytes, most_bytes: int) -> bytes:
    inflating = brotli.Decompressor()
    parts: list[bytes] = []
    decoded_bytes = 0
    try:
        while not inflating.is_finished():
            part = inflating.process(body, output_buffer_limit=_BROTLI_STEP)
            body = b""
            parts.append(part)
            decoded_bytes += len(part)
            if decoded_bytes > most_bytes:
                raise too_large()
            if not part and not inflating.is_finished():
                raise _cut_short("br")
    except brotli.error:
        raise _broken("br") from None
    return b"".join(parts)


def _broken(name: str) -> RequestFailed:
    return RequestFailed(Outcome.VALIDATION, f"the body is not what content encoding {name} makes")


def _cut_short(name: str) -> RequestFailed:
    return RequestFailed(Outcome.VALIDATION, f"the body in content encoding {name} breaks off")
