"""What a streamed answer says, and when: events of the portal that streams, each with the moment of its read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conf.answer import Answer
from conf.operations import Outcome
from conf.stream import Stream
from seed.fixture import House
from swarm.failure import RequestFailed
from swarm.users.field_judge import FieldJudge
from swarm.users.streamed_answer import StreamedAnswer

HOUSE = House("h", "t", "slug", "d", None, 1, "LV-001", "qr", "jwt")
PORTAL = Stream(
    kind="type",
    content={"text": "content"},
    sources={"metadata": "sources"},
    done=("done",),
    errors={"error": ("message", "error_code")},
)
OF_A_MODEL = Stream(content={"message": "choices.0.delta.content"}, done=("[DONE]",))


def event(kind: str, **fields: Any) -> bytes:
    return b"data: " + json.dumps({"type": kind, **fields}).encode() + b"\n\n"


METADATA, DONE = (
    event("metadata", sources=[{"name": "Manual.pdf"}], chunksUsed=8),
    event("done", contact_card=None),
)


def text(content: object) -> bytes:
    return event("text", content=content)


def read(*pieces: tuple[float, bytes], expected: Stream = PORTAL, ends: bool = True) -> StreamedAnswer:
    answer = StreamedAnswer(expected, FieldJudge(Answer(statuses=(200,)), HOUSE))
    for at_s, data in pieces:
        answer.feed(data, at_s)
    if ends:
        answer.end()
    return answer


def test_moments_belong_to_the_read_that_brought_the_bytes() -> None:
    late = text("hall")
    answer = read(
        (1.0, METADATA), (1.2, b": ping\n\n" + text("")), (1.5, text(" Your") + text(" heating")), (1.8, late[:-1]), (2.5, late[-1:]),
        (3.0, DONE),
    )  # fmt: skip
    assert (answer.first_event_s, answer.first_source_s, answer.done_s) == (1.0, 1.0, 3.0)
    assert answer.contents == [(1.5, 5), (1.5, 8), (2.5, 4)]
    assert answer.gaps_s == [0.0, 1.0]
    assert answer.heartbeats == 1
    assert answer.sources == [{"name": "Manual.pdf"}]


def test_white_space_is_no_first_content_and_sources_may_rightly_be_empty() -> None:
    answer = read((1.0, event("metadata", sources=[])), (2.0, text("\n")), (3.0, text("Yes.")), (4.0, DONE))
    assert answer.contents == [(3.0, 4)]
    assert answer.first_source_s is None


@pytest.mark.parametrize(
    ("pieces", "waited_s"),
    [
        ([(0, "one two three four "), (1.0, "five")], 0),
        ([(0, "one two three four "), (1.1, "five")], 0.1),
        ([(0, "on"), (0.2, "e"), (0.3, " two")], 0.05),
        ([(0, "one "), (1, "two "), (2, "three")], 1.5),
        ([(9, "one")], 0),
    ],
)
def test_a_reader_of_four_words_a_second_waits_or_does_not(
    pieces: list[tuple[float, str]], waited_s: float
) -> None:
    answer = read(*((at_s, text(words)) for at_s, words in pieces), ends=False)
    assert answer.waited_s == pytest.approx(waited_s)


@pytest.mark.parametrize(
    ("stream", "outcome", "words"),
    [
        (METADATA + text("Your"), Outcome.TRUNCATED, "the stream ended between two events, before the answer did"),
        (METADATA + text("Your")[:-5], Outcome.TRUNCATED, "the stream ended within an event, before the answer did"),
        (b"", Outcome.TRUNCATED, "the stream ended between two events, before the answer did"),
        (METADATA + DONE, Outcome.NO_CONTENT, "the answer ended without a text"),
        (METADATA + text(" \n") + DONE, Outcome.NO_CONTENT, "the answer ended without a text"),
        (text("Your") + event("error", message="Streaming failed"), Outcome.STREAM_ERROR, "the portal ended the stream: Streaming failed"),
        (event("error"), Outcome.STREAM_ERROR, "the portal ended the stream: without a reason"),
        (event("error", message="a\x1b[Jb\n" + "c" * 999, error_code=7), Outcome.STREAM_ERROR, "the portal ended the stream: a[Jb" + "c" * 196),
        (event("error", message=["Model", "failed"]), Outcome.STREAM_ERROR, "the portal ended the stream: ['Model', 'failed']"),
        (event("error", message={"code": "late"}), Outcome.STREAM_ERROR, "the portal ended the stream: {'code': 'late'}"),
        (event("tool"), Outcome.VALIDATION, "the stream holds an event of a kind that the contract does not name"),
        (event("metadata", sources={}) + event("metadata", sources="all"), Outcome.VALIDATION, "sources of an event is not a list"),
        (b'data: {"type": ["text"]}\n\n', Outcome.VALIDATION, "the stream holds an event of a kind that the contract does not name"),
        (text(["a"]), Outcome.VALIDATION, "content of an event is not a text"),
        (b"data: {\n\n", Outcome.VALIDATION, "an event is not JSON"),
        (b"data: []\n\n", Outcome.VALIDATION, "an event is not a JSON object"),
        (b"data: [DONE]\n\n", Outcome.VALIDATION, "an event is not JSON"),
        (text("a") + DONE + text("b"), Outcome.VALIDATION, "a text comes after the end of the answer"),
    ],
)  # fmt: skip
def test_each_way_to_end_wrongly_has_its_own_outcome(stream: bytes, outcome: Outcome, words: str) -> None:
    with pytest.raises(RequestFailed) as failed:
        read((1.0, stream))
    assert (failed.value.outcome, failed.value.message) == (outcome, words)


def test_a_stream_without_kinds_ends_with_a_word() -> None:
    def delta(**fields: str) -> bytes:
        return b"data: " + json.dumps({"choices": [{"delta": fields}]}).encode() + b"\n\n"

    answer = read(
        (1.0, delta(role="assistant")), (2.0, delta(content="Yes")), (3.0, b"data: [DONE]\n\n"), expected=OF_A_MODEL
    )  # fmt: skip
    assert (answer.first_event_s, answer.contents, answer.done_s) == (1.0, [(2.0, 3)], 3.0)


def test_a_kind_with_two_meanings_is_refused() -> None:
    with pytest.raises(
        ValueError, match="kind 'text' ends an answer, says that it failed, or is one of the others"
    ):
        Stream(content={"text": "content"}, done=("text",))


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiaG9tZW93bmVyIn0.c2lnbmF0dXJlLW9mLWEtaG9tZW93bmVy"


@pytest.mark.parametrize("before", ["Bad token", "x" * 180 + " bad token"])
def test_secrets_in_a_reason_are_hidden_before_it_is_shortened_and_its_numbers_are(before: str) -> None:
    with pytest.raises(RequestFailed) as failed:
        read((1.0, event("error", message=f"{before} {JWT}")))
    assert "eyJ" not in failed.value.message + failed.value.detail
    assert failed.value.message == failed.value.detail == f"the portal ended the stream: {before} [token]"


def test_ids_and_numbers_of_one_failure_are_in_its_detail_alone() -> None:
    said = event("error", message="Model 7 failed", error_code="req 3f2a-77")
    with pytest.raises(RequestFailed) as failed:
        read((1.0, said))
    assert failed.value.message == "the portal ended the stream: Model … failed"
    assert failed.value.detail == "the portal ended the stream: Model 7 failed, req 3f2a-77"


@pytest.mark.parametrize(
    "name", ["req_x8kz2q", "3F2504E0-4F89-11D3-9A0C-0305E82C3301", "gpt4-turbo", "0x7fzz", "7"]
)
def test_a_word_with_a_digit_in_it_names_one_case_and_no_kind(name: str) -> None:
    with pytest.raises(RequestFailed) as failed:
        read((1.0, event("error", message=f"no answer ({name}) in time")))
    assert failed.value.message == "the portal ended the stream: no answer (…) in time"


NAMED = Stream(content={"message": "text"}, done=("done",), errors={"error": ("reason",)})


def test_an_events_own_name_ends_an_answer_whatever_it_holds() -> None:
    stream = b'event: message\ndata: {"text": "Yes."}\n\nevent: done\ndata: bye\n\n'
    assert read((1.0, stream), expected=NAMED).done_s == 1.0


def test_an_events_own_name_says_that_the_portal_failed_whatever_it_holds() -> None:
    with pytest.raises(RequestFailed) as failed:
        read((1.0, b"event: error\ndata: overloaded\n\n"), expected=NAMED)
    assert (failed.value.outcome, failed.value.message) == (
        Outcome.STREAM_ERROR,
        "the portal ended the stream: overloaded",
    )
