"""
Reads one answer of HTTP/1.1 (RFC 9112) from bytes as they arrive, without a socket.

The reader is stricter than a browser: it refuses an answer whose end two readers could see in different places. It
also knows whether bytes came after the answer's end, which the parsers of llhttp do not say.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from conf.failures import CLOSED_HALFWAY, NOT_HTTP
from conf.operations import Outcome
from swarm.failure import RequestFailed
from swarm.http.content import decode_content, too_large
from swarm.http.response import Headers, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from conf.target import Answers

_FIELD = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++:[\t\x20-\x7e\x80-\xff]*+\r\n"
_HEAD = re.compile(
    rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*+)?\r\n((?:" + _FIELD + rb")*+)\r\n"
)
_BEGINNING = b"HTTP/1."
_TRAILER = re.compile(_FIELD)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[\t ]*+|;[\t\x20-\x7e\x80-\xff]*+)\r\n")
_LENGTH = re.compile(r"[0-9]{1,18}")
_BARE_LINE_END = re.compile(rb"(?<!\r)\n")
_LINE_END, _HEAD_END = b"\r\n", b"\r\n\r\n"
_SWITCHING_PROTOCOLS, _FIRST_FINAL, _NO_CONTENT, _NOT_MODIFIED = 101, 200, 204, 304
_WITHOUT_BODY = frozenset({_NO_CONTENT, _NOT_MODIFIED})
_FRAMING_RATIO = 8
"""Most bytes on the wire per byte of a body. A chunk of a single byte takes six; more than this is only padding."""


class AnswerReader:
    """
    One answer, with the interim answers (1xx) that came before it.

    Args:
        method: The request's; the answer to HEAD has no body.
        limits: How large the answer may be.
    """

    __slots__ = (
        "_at",
        "_body",
        "_complete",
        "_framing_bytes",
        "_head_bytes",
        "_headers",
        "_keeps_open",
        "_left",
        "_limits",
        "_lines",
        "_method",
        "_status",
        "_step",
        "_taken",
        "_unread",
    )

    def __init__(self, method: str, limits: Answers) -> None:
        self._method, self._limits = method, limits
        self._unread, self._at = b"", 0
        self._body = bytearray()
        self._head_bytes = self._framing_bytes = self._lines = self._left = self._taken = 0
        self._complete = self._keeps_open = False
        self._status, self._headers = 0, Headers(b"")
        self._step: Callable[[AnswerReader], bool] = AnswerReader._read_head
        """No bound method: that would refer to the reader, which would then keep its body until Python looks for cycles."""

    def feed(self, data: bytes) -> bool:
        """
        Read bytes that arrived, ``b""`` for the connection's end; True once the answer is complete.

        Raises:
            RequestFailed: The bytes are no answer, break off, or are more than the limits allow.
        """
        if not data:
            self._end()
            return True
        self._unread = self._unread[self._at :] + data
        self._at = 0
        while not self._complete and self._step(self):
            pass
        return self._complete

    @property
    def leaves_connection_clean(self) -> bool:
        """Whether the answer is complete, no byte followed it, and the portal keeps the connection open."""
        return self._complete and self._keeps_open and self._at == len(self._unread)

    @property
    def head(self) -> tuple[int, Headers] | None:
        """Status and headers of the answer; None until they are there."""
        return (self._status, self._headers) if self._status >= _FIRST_FINAL else None

    @property
    def is_encoded(self) -> bool:
        """Whether the body must be decoded, or nothing is known of it yet."""
        return self._status < _FIRST_FINAL or "content-encoding" in self._headers

    def take_body(self) -> bytes:
        """The part of the body that has come since the last call, as it was sent."""
        piece = bytes(self._body[self._taken :])
        self._taken = len(self._body)
        return piece

    def response(self) -> Response:
        """The complete answer."""
        encodings = self._headers.get_all("content-encoding")
        if not encodings:
            return Response(self._status, self._headers, bytes(self._body))
        try:
            content = decode_content(bytes(self._body), encodings, self._limits.body_bytes)
        except RequestFailed as failed:
            return Response(self._status, self._headers, b"", failed.with_traceback(None))
        return Response(self._status, self._headers, content)

    def _end(self) -> None:
        if self._step is not AnswerReader._read_rest:
            raise RequestFailed(Outcome.CONNECTION, CLOSED_HALFWAY)
        self._complete = True

    def _read_head(self) -> bool:
        end = self._unread.find(_HEAD_END, self._at)
        if end < 0:
            self._require_head_so_far()
            return False
        end += len(_HEAD_END)
        self._count_head(end - self._at)
        head = _HEAD.match(self._unread, self._at, end)
        if head is None:
            raise _malformed()
        self._at = end
        version, status, block = head.groups()
        self._status = int(status)
        if self._status == _SWITCHING_PROTOCOLS:
            raise RequestFailed(Outcome.STATUS, "HTTP 101 Switching Protocols, which was not asked for")
        self._lines += block.count(_LINE_END)
        if self._lines > self._limits.header_lines:
            raise _too_many_headers()
        if self._status >= _FIRST_FINAL:
            self._headers = Headers(block)
            self._begin_body(is_1_1=version == b"1")
        return True

    def _require_head_so_far(self) -> None:
        """Raise where the bytes so far cannot become a head: the rest is not waited for."""
        so_far = self._unread[self._at :]
        if not (so_far.startswith(_BEGINNING) or _BEGINNING.startswith(so_far)):
            raise _malformed()
        if _BARE_LINE_END.search(so_far):
            raise _malformed()
        if self._head_bytes + len(so_far) > self._limits.header_bytes:
            raise _header_too_large()

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._limits.header_bytes:
            raise _header_too_large()

    def _begin_body(self, *, is_1_1: bool) -> None:
        self._keeps_open = is_1_1
        if "connection" in self._headers:
            words = {word.strip() for word in self._headers["connection"].lower().split(",")}
            self._keeps_open = "close" not in words and (is_1_1 or "keep-alive" in words)
        length, chunked = self._framing(is_1_1=is_1_1)
        if self._method == "HEAD" or self._status in _WITHOUT_BODY:
            # A body that the head announces nevertheless could arrive later, and would be read as the next answer.
            if self._status == _NO_CONTENT and (chunked or length):
                self._keeps_open = False
            self._complete = True
        elif chunked:
            self._step = AnswerReader._read_chunk_size
        elif length is not None:
            if length > self._limits.body_bytes:
                raise too_large()
            self._left, self._step = length, AnswerReader._read_length
        else:
            self._keeps_open, self._step = False, AnswerReader._read_rest

    def _framing(self, *, is_1_1: bool) -> tuple[int | None, bool]:
        """The body's announced length, None where there is none, and whether the body comes in chunks."""
        lengths, codings = self._headers.get_all("content-length"), self._headers.get_all("transfer-encoding")
        if len(lengths) + len(codings) > 1:
            raise _malformed("more than one length")
        if codings and (codings[0].lower() != "chunked" or not is_1_1):
            raise _malformed("a transfer encoding that was not asked for")
        if not lengths:
            return None, bool(codings)
        if not lengths[0].isascii() or not lengths[0].isdigit():
            raise _malformed("a length that is none")
        if not _LENGTH.fullmatch(lengths[0].lstrip("0") or "0"):
            raise too_large()
        return int(lengths[0].lstrip("0") or "0"), False

    def _read_length(self) -> bool:
        piece = self._unread[self._at : self._at + self._left]
        self._at += len(piece)
        self._left -= len(piece)
        self._add(piece)
        self._complete = not self._left
        return False

    def _read_rest(self) -> bool:
        self._add(self._unread[self._at :])
        self._at = len(self._unread)
        return False

    def _read_chunk_size(self) -> bool:
        self._read_whole_chunks()
        if self._at == len(self._unread):
            return False
        line = self._line()
        if line is None:
            return False
        chunk = _CHUNK.fullmatch(line)
        if chunk is None:
            raise _malformed()
        self._framing_bytes += len(line)
        self._left = int(chunk[1], 16)
        if len(self._body) + self._left > self._limits.body_bytes:
            raise too_large()
        self._step = AnswerReader._read_chunk if self._left else AnswerReader._read_trailer
        return True

    def _read_whole_chunks(self) -> None:
        """
        Take the chunks that are here from their first byte to their last: nearly all of a stream's, one to a read.

        What is anything else is left to the steps that follow. One by one they took twice as long.
        """
        unread, at, body = self._unread, self._at, self._body
        most_bytes, most_framing = self._limits.body_bytes, self._limits.header_bytes
        while chunk := _CHUNK.match(unread, at):
            begin, size = chunk.end(), int(chunk[1], 16)
            end = begin + size
            framing = self._framing_bytes + begin - at
            fits = framing <= most_framing + _FRAMING_RATIO * len(body) and len(body) + size <= most_bytes
            if not size or not fits or unread[end : end + len(_LINE_END)] != _LINE_END:
                break
            body += unread[begin:end]
            self._framing_bytes = framing
            at = end + len(_LINE_END)
        self._at = at

    def _read_chunk(self) -> bool:
        piece = self._unread[self._at : self._at + self._left]
        self._at += len(piece)
        self._left -= len(piece)
        self._add(piece)
        if self._left:
            return False
        self._step = AnswerReader._read_chunk_end
        return True

    def _read_chunk_end(self) -> bool:
        line_end = self._unread[self._at : self._at + len(_LINE_END)]
        if not _LINE_END.startswith(line_end):
            raise _malformed()
        if len(line_end) < len(_LINE_END):
            return False
        self._at += len(_LINE_END)
        self._step = AnswerReader._read_chunk_size
        return True

    def _read_trailer(self) -> bool:
        line = self._line()
        if line is None:
            return False
        if line == _LINE_END:
            self._complete = True
            return False
        if not _TRAILER.fullmatch(line):
            raise _malformed()
        self._count_head(len(line))
        self._lines += 1
        if self._lines > self._limits.header_lines:
            raise _too_many_headers()
        return True

    def _line(self) -> bytes | None:
        """The next line with its line end; None until the whole line has arrived."""
        end = self._unread.find(_LINE_END, self._at)
        size = (len(self._unread) if end < 0 else end) - self._at
        if self._framing_bytes + size > self._limits.header_bytes + _FRAMING_RATIO * len(self._body):
            raise _header_too_large()
        if end < 0:
            if b"\n" in self._unread[self._at :]:
                raise _malformed()
            return None
        line = self._unread[self._at : end + len(_LINE_END)]
        self._at = end + len(_LINE_END)
        return line

    def _add(self, piece: bytes) -> None:
        if len(self._body) + len(piece) > self._limits.body_bytes:
            raise too_large()
        self._body += piece


def _malformed(what: str = "") -> RequestFailed:
    return RequestFailed(Outcome.CONNECTION, f"{NOT_HTTP}{what and ': ' + what}")


def _header_too_large() -> RequestFailed:
    return RequestFailed(Outcome.VALIDATION, "the headers are larger than answers.header_bytes allows")


def _too_many_headers() -> RequestFailed:
    return RequestFailed(Outcome.VALIDATION, "there are more headers than answers.header_lines allows")
