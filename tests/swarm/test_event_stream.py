"""The reader of server-sent events, held against a line-by-line reading of the HTML standard, and cut at every byte."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.http.event_stream import Event, EventStreamReader

STREAMS: dict[str, tuple[bytes, list[Event]]] = {
    "one": (b"data: a\n\n", [Event("message", "a", "")]),
    "no space": (b"data:a\n\n", [Event("message", "a", "")]),
    "one space of two is part": (b"data:  a\n\n", [Event("message", " a", "")]),
    "no colon": (b"data\n\n", [Event("message", "", "")]),
    "lines": (b"data: a\ndata:\ndata: b\n\n", [Event("message", "a\n\nb", "")]),
    "carriage returns": (b"data: a\r\rdata: b\r\r", [Event("message", text, "") for text in "ab"]),
    "both": (b"data: a\r\n\r\ndata: b\r\n\r\n", [Event("message", text, "") for text in "ab"]),
    "mixed": (b"data: a\r\ndata: b\n\rdata: c\r\r\n", [Event("message", "a\nb", ""), Event("message", "c", "")]),
    "a BOM": (b"\xef\xbb\xbfdata: a\n\n", [Event("message", "a", "")]),
    "a second BOM is a field's": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [Event("message", "b", "")]),
    "named": (b"event: error\ndata: a\n\ndata: b\n\n", [Event("error", "a", ""), Event("message", "b", "")]),
    "numbered": (b"id: 7\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", [
        Event("message", "a", "7"), Event("message", "b", "7"), Event("message", "c", ""),
    ]),
    "a NUL is no number": (b"id: 7\nid: 8\0\ndata: a\n\n", [Event("message", "a", "7")]),
    "a comment": (b": ping\n\ndata: a\n:\n\n", [Event("message", "a", "")]),
    "a name alone": (b"event: error\n\ndata: a\n\n", [Event("message", "a", "")]),
    "unknown fields": (b"Data: b\n data: c\ndate: d\ndata: a\n\n", [Event("message", "a", "")]),
    "empty lines": (b"\n\n\ndata: a\n\n\n\ndata: b\n\n", [Event("message", text, "") for text in "ab"]),
    "cut short": (b"data: a\n\ndata: b\n", [Event("message", "a", "")]),
    "letters of several bytes": ("data: Bär 🏠\n\n".encode(), [Event("message", "Bär 🏠", "")]),
    "no UTF-8": (b"data: a\xc3\n\ndata: \xf0\x9f\x8f\n\n", [Event("message", "a�", ""), Event("message", "�", "")]),
    "JSON": (b'data: {"type":"text","content":"a\\n\\nb"}\n\n', [
        Event("message", r'{"type":"text","content":"a\n\nb"}', ""),
    ]),
}  # fmt: skip


def read(*pieces: bytes) -> list[Event]:
    reader = EventStreamReader()
    return [event for piece in pieces for event in reader.feed(piece)]


def by_the_standard(stream: bytes) -> list[Event]:
    """The standard's algorithm, in its order: decode, split, and then line for line."""
    events, kind, last_id = [], "", ""
    data: list[str] = []
    *lines, _ = re.split(r"\r\n|\n|\r", stream.decode(errors="replace").removeprefix("\ufeff"))
    for line in lines:
        if not line:
            if data:
                events.append(Event(kind or "message", "\n".join(data), last_id))
            kind, data = "", []
            continue
        field, colon, value = line.partition(":")
        value = value[1:] if colon and value.startswith(" ") else value
        if field == "data":
            data.append(value)
        elif field == "event":
            kind = value
        elif field == "id" and "\0" not in value:
            last_id = value
    return events


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_read_alike_wherever_it_is_cut(name: str) -> None:
    stream, events = STREAMS[name]
    assert read(stream) == events
    assert by_the_standard(stream) == events
    for at in range(len(stream) + 1):
        assert read(stream[:at], b"", stream[at:]) == events, at
    assert read(*(bytes([byte]) for byte in stream)) == events


PIECES = st.sampled_from([
    b"\n", b"\r", b"\r\n", b"\n\n", b":", b" ", b"data", b"data:", b"data: a", b"event: x", b"id: 1", b"id:\0", b"retry: 5",
    b"\xef\xbb\xbf", "ä".encode(), b"\xc3", b"\xff", b": ping", "\u2028".encode(), b"\x0c", b"\x1c", "\x85".encode(),
])  # fmt: skip


@given(st.lists(PIECES), st.data())
def test_any_stream_is_read_as_the_standard_says(pieces: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    ends = [0, *cuts, len(stream)]
    assert read(*(stream[a:b] for a, b in pairwise(ends))) == by_the_standard(stream)


@pytest.mark.parametrize(
    ("stream", "between"),
    [(b"", True), (b"data: a\n\n", True), (b"data: a\n\n: ping\n", True), (b"data: a\n", False), (b"data: a\n\nda", False)],
)  # fmt: skip
def test_a_stream_ends_between_two_events_or_within_one(stream: bytes, between: bool) -> None:  # noqa: FBT001 - expected
    reader = EventStreamReader()
    reader.feed(stream)
    assert reader.end() is between


def test_comments_are_counted_and_the_pause_before_asking_again_is_kept() -> None:
    reader = EventStreamReader()
    assert reader.feed(b": ping\n\n: ping\nretry: 1500\nretry: soon\nretry: -1\n\n:") == []
    assert (reader.comments, reader.retry_ms) == (2, 1500)
    assert reader.end()
    assert reader.comments == 3
