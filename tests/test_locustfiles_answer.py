from __future__ import annotations

import json

import pytest

from conf.loading import load_settings
from conf.operations import Outcome
from locustfiles._answer import assess_answer
from seed.fixture import House
from seed.request import build_request

CONTRACT = load_settings(environ={}).contract
HOUSE = House("h", "t", "longview-estates", "own-development", None, 1, "LV-001", "qr", "the-jwt")


def chat_body(**changes: object) -> bytes:
    source = {"id": 1, "developmentId": "own-development"}
    return json.dumps({"reply": "Under the sink.", "sources": [source], **changes}).encode()


def outcome(status: int, body: bytes) -> Outcome:
    failed = assess_answer(CONTRACT.chat.answer, status, body, HOUSE)
    return Outcome.SUCCESS if failed is None else failed.outcome


def test_a_reply_with_sources_of_the_own_development_is_a_success() -> None:
    assert outcome(200, chat_body()) is Outcome.SUCCESS


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 429, 500])
def test_a_status_that_the_contract_does_not_accept_fails_by_status(status: int) -> None:
    assert outcome(status, chat_body()) is Outcome.STATUS


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
    ],
)
def test_an_accepted_status_without_the_described_answer_fails_validation(body: bytes) -> None:
    assert outcome(200, body) is Outcome.VALIDATION


def test_one_foreign_source_among_many_is_an_isolation_failure_even_in_a_broken_answer() -> None:
    own, foreign = {"developmentId": "own-development"}, {"developmentId": "another"}
    assert outcome(200, chat_body(sources=[own, own, foreign])) is Outcome.ISOLATION
    assert outcome(200, chat_body(reply="", sources=[foreign])) is Outcome.ISOLATION


def test_already_onboarded_is_a_success_whatever_its_body() -> None:
    answer = CONTRACT.onboarding_resolve.answer
    assert assess_answer(answer, 409, b"", HOUSE) is None
    assert assess_answer(answer, 200, b'{"token": "x", "house": {"id": 1}}', HOUSE) is None
    failed = assess_answer(answer, 200, b'{"house": {"id": 1}}', HOUSE)
    assert failed is not None
    assert failed.outcome is Outcome.VALIDATION


def test_a_failure_never_shows_the_answer_or_a_credential() -> None:
    failed = assess_answer(CONTRACT.chat.answer, 401, b"the-jwt", HOUSE)
    assert repr(failed) == "status: HTTP 401 Unauthorized"


def test_the_jwt_goes_out_as_bearer_and_cookie_with_the_tenant_beside_it() -> None:
    request = build_request(CONTRACT.chat, HOUSE, "Where is the {stopcock}?")
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
