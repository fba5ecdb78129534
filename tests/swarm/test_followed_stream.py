"""Limits of a streamed answer: what the silence is called in which it is given up."""

from __future__ import annotations

import gzip
from contextlib import nullcontext
from time import perf_counter

import gevent
import pytest
from turns import counted_turns

from conf.loading import load_settings
from conf.operations import Operation, Outcome
from conf.target import Streams
from seed.fixture import House
from swarm.failure import CountedApart, RequestFailed
from swarm.http.answer_reader import AnswerReader
from swarm.users.followed_stream import FollowedStream

SETTINGS = load_settings({"target.contract": "portal-2026"}, environ={})
STREAMED = SETTINGS.contract.endpoint(Operation.CHAT).streamed
HOUSE = House("h", "t", "slug", "d", None, 1, "LV-001", "qr", "", {"unit_uid": "LV-001"})
PATIENCE = Streams(first_content_s=0.05, idle_s=0.06, whole_s=60)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
TEXT, DONE = b'data: {"type": "text", "content": "Yes."}\n\n', b'data: {"type": "done"}\n\n'
FOR_EVER_S = 60


def follow(*pieces: bytes, leaves_after_s: float | None = None) -> None:
    """Take what has come, and wait for more."""
    assert STREAMED is not None
    reader = AnswerReader("POST", SETTINGS.answers)
    with FollowedStream(STREAMED, HOUSE, PATIENCE, SETTINGS.answers, leaves_after_s=leaves_after_s) as stream:
        for piece in pieces:
            reader.feed(piece)
            stream(reader, perf_counter())
        gevent.sleep(FOR_EVER_S)


@pytest.mark.parametrize(
    ("pieces", "outcome", "words"),
    [
        ([], Outcome.TIMEOUT, "no first text within 0.05 s"),
        ([HEAD, b": heartbeat\n\n"], Outcome.TIMEOUT, "no first text within 0.05 s"),
        ([HEAD, TEXT], Outcome.IDLE, "no text within 0.06 s"),
        ([HEAD, TEXT, DONE], Outcome.CONNECTION, "the answer ended, but its body did not within 0.06 s"),
    ],
)  # fmt: skip
def test_a_silence_is_called_by_what_was_waited_for(
    pieces: list[bytes], outcome: Outcome, words: str
) -> None:
    with pytest.raises(RequestFailed) as failed:
        follow(*pieces)
    assert (failed.value.outcome, failed.value.message) == (outcome, words)


@pytest.mark.parametrize("encoding", ["zstd", "gzip, br"])
def test_only_a_streams_encoding_is_the_streams_fault(encoding: str) -> None:
    assert STREAMED is not None
    head = HEAD.replace(b"\r\n\r\n", f"\r\nContent-Encoding: {encoding}\r\n\r\n".encode())
    for answer, is_fault in ((head, True), (head.replace(b"200 OK", b"503 Service Unavailable"), False)):
        reader = AnswerReader("POST", SETTINGS.answers)
        reader.feed(answer)
        stream = FollowedStream(STREAMED, HOUSE, PATIENCE, SETTINGS.answers)
        with pytest.raises(RequestFailed) if is_fault else nullcontext():
            stream(reader, 0.0)
        assert stream.has_begun is is_fault


def test_others_run_while_much_is_decoded_that_came_in_one_read() -> None:
    assert STREAMED is not None
    reader = AnswerReader("POST", SETTINGS.answers)
    reader.feed(HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n"))
    reader.feed(gzip.compress(b":\n\n" * 100_000 + TEXT + DONE))
    stream = FollowedStream(STREAMED, HOUSE, PATIENCE, SETTINGS.answers)
    with counted_turns() as others:
        stream(reader, 1.0)
    stream.end()
    assert (stream.answer.heartbeats, stream.answer.done_s) == (100_000, 1.0)
    assert others.count >= 5


def test_a_homeowner_who_leaves_is_counted_apart_and_nothing_is_thrown_after_the_block() -> None:
    with pytest.raises(CountedApart):
        follow(HEAD, TEXT, leaves_after_s=0.0)
    gevent.sleep(2 * PATIENCE.idle_s)  # any timer that was left would end this
