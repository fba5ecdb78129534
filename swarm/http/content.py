"""Decodes a body by its ``Content-Encoding``, into no more bytes than are allowed."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import brotli

from conf.operations import Outcome
from swarm.failure import RequestFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

ENCODINGS = "gzip, deflate, br"
"""Encodings that the suite asks for, and can decode."""
_KNOWN = frozenset({"zstd", "compress", "x-compress", "dcb", "dcz", "exi", "pack200-gzip", "aes128gcm"})
"""Other registered encodings. A failure does not quote an unregistered one: each would be a failure of its own kind."""
_MOST_ENCODINGS = 4
_GZIP, _ZLIB, _RAW = zlib.MAX_WBITS | 16, zlib.MAX_WBITS, -zlib.MAX_WBITS
_ZLIB_HEAD_BYTES = 2
_MOST_MEMBERS = 16
"""Most members of a gzip body. Each one copies the rest of the body: a body of empty members would take minutes."""
_BROTLI_STEP = 65_536
_PIECE_BYTES = 32_768
"""Of a stream, decoded at once: a read of 16 kB may become a thousand times as much."""


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
                pass
            case "gzip" | "x-gzip":
                self._process = _Members(_GZIP, _MOST_MEMBERS).decompress
            case "deflate":
                self._process = _Deflated().decompress
            case "br":
                inflating = brotli.Decompressor()
                self._process = lambda piece, most: inflating.process(piece, output_buffer_limit=most)
            case _:
                raise _unknown(self._name)

    def decode(self, piece: bytes) -> Iterable[bytes]:
        """
        What the next piece of the body adds, a bounded part at a time.

        Raises:
            RequestFailed: It is not of the encoding, or it would be too much; both while the parts are taken.
        """
        if self._name:
            return self._parts(piece)
        return (piece,) if piece else ()

    def _parts(self, piece: bytes) -> Iterator[bytes]:
        while decoded := self._decode(piece):
            self._left -= len(decoded)
            if self._left < 0:
                raise too_large()
            yield decoded
            piece = b""

    def _decode(self, piece: bytes) -> bytes:
        try:
            return self._process(piece, min(_PIECE_BYTES, self._left + 1))
        except (zlib.error, brotli.error):
            raise _broken(self._name) from None


class _Members:
    """A body that zlib undoes, in pieces; one of gzip may have several members in a row."""

    def __init__(self, window: int, most: int) -> None:
        self._window, self._most = window, most
        self._inflating, self._begun = zlib.decompressobj(window), 1

    def decompress(self, piece: bytes, most: int) -> bytes:
        """What *piece* adds, up to *most* bytes, the rest with the next; raises `zlib.error` also for too many members."""
        decoded = self._inflating.decompress(self._inflating.unconsumed_tail + piece, most)
        while (rest := self._inflating.unused_data) and len(decoded) < most:
            if self._begun == self._most:
                raise zlib.error
            self._inflating, self._begun = zlib.decompressobj(self._window), self._begun + 1
            decoded += self._inflating.decompress(rest, most - len(decoded))
        return decoded


class _Deflated:
    """A deflate body in pieces: its first two bytes say whether it is bare."""

    def __init__(self) -> None:
        self._begin = b""
        self._members: _Members | None = None

    def decompress(self, piece: bytes, most: int) -> bytes:
        """As `_Members.decompress`."""
        if self._members is None:
            self._begin += piece
            if len(self._begin) < _ZLIB_HEAD_BYTES:
                return b""
            piece, self._members = self._begin, _Members(_deflate_window(self._begin), 1)
        return self._members.decompress(piece, most)


def too_large() -> RequestFailed:
    """The failure for a body of more bytes than the settings allow."""
    return RequestFailed(Outcome.VALIDATION, "the body is larger than answers.body_bytes allows")


def _decode(body: bytes, name: str, most_bytes: int) -> bytes:
    match name:
        case "gzip" | "x-gzip":
            return _inflate(body, _GZIP, "gzip", most_bytes)
        case "deflate":
            return _inflate(body, _deflate_window(body), "deflate", most_bytes)
        case "br":
            return _decode_brotli(body, most_bytes)
    raise _unknown(name)


def _deflate_window(body: bytes) -> int:
    """Some servers send bare deflate data, without the two bytes before and the checksum after them."""
    is_zlib = body[0] & 0x0F == zlib.DEFLATED and not int.from_bytes(body[:_ZLIB_HEAD_BYTES]) % 31
    return _ZLIB if is_zlib else _RAW


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
