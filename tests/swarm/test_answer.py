from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given as whatever
from hypothesis import strategies as st

from conf.loading import load_settings
from conf.operations import Outcome
from seed.fixture import House
from seed.request import build_request
from swarm.failure import RequestFailed
from swarm.http.response import Headers, Response
from swarm.users.answer import find_expected, read_given, require_answer

if TYPE_CHECKING:
    from conf.endpoint import Endpoint

CONTRACT = load_settings(environ={}).contract
HOUSE = House("h", "t", "longview-estates", "own-development", None, 1, "LV-001", "qr", "the-jwt")


def chat_body(**changes: object) -> bytes:
    source = {"id": 1, "developmentId": "own-development"}
    return json.dumps({"reply": "Under the sink.", "sources": [source], **changes}).encode()


def assessed(status: int, body: bytes, endpoint: Endpoint = CONTRACT.chat) -> RequestFailed | None:
    return failure_of(endpoint, Response(status, Headers(), body))


def failure_of(endpoint: Endpoint, response: Response) -> RequestFailed | None:
    try:
        require_answer(find_expected(endpoint, response), response, HOUSE)
    except RequestFailed as failed:
        return failed
    return None


def outcome(status: int, body: bytes) -> Outcome:
    failed = assessed(status, body)
    return Outcome.SUCCESS if failed is None else failed.outcome


def test_a_reply_with_sources_of_the_own_development_is_a_success() -> None:
    assert outcome(200, chat_body()) is Outcome.SUCCESS


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 429, 500])
def test_a_status_that_the_contract_does_not_accept_fails_by_status(status: int) -> None:
    assert outcome(status, chat_body()) is Outcome.STATUS


def repr_of_first_letters(value: object) -> str:
    return repr(value)[:30]


def repr_of_first_bytes(body: bytes) -> str:
    return repr(body[:30])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        chat_body(reply=""),
        chat_body(reply="  "),
        chat_body(reply=None),
        chat_body(sources=[]),
        chat_body(sources=None),
        chat_body(sources=[{"id": 1}]),
        chat_body(sources=["x"]),
        chat_body(sources="a text"),
        chat_body(sources={"0": {"developmentId": "own-development"}}),
        chat_body(sources=17),
        chat_body(sources=True),
        chat_body(sources=[{"developmentId": 17}]),
        chat_body(sources=[{"developmentId": ["own-development"]}]),
        chat_body(sources=[{"developmentId": " "}]),
        chat_body(sources=[[{"developmentId": "own-development"}]]),
        chat_body(reply="half a letter: \ud83d"),
        chat_body()[:-1],
        chat_body() + b"{}",
        chat_body() + b"\0",
        b"\xef\xbb\xbf" + chat_body(),
        chat_body().decode().encode("utf-16"),
        chat_body(reply="x").replace(b"x", b"\xff"),
        chat_body(reply="x").replace(b"x", b"\xed\xa0\x80"),
        chat_body().replace(b'"id": 1', b'"id": NaN'),
        chat_body().replace(b'"id": 1', b'"id": -Infinity'),
        chat_body().replace(b'"id": 1', b'"id": ' + b"9" * 5_000),
        chat_body().replace(b'"id": 1', b'"id": ' + b"[" * 2_000 + b"]" * 2_000),
        b"[" * 2_000_000,
        b'{"a":' * 100_000,
        chat_body().replace(b'"id": 1', b'"developmentId": "another"'),
        b"null",
        b'"text"',
        b"17",
    ],
    ids=repr_of_first_bytes,
)
def test_an_accepted_status_without_the_described_answer_fails_validation(body: bytes) -> None:
    assert outcome(200, body) is Outcome.VALIDATION


def test_one_foreign_source_among_many_is_an_isolation_failure_even_in_a_broken_answer() -> None:
    own, foreign = {"developmentId": "own-development"}, {"developmentId": "another"}
    assert outcome(200, chat_body(sources=[own, own, foreign])) is Outcome.ISOLATION
    assert outcome(200, chat_body(reply="", sources=[foreign])) is Outcome.ISOLATION


def test_a_whole_letter_that_is_written_as_two_halves_is_one() -> None:
    assert outcome(200, chat_body(reply="\U0001f600")) is Outcome.SUCCESS


@whatever(st.binary(max_size=200) | st.binary(max_size=40).map(lambda odd: chat_body().replace(b"sink", odd)))
def test_whatever_the_body_is_it_is_a_success_or_one_failure(body: bytes) -> None:
    assert outcome(200, body) in {Outcome.SUCCESS, Outcome.VALIDATION, Outcome.ISOLATION}


def test_an_answer_that_could_not_be_decoded_fails_wherever_its_status_is_accepted() -> None:
    why = RequestFailed(Outcome.VALIDATION, "why")
    for endpoint, status in ((CONTRACT.onboarding_page, 302), (CONTRACT.onboarding_resolve, 409)):
        assert failure_of(endpoint, Response(status, Headers(), b"", why)) is why
    failed = failure_of(CONTRACT.chat, Response(500, Headers(), b"", why))
    assert failed is not None
    assert failed.outcome is Outcome.STATUS


def test_already_onboarded_is_a_success_whatever_its_body() -> None:
    endpoint = CONTRACT.onboarding_resolve
    assert assessed(409, b"", endpoint) is None
    assert assessed(200, b'{"token": "x", "house": {"id": 1}}', endpoint) is None
    failed = assessed(200, b'{"house": {"id": 1}}', endpoint)
    assert failed is not None
    assert failed.outcome is Outcome.VALIDATION


LISTED = CONTRACT.documents_list.answer


def given(body: object) -> dict[str, str]:
    answer = Response(200, Headers(), json.dumps(body).encode())
    require_answer(LISTED.model_copy(update={"not_empty": ()}), answer, HOUSE)
    return read_given(LISTED, answer, Random(17))


def test_an_answer_gives_a_field_of_any_element_of_a_list() -> None:
    listed = {"documents": [{"id": "one"}, {"id": 2}]}
    found = {
        read_given(LISTED, Response(200, Headers(), json.dumps(listed).encode()), Random(seed))["document_id"]
        for seed in range(20)
    }
    assert found == {"one", "2"}
    assert given({"documents": {"id": "of no list"}}) == {"document_id": "of no list"}
    third = LISTED.model_copy(update={"gives": {"document_id": "documents.1.id"}})
    assert read_given(third, Response(200, Headers(), json.dumps(listed).encode()), Random(17)) == {
        "document_id": "2"
    }
    assert read_given(CONTRACT.chat.answer, Response(200, Headers(), chat_body()), Random(17)) == {}


@pytest.mark.parametrize(
    "documents",
    [
        [], None, "text", 17, [None], ["text"], [{}], [{"id": None}], [{"id": ""}], [{"id": "  "}], [{"id": True}],
        [{"id": 1.5}], [{"id": {"x": 1}}], [{"id": "a\r\nb"}], [{"id": "x" * 1_001}], [{"id": ".."}], [{"id": "."}],
    ],
    ids=repr_of_first_letters,
)  # fmt: skip
def test_a_field_that_a_later_request_cannot_be_filled_with_fails_the_answer_that_lacks_it(
    documents: object,
) -> None:
    with pytest.raises(RequestFailed, match=r"documents\.id is not there, or is no short text") as raised:
        given({"documents": documents})
    assert raised.value.outcome is Outcome.VALIDATION


def test_a_failure_never_shows_the_answer_or_a_credential() -> None:
    failed = assessed(401, b"the-jwt")
    assert repr(failed) == "status: HTTP 401 Unauthorized"


def test_the_jwt_goes_out_as_bearer_and_cookie_with_the_tenant_beside_it() -> None:
    request = build_request(CONTRACT.chat, HOUSE, {"question": "Where is the {stopcock}?"})
    assert request.headers["Authorization"] == "Bearer the-jwt"
    assert request.headers["Cookie"] == "homeowner_token=the-jwt"
    assert request.headers["X-Tenant-Slug"] == "longview-estates"
    assert json.loads(request.body or "") == {
        "message": "Where is the {stopcock}?",
        "developmentId": "own-development",
    }


def test_an_endpoint_without_a_body_sends_none() -> None:
    request = build_request(CONTRACT.onboarding_page, HOUSE)
    assert (request.method, request.path, request.body) == ("GET", "/onboarding/qr", None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"[" * 490 + b"]" * 490, Outcome.SUCCESS),
        (b"[" * 501 + b"]" * 501, Outcome.VALIDATION),
        (b"[" + b'{"a":[]},' * 5_000 + b"1]", Outcome.SUCCESS),
        (b'"' + b"[{" * 5_000 + b'\\"[' + b'"', Outcome.SUCCESS),
    ],
    ids=["deep", "too deep", "wide", "a text"],
)
def test_the_depth_of_an_answer_that_can_be_read_is_the_same_for_each_python(
    value: bytes, expected: Outcome
) -> None:
    assert outcome(200, chat_body().replace(b'"id": 1', b'"id": ' + value)) is expected
