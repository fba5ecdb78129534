"""What real portals answered, byte by byte, held against the contracts that describe them."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conf.loading import load_settings
from conf.operations import Operation, Outcome
from seed.fixture import House
from seed.request import build_request
from swarm.failure import CountedApart, RequestFailed
from swarm.http.answer_reader import AnswerReader
from swarm.users.answer import find_expected, require_answer
from swarm.users.followed_stream import FollowedStream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CAPTURES = Path(__file__).parents[1] / "captures"
SETTINGS = {
    name: load_settings({"target.contract": name}, environ={}) for name in ("portal-2025-12", "portal-2026")
}
OLD, NEW = SETTINGS
CHAT, RESOLVE = Operation.CHAT, Operation.ONBOARDING_RESOLVE


def house(uid: str) -> House:
    return House(
        "a7f49094-46e1-4c82-86ce-ae47afe6ccb6", "fdd1bd1a-97fa-4a1c-94b5-ae22dceb077d", "longview-estates",
        "e0833063-55ac-4201-a50e-f329c090fbd6", "A", 1, uid, "qr:token", "", {"unit_uid": uid},
    )  # fmt: skip


FIRST, NINTH = house("LV-PARK-001"), house("LV-PARK-009")


def lines(name: str) -> Iterator[dict[str, Any]]:
    return map(json.loads, (CAPTURES / f"{name}.jsonl").read_text().splitlines())


def reads(name: str) -> list[tuple[float, bytes]]:
    """When each piece came, in seconds, and its bytes."""
    return [(line["ms"] / 1000, line["latin1"].encode("latin-1")) for line in lines(name) if "latin1" in line]


def judged(contract: str, operation: Operation, pieces: Sequence[tuple[float, bytes]], asking: House) -> str:
    """The outcome of an answer, and what the report says of it."""
    settings = SETTINGS[contract]
    endpoint, answers = settings.contract.endpoint(operation), settings.answers
    reader = AnswerReader(endpoint.method, answers)
    stream = None
    if (streamed := endpoint.streamed) is not None:
        stream = FollowedStream(streamed, asking, settings.streams, answers)
    try:
        for at_s, piece in pieces:
            reader.feed(piece)
            if stream is not None:
                stream(reader, at_s)
        if stream is not None:
            stream.end()
        response = reader.response()
        require_answer(find_expected(endpoint, response), response, asking)
    except CountedApart as apart:
        return apart.outcome
    except RequestFailed as failed:
        return repr(failed)
    return Outcome.SUCCESS


@pytest.mark.parametrize(
    ("contract", "operation", "name", "asking", "said"),
    [
        (NEW, CHAT, "stream-ok", FIRST, "success"),
        (NEW, CHAT, "stream-ok-sources", FIRST, "success"),
        (NEW, CHAT, "stream-headers-early", FIRST, "success"),
        (NEW, CHAT, "intercept-gas", FIRST, "intercepted"),
        (NEW, CHAT, "intercept-safety", FIRST, "intercepted"),
        (NEW, CHAT, "stream-error-frame", FIRST, "stream_error: the portal ended the stream: Streaming failed"),
        (NEW, CHAT, "stream-no-text", FIRST, "no_content: the answer ended without a text"),
        (NEW, CHAT, "error-429", FIRST, "status: HTTP 429 Too Many Requests"),
        (NEW, CHAT, "error-503", FIRST, "status: HTTP 503 Service Unavailable"),
        (NEW, CHAT, "error-500-model", FIRST, "status: HTTP 500 Internal Server Error"),
        (NEW, RESOLVE, "resolve-hit", NINTH, "success"),
        (NEW, RESOLVE, "resolve-miss", NINTH, "success"),
        (NEW, RESOLVE, "resolve-hit", FIRST, "isolation: unit_id is another house's"),
        (NEW, RESOLVE, "resolve-404", FIRST, "status: HTTP 404 Not Found"),
        (OLD, CHAT, "old-ok", FIRST, "success"),
        (OLD, CHAT, "old-no-tenant", FIRST, "intercepted"),
        (OLD, CHAT, "old-other-development", FIRST, "isolation: a source belongs to another house"),
        (OLD, CHAT, "old-429", FIRST, "status: HTTP 429 Too Many Requests"),
        (OLD, RESOLVE, "old-resolve", FIRST, "success"),
        (OLD, RESOLVE, "old-resolve", NINTH, "isolation: unit_uid is another house's"),
        (OLD, RESOLVE, "old-resolve-401", FIRST, "status: HTTP 401 Unauthorized"),
        (OLD, CHAT, "stream-ok", FIRST, "validation: the body is not JSON"),
        (NEW, CHAT, "old-resolve", FIRST, "validation: answer is missing or empty"),
    ],
)  # fmt: skip
def test_a_real_answer_is_what_its_contract_calls_it(
    contract: str, operation: Operation, name: str, asking: House, said: str
) -> None:
    assert judged(contract, operation, reads(name), asking) == said


def test_a_stream_that_the_connection_cuts_short_is_truncated() -> None:
    stream = FollowedStream(
        SETTINGS[NEW].contract.chat.streamed, FIRST, SETTINGS[NEW].streams, SETTINGS[NEW].answers
    )
    reader = AnswerReader("POST", SETTINGS[NEW].answers)
    for at_s, piece in reads("stream-cut-fin"):
        reader.feed(piece)
        stream(reader, at_s)
    with pytest.raises(RequestFailed) as cut:
        reader.feed(b"")
    assert stream.failure(cut.value).outcome is Outcome.TRUNCATED


def replaced(name: str, old: str, new: str) -> list[tuple[float, bytes]]:
    """The capture as one piece, with another body of its own length."""
    whole = b"".join(piece for _, piece in reads(name))
    head, _, body = whole.partition(b"\r\n\r\n")
    text = re.sub(rb"(?:^|\r\n)[0-9a-f]+\r\n", b"", body).decode()
    assert old in text
    content = text.replace(old, new, 1).rstrip().encode()
    chunk = f"{len(content):x}\r\n".encode() + content + b"\r\n0\r\n\r\n"
    return [(0.0, head + b"\r\n\r\n" + chunk)]


@pytest.mark.parametrize(
    ("contract", "operation", "name", "old", "new", "said"),
    [
        (OLD, CHAT, "old-ok", '"success":true', '"success":false', "validation: success has a value"),
        (OLD, CHAT, "old-ok", '"success":true', '"success":1', "validation: success has a value"),
        (OLD, CHAT, "old-ok", '"success":true', '"ok":true', "validation: success is missing"),
        (OLD, CHAT, "old-ok", '"source":"rag"', '"source":"profile"', "success"),
        (OLD, CHAT, "old-ok", '"source":"rag"', '"source":"guess"', "validation: source has a value"),
        (OLD, CHAT, "old-ok", '"source":"rag"', '"source":"dimension_guardrail"', "intercepted"),
        (OLD, CHAT, "old-ok", '"tier":"important"', '"tier":"global"', "isolation: a source"),
        (OLD, RESOLVE, "old-resolve", '"tenant_id":"fdd1', '"tenant_id":"0dd1', "isolation: tenant_id"),
        (OLD, RESOLVE, "old-resolve", '"tenant_id":"', '"tenant_id":"","x":"', "validation: tenant_id is missing"),
        (OLD, RESOLVE, "old-resolve", '"unit_uid":"LV-PARK-001"', '"unit_uid":[]', "validation: unit_uid is no"),
        (NEW, RESOLVE, "resolve-miss", '"success":true', '"success":false', "validation: success has a value"),
        (NEW, CHAT, "intercept-gas", '"source":"emergency_tier1"', '"source":""', "validation: source is missing"),
    ],
)  # fmt: skip
def test_an_answer_that_differs_in_one_field_is_another(  # noqa: PLR0913, PLR0917 - a row of the table
    contract: str, operation: Operation, name: str, old: str, new: str, said: str
) -> None:
    asking = NINTH if name == "resolve-miss" else FIRST
    found = judged(contract, operation, replaced(name, old, new), asking)
    assert found.startswith(said)
    assert old.partition(":")[2] not in found.partition(" has a value")[2]  # an answer's values stay in it


@settings(max_examples=20)
@given(st.lists(st.integers(min_value=1, max_value=60), min_size=1, max_size=40))
def test_wherever_reads_cut_an_answer_it_is_judged_the_same(sizes: list[int]) -> None:
    for name, said in (("stream-ok-sources", "success"), ("intercept-gas", "intercepted")):
        whole = b"".join(piece for _, piece in reads(name))
        cuts = [0, *sorted({sum(sizes[:n]) * 7 % len(whole) for n in range(1, len(sizes))} - {0}), len(whole)]
        pieces = [(n / 10, whole[a:b]) for n, (a, b) in enumerate(pairwise(cuts))]
        assert judged(NEW, CHAT, pieces, FIRST) == said


@pytest.mark.parametrize(
    ("contract", "operation", "name"),
    [(NEW, CHAT, "stream-ok"), (NEW, RESOLVE, "resolve-miss"), (OLD, CHAT, "old-ok")],
)
def test_the_contract_sends_what_was_sent_to_the_real_portal(
    contract: str, operation: Operation, name: str
) -> None:
    sent = next(lines(name))
    body = json.loads(sent["sent"])
    asking = NINTH if operation is RESOLVE else FIRST
    request = build_request(
        SETTINGS[contract].contract.endpoint(operation), asking, {"question": body.get("message", "")}
    )
    assert f"{request.method} {request.path}" == sent["request"]
    assert json.loads(request.body or "") == body
    assert request.headers["Content-Type"] == "application/json"


def test_a_query_is_percent_encoded_and_follows_the_path() -> None:
    resolve = build_request(SETTINGS[OLD].contract.onboarding_resolve, FIRST)
    assert resolve.path == "/api/houses/resolve?code=LV-PARK-001&token=qr%3Atoken"
    assert resolve.headers == {}
    chat = build_request(SETTINGS[NEW].contract.chat, FIRST, {"question": "Why?"})
    assert chat.headers["Accept"] == "text/event-stream, application/json"
