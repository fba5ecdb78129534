"""Reading an answer from bytes that come in any pieces, whatever they are."""

from __future__ import annotations

import gc
import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING

import gevent
import h11
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conf.loading import load_settings
from conf.operations import Outcome
from swarm.failure import RequestFailed
from swarm.http.answer_reader import AnswerReader

if TYPE_CHECKING:
    from collections.abc import Iterable

LIMITS = load_settings(environ={}).answers
OK = b"HTTP/1.1 200 OK\r\n"
EARLY_HINTS = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


@dataclass(frozen=True)
class Read:
    """What became of the bytes of an answer."""

    status: int
    content: bytes
    is_clean: bool


def read(pieces: Iterable[bytes], method: str = "GET", *, ends: bool = False) -> Read | str | None:
    """The answer, the words of its failure, or None where more must come."""
    reader = AnswerReader(method, LIMITS)
    try:
        for piece in [*pieces, *([b""] if ends else [])]:
            if reader.feed(piece):
                response = reader.response()
                if response.unreadable is not None:
                    return repr(response.unreadable)
                return Read(response.status_code, response.content, reader.leaves_connection_clean)
    except RequestFailed as failed:
        return repr(failed)
    return None


def bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


GOOD = {
    "length": (OK + b"Content-Length: 5\r\n\r\nhello", b"hello", True),
    "empty": (OK + b"Content-Length: 0\r\n\r\n", b"", True),
    "zeros before the length": (OK + b"Content-Length: 0005\r\n\r\nhello", b"hello", True),
    "small letters": (OK + b"content-length:5\r\nconnection: keep-alive\r\n\r\nhello", b"hello", True),
    "capitals": (OK + b"CONTENT-LENGTH:\t5 \r\nCONNECTION: CLOSE\r\n\r\nhello", b"hello", False),
    "closes among others": (OK + b"Connection: foo\r\nConnection: bar, close\r\nContent-Length: 0\r\n\r\n", b"", False),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", b"", True),
    "a reason of any bytes": (b"HTTP/1.1 200 \xff\t~\r\nContent-Length: 0\r\n\r\n", b"", True),
    "empty headers": (OK + b"X:\r\nY: \r\nContent-Length: 0\r\n\r\n", b"", True),
    "chunks": (OK + b"Transfer-Encoding: Chunked\r\n\r\n3\r\nhel\r\n002 \r\nlo\r\n0\r\n\r\n", b"hello", True),
    "chunks with extensions": (
        OK + b'Transfer-Encoding: chunked\r\n\r\n3;a="b";c\r\nhel\r\n2;d\r\nlo\r\n0\r\n\r\n', b"hello", True,
    ),
    "chunks with line ends in them": (OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n", True),
    "trailers": (
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nServer-Timing: a;dur=1\r\nX:\r\n\r\n", b"hello", True,
    ),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
    "HTTP/1.0 that goes on": (
        b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\nhello", b"hello", True,
    ),
    "interim answers": (EARLY_HINTS * 5 + OK + b"Content-Length: 5\r\n\r\nhello", b"hello", True),
    "an interim answer that says it closes": (
        b"HTTP/1.1 103 Early Hints\r\nConnection: close\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n", b"", True,
    ),
}  # fmt: skip
"""Bytes, body, and whether another request may follow on the same connection."""
NO_BODY = {
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", True),
    "304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", True),
    "204 that announces a body": (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", False),
    "204 that announces chunks": (b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", False),
}
UNTIL_CLOSED = {
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\nhello",
    "HTTP/1.0 that would go on": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nhello",
    "HTTP/1.1": OK + b"X: y\r\n\r\nhello",
}
STRAY = [b"\r\n", b"\n", b"\0", b"x", b"hello", OK, OK + b"Content-Length: 5\r\n\r\nhello", EARLY_HINTS]
NOT_HTTP = {
    "nothing like it": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a line end first": b"\r\n" + OK,
    "HTTP/2": b"HTTP/2.0 200 OK\r\n\r\n",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\n\r\n",
    "another protocol": b"RTSP/1.0 200 OK\r\n\r\n",
    "in small letters": b"http/1.1 200 OK\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "a status of four": b"HTTP/1.1 2000 OK\r\n\r\n",
    "status 0": b"HTTP/1.1 000 OK\r\n\r\n",
    "line ends without a carriage return": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "one such line end": OK + b"X: y\nContent-Length: 0\r\n\r\n",
    "a carriage return in a header": OK + b"X: a\rb\r\n\r\n",
    "a header that goes on in the next line": OK + b"X: a\r\n b\r\n\r\n",
    "a header without a name": OK + b": a\r\n\r\n",
    "a header without a colon": OK + b"X\r\n\r\n",
    "a blank behind a name": OK + b"Content-Length : 5\r\n\r\nhello",
    "a zero byte": OK + b"X: a\0b\r\n\r\n",
    "two lengths": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "the same length twice": OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "lengths in one header": OK + b"Content-Length: 5, 5\r\n\r\nhello",
    "a length and chunks": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an empty length": OK + b"Content-Length:\r\n\r\n",
    "a negative length": OK + b"Content-Length: -5\r\n\r\nhello",
    "a length with a sign": OK + b"Content-Length: +5\r\n\r\nhello",
    "a length in another system": OK + b"Content-Length: 0x5\r\n\r\nhello",
    "a length in digits of latin-1": OK + b"Content-Length: \xb2\r\n\r\nhello",
    "another transfer encoding": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "no transfer encoding": OK + b"Transfer-Encoding: identity\r\n\r\nhello",
    "chunks twice": OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk without a size": OK + b"Transfer-Encoding: chunked\r\n\r\n\r\n",
    "a size that is none": OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "a negative size": OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
    "a chunk that is longer than its size": OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n",
    "a chunk's size that ends in a newline alone": OK + b"Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n",
    "a trailer that is none": OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\0\r\n\r\n",
}
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
LIMITED = {
    "a header without end": ("header_bytes", OK + b"X: " + b"a" * LIMITS.header_bytes),
    "a long header": ("header_bytes", OK + b"X: " + b"a" * LIMITS.header_bytes + b"\r\n\r\n"),
    "interim answers without end": ("header_bytes", b"HTTP/1.1 103 E\r\n\r\n" * LIMITS.header_bytes),
    "many headers": ("header_lines", OK + b"X: a\r\n" * (LIMITS.header_lines + 1) + b"\r\n"),
    "a long body": ("body_bytes", OK + b"Content-Length: %d\r\n\r\n" % (LIMITS.body_bytes + 1)),
    "a length of 400 digits": ("body_bytes", OK + b"Content-Length: " + b"9" * 400 + b"\r\n\r\n"),
    "a body without end": ("body_bytes", OK + b"\r\n" + b"a" * (LIMITS.body_bytes + 1)),
    "a long chunk": ("body_bytes", CHUNKED + b"fffffffffffffff\r\n"),
    "an extension without end": ("header_bytes", CHUNKED + b"1;" + b"a" * LIMITS.header_bytes),
    "long extensions": ("header_bytes", CHUNKED + b"1;aaaaaaaaaaaaa\r\na\r\n" * 20_000),
    "long trailers": ("header_bytes", CHUNKED + b"0\r\n" + (b"X: " + b"a" * 1_000 + b"\r\n") * 100),
    "many trailers": ("header_lines", CHUNKED + b"0\r\n" + b"X:\r\n" * 500),
}
"""The limit that is named, and the bytes."""


def named(cases: dict[str, object]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", list(cases.values()), ids=list(cases))


@named(GOOD)  # type: ignore[arg-type]
def test_an_answer_is_read_however_it_is_split(case: tuple[bytes, bytes, bool]) -> None:
    data, body, is_clean = case
    expected = Read(200, body, is_clean)
    assert read(bytewise(data)) == expected
    for at in range(len(data)):
        assert read([data[:at], data[at:]] if at else [data]) == expected


@named(NO_BODY)  # type: ignore[arg-type]
def test_some_answers_have_no_body_whatever_they_announce(case: tuple[bytes, bool]) -> None:
    data, is_clean = case
    result = read(bytewise(data))
    assert isinstance(result, Read)
    assert (result.content, result.is_clean) == (b"", is_clean)


def test_the_answer_to_head_has_none() -> None:
    assert read([OK + b"Content-Length: 5\r\n\r\n"], "HEAD") == Read(200, b"", is_clean=True)
    assert read([OK + b"Content-Length: 5\r\n\r\nhello"], "HEAD") == Read(200, b"", is_clean=False)


@named(UNTIL_CLOSED)  # type: ignore[arg-type]
def test_without_a_length_an_answer_ends_with_its_connection(case: bytes) -> None:
    assert read(bytewise(case)) is None
    assert read(bytewise(case), ends=True) == Read(200, b"hello", is_clean=False)


@named(GOOD)  # type: ignore[arg-type]
def test_an_answer_that_ends_anywhere_before_its_end_is_none(case: tuple[bytes, bytes, bool]) -> None:
    data, _, _ = case
    for at in range(len(data)):
        assert read([data[:at]] if at else []) is None
        assert read([data[:at]] if at else [], ends=True) == "connection: closed before the end of the answer"


@pytest.mark.parametrize("stray", STRAY)
@named({**GOOD, **NO_BODY})  # type: ignore[arg-type]
def test_whatever_comes_behind_it_the_answer_counts_and_its_connection_is_not_used_again(
    case: tuple[bytes, ...], stray: bytes
) -> None:
    result = read([case[0] + stray])
    assert isinstance(result, Read)
    assert not result.is_clean
    for at in range(1, len(stray)):
        cut_in_the_stray_bytes = read([case[0] + stray[:at]])
        assert isinstance(cut_in_the_stray_bytes, Read)
        assert not cut_in_the_stray_bytes.is_clean


@named(NOT_HTTP)  # type: ignore[arg-type]
def test_what_is_no_answer_is_a_failure_as_soon_as_that_is_certain(case: bytes) -> None:
    for pieces in ([case], bytewise(case)):
        result = read(pieces)
        assert isinstance(result, str)
        assert result.startswith("connection: the answer is not HTTP/1.1")


@named(LIMITED)  # type: ignore[arg-type]
def test_what_is_larger_than_the_limits_is_not_read_to_its_end(case: tuple[str, bytes]) -> None:
    key, data = case
    for size in (len(data), 16_384, 1_000):
        result = read(data[at : at + size] for at in range(0, len(data), size))
        assert isinstance(result, str)
        assert result.startswith("validation: ")
        assert f" than answers.{key} allows" in result


def test_what_just_keeps_to_the_limits_is_read() -> None:
    body = b"a" * LIMITS.body_bytes
    assert read([OK + b"Content-Length: %d\r\n\r\n" % len(body) + body]) == Read(200, body, is_clean=True)
    small = b"".join(b"1\r\na\r\n" for _ in range(50_000))
    assert read([OK + b"Transfer-Encoding: chunked\r\n\r\n" + small + b"0\r\n\r\n"]) == Read(
        200, b"a" * 50_000, is_clean=True
    )
    assert read([OK + b"X: a\r\n" * (LIMITS.header_lines - 1) + b"Content-Length: 0\r\n\r\n"]) is not None


def test_another_protocol_that_was_not_asked_for_has_its_own_words() -> None:
    for data in (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n\x81\x05",
        EARLY_HINTS + b"HTTP/1.1 101\r\n\r\n",
    ):
        assert read(bytewise(data)) == "status: HTTP 101 Switching Protocols, which was not asked for"


def test_headers_are_found_in_any_letters_and_repeated_ones_are_all_there() -> None:
    reader = AnswerReader("GET", LIMITS)
    head = b"Set-Cookie: a=1\r\nserver-timing: a;dur=1 \r\nSET-COOKIE: b=2\r\nServer-Timing:b;dur=2\r\n"
    assert reader.feed(EARLY_HINTS + OK + head + b"Content-Length: 0\r\n\r\n")
    headers = reader.response().headers
    assert headers["SERVER-TIMING"] == headers.get("server-timing") == "a;dur=1, b;dur=2"
    assert headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert "content-length" in headers
    assert "link" not in headers
    assert headers.get("X-None") is None
    assert set(headers) == {"set-cookie", "server-timing", "content-length"}


def test_a_status_is_told_even_where_the_body_cannot_be_decoded() -> None:
    reader = AnswerReader("GET", LIMITS)
    assert reader.feed(b"HTTP/1.1 503 Down\r\nContent-Encoding: zstd\r\nContent-Length: 1\r\n\r\nx")
    response = reader.response()
    assert (response.status_code, response.content) == (503, b"")
    assert response.unreadable is not None
    assert response.unreadable.outcome is Outcome.VALIDATION
    assert reader.leaves_connection_clean


def test_text_and_json_are_what_the_headers_say() -> None:
    def response(body: bytes, *headers: bytes) -> AnswerReader:
        reader = AnswerReader("GET", LIMITS)
        lines = b"".join(header + b"\r\n" for header in headers)
        assert reader.feed(OK + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return reader

    assert (
        response("Zähler".encode("latin-1"), b"Content-Type: text/html; charset=ISO-8859-1").response().text
        == "Zähler"
    )
    assert response("Zähler".encode()).response().text == "Zähler"
    for charset in (b"nonsense", b"zip", b"hex", b"\xff", b"undefined", b"idna"):
        assert response(b"abc", b"Content-Type: text/html; charset=" + charset).response().text == "abc"
    packed = gzip.compress(b'{"a": 1}')
    assert response(packed, b"Content-Encoding: gzip").response().json() == {"a": 1}


def second_opinion(data: bytes) -> Read | None:
    """
    What h11, which is written independently, makes of the bytes; None where it has no answer.

    It keeps no connection of HTTP/1.0 open: *is_clean* is only whether nothing came behind the answer.
    """
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    try:
        connection.receive_data(data)
        status, body = 0, b""
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return Read(status, body, is_clean=not connection.trailing_data[0])
            elif not isinstance(event, h11.InformationalResponse):
                return None
    except h11.RemoteProtocolError:
        return None


_answers = st.sampled_from(
    [*(case[0] for case in GOOD.values()), *(case[0] for case in NO_BODY.values()), *NOT_HTTP.values()]
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Answers of which some bytes are gone, doubled, exchanged or others."""
    data = draw(_answers) + draw(st.sampled_from([b"", *STRAY]))
    for _ in range(draw(st.integers(0, 3))):
        start, end = sorted(draw(st.tuples(*[st.integers(0, len(data))] * 2)))
        odd = draw(
            st.sampled_from([b"", b"\r\n", b"\n", b" ", b",", b"0", b"9" * 30, data[start:end] * 2])
            | st.binary(max_size=3)
        )
        data = data[:start] + odd + data[end:]
    return data


@settings(max_examples=300)
@given(st.binary(max_size=300) | damaged(), st.data())
@example(b"", None)
def test_whatever_comes_is_an_answer_or_a_failure_and_never_read_differently(
    data: bytes, draws: st.DataObject | None
) -> None:
    at = draws.draw(st.integers(0, len(data))) if draws else 0
    at_once, in_two = read([data] if data else []), read([piece for piece in (data[:at], data[at:]) if piece])
    by_byte = read(bytewise(data))
    for other in (in_two, by_byte):
        if isinstance(at_once, Read):
            assert isinstance(other, Read)
            assert (other.status, other.content) == (at_once.status, at_once.content)
        else:
            # In pieces the answer may be there before what spoils the bytes behind it.
            assert type(other) is type(at_once)
    ended = read([data] if data else [], ends=True)
    assert ended is not None
    if isinstance(at_once, Read):
        assert ended == at_once
        theirs = second_opinion(data)
        assert theirs is not None
        assert (theirs.status, theirs.content) == (at_once.status, at_once.content)
        assert theirs.is_clean or not at_once.is_clean


@pytest.mark.parametrize(
    "data", [OK + b"Content-Length: 5\r\n\r\nhello", OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n", b"no"]
)
def test_a_reader_is_gone_with_its_last_reference(data: bytes) -> None:
    gevent.sleep(0)  # the event loop holds on to the last answer of another test until it runs
    gc.collect()
    gc.disable()
    try:
        read([data])
        assert not [one for one in gc.get_objects() if type(one) is AnswerReader]
    finally:
        gc.enable()
