"""What a contract may say about requests and answers."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from conf.answer import Answer
from conf.contract import Contract
from conf.endpoint import Endpoint
from conf.errors import LoadTestError
from conf.loading import load_settings
from conf.operations import Journey, Operation
from conf.template import PLACEHOLDERS
from seed.fixture import House

OK = Answer(statuses=(200,))


def test_placeholders_are_fields_of_a_house_and_the_question() -> None:
    assert set(House.__dataclass_fields__) | {"question"} >= PLACEHOLDERS


def test_every_known_placeholder_is_accepted_wherever_templates_are() -> None:
    template = "".join(f"{{{name}}}" for name in sorted(PLACEHOLDERS)) + "{{literal}}"
    endpoint = Endpoint(
        method="POST", path=f"/{template}", headers={"A": template}, body={"b": template}, answer=OK
    )
    assert endpoint.path == f"/{template}"


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("{token}", r"chat\n  unknown placeholder 'token' in .*; allowed: development_id, "),
        ("{}", "unknown placeholder ''"),
        ("{jwt.__class__}", "unknown placeholder 'jwt.__class__'"),
        ("{jwt[0]}", "unknown placeholder"),
        ("{document_id}", "unknown placeholder"),
        ("{jwt", "cannot be filled in"),
        ("jwt}", "cannot be filled in"),
        ("{jwt!r}", "without a format"),
        ("{jwt:>20}", "without a format"),
        ("{jwt:{secret}}", "without a format"),
    ],
)
@pytest.mark.parametrize("place", ["path", "headers", "body"])
def test_a_template_that_nothing_can_fill_is_refused(template: str, complaint: str, place: str) -> None:
    values: dict[str, Any] = {"method": "GET", "path": "/x", "answer": {"statuses": [200]}}
    values[place] = f"/{template}" if place == "path" else {"name": template}
    with pytest.raises(ValidationError, match=complaint):
        described(chat=values)


def described(**requests: Any) -> Contract:
    return Contract.model_validate({"description": "", "health": "/"} | requests)


def request_of(path: str, **answer: Any) -> dict[str, Any]:
    return {"method": "GET", "path": path, "answer": {"statuses": [200], "format": "json"} | answer}


def test_an_answer_gives_to_later_requests_of_its_flow_and_to_no_others() -> None:
    giving = request_of("/list", gives={"document_id": "documents.id"})
    opening = request_of("/open/{document_id}")
    contract = described(documents_list=giving, documents_open=opening)
    assert list(contract.endpoints) == [Operation.DOCUMENTS_LIST, Operation.DOCUMENTS_OPEN]
    allowed = "; allowed: development_id, document_id, house_id, "
    with pytest.raises(ValidationError, match="documents_list\n  unknown placeholder 'document_id'"):
        described(documents_list=opening, documents_open=giving)
    with pytest.raises(ValidationError, match=f"documents_open\n  unknown placeholder 'id' .*{allowed}"):
        described(documents_list=giving, documents_open=request_of("/open/{id}"))
    with pytest.raises(ValidationError, match="chat\n  unknown placeholder 'document_id'"):
        described(documents_list=giving, chat=opening)
    with pytest.raises(ValidationError, match="token_check\n  unknown placeholder 'document_id'"):
        described(documents_list=giving, token_check=opening)


@pytest.mark.parametrize(
    "answer",
    [
        {"gives": {"jwt": "token"}},
        {"gives": {"Document": "id"}},
        {"gives": {"document_id": ""}},
        {"gives": {"document_id": "documents..id"}},
        {"gives": {"document_id": "id"}, "format": "any"},
        {"gives": {"document_id": "id"}, "statuses": [200, 204], "body_from": [200]},
    ],
)
def test_what_an_answer_gives_has_a_name_of_its_own_and_a_place(answer: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        described(documents_list=request_of("/list", **answer))


def test_a_contract_names_fields_of_a_house_that_only_its_portal_has() -> None:
    asking = request_of("/homes/{unit_uid}", format="any")
    contract = described(house_fields=["unit_uid", "project_id"], onboarding_page=asking)
    assert contract.fields_of([Journey.ONBOARDING]) == {"unit_uid": "onboarding_page"}
    assert contract.fields_of([Journey.CHAT]) == {}
    with pytest.raises(ValidationError, match="onboarding_page\n  unknown placeholder 'unit_uid'"):
        described(onboarding_page=asking)
    with pytest.raises(ValidationError, match="'jwt' is a field that every house has"):
        described(house_fields=["jwt"])
    for name in ("own", "vector", "sample", "nonce", "sha256"):
        with pytest.raises(ValidationError, match=f"'{name}' means something else"):
            described(house_fields=[name])
    with pytest.raises(ValidationError, match=r"house_fields\.0\n"):
        described(house_fields=["Unit UID"])


def test_a_journey_needs_what_its_requests_name_and_no_more() -> None:
    contract = load_settings(environ={}).contract
    assert contract.fields_of([Journey.ONBOARDING]).keys() == {"qr_token"}
    assert contract.fields_of([Journey.CHAT]).keys() == {"jwt", "tenant_slug", "development_id"}
    assert contract.fields_of([Journey.RAG]) == {"tenant_id": "rag", "development_id": "rag"}
    typed = described(chat=request_of("/{house_type}/{question}"))
    assert typed.fields_of([Journey.CHAT]) == {}


def test_a_request_that_the_portal_does_not_have_is_named_where_it_is_asked_for() -> None:
    contract = described(chat=request_of("/chat"))
    assert contract.endpoint(Operation.CHAT).path == "/chat"
    with pytest.raises(LoadTestError, match="documents_list is not described") as raised:
        contract.endpoint(Operation.DOCUMENTS_LIST)
    assert raised.value.next_step == "Describe it: [documents_list]"


@pytest.mark.parametrize(
    "values",
    [
        {"method": "get"},
        {"method": "FETCH"},
        {"path": "api"},
        {"path": "http://example.invalid/"},
        {"verb": "GET"},
    ],
)
def test_an_endpoint_is_a_method_and_a_path_of_the_target(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Endpoint(**{"method": "GET", "path": "/x", "answer": OK, **values})


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({}, "does not say what counts as success"),
        ({"answer": OK, "answers": {"text/html": OK}}, "in answer and in answers; it must be one of them"),
    ],
)
def test_what_counts_as_success_is_said_once(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Endpoint(method="GET", path="/x", **values)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"statuses": ()}, "at least 1 item"),
        ({"statuses": (20,)}, "greater than or equal to 200"),
        ({"not_empty": ("reply",)}, 'need format = "json"'),
        ({"sources": "sources"}, 'need format = "json"'),
        ({"format": "json", "source_own": {"developmentId": "development_id"}}, "need sources"),
        ({"format": "json", "source_foreign": {"tier": "global"}}, "need sources"),
        ({"own": {"tenant_id": "tenant_id"}}, "own and the values"),
        ({"equals": {"success": True}}, "equals, own"),
        ({"intercepted": {"source": "fallback"}}, "the values of intercepted need"),
        ({"format": "json", "equals": {"success": ()}}, "no list of these"),
        ({"format": "json", "equals": {"a..b": 1}}, "match pattern"),
        ({"format": "json", "equals": {"a": {"b": 1}}}, "is no text, number"),
        ({"format": "json", "source_foreign": {"a": None}}, "is no text, number"),
        ({"format": "json", "intercepted": {"a..b": 1}}, "neither true or false, nor a table"),
        ({"format": "json", "intercepted": {"a": []}}, "is no text, number"),
        ({"format": "json", "intercepted": "source"}, "neither true or false"),
        ({"body_from": (201,)}, r"not accepted: \[201\]"),
        ({"format": "xml"}, "'any', 'json' or 'events'"),
        ({"format": "events"}, "a stream needs"),
        ({"stream": {"content": {"text": "content"}, "done": ["done"]}}, "a stream needs"),
    ],
)
def test_an_answer_that_contradicts_itself_is_refused(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Answer(**{"statuses": (200,), **values})


def test_the_body_is_read_of_the_named_statuses_or_of_all() -> None:
    assert OK.reads_body_of(200)
    some = Answer(statuses=(200, 409), body_from=(200,))
    assert (some.reads_body_of(200), some.reads_body_of(409)) == (True, False)


def test_the_limits_that_the_shipped_contract_states_are_those_of_the_reference_portal() -> None:
    settings = load_settings(environ={})
    limits, contract = settings.portal.rate_limits, settings.contract
    assert contract.chat.limit == f"{limits.chat_per_minute} a minute per tenant"
    assert contract.onboarding_page.limit == ""
    assert contract.onboarding_resolve.limit == (
        f"{limits.resolve_per_minute} a minute for all tokens together, "
        f"{limits.resolve_per_token_per_minute} a minute per token"
    )
