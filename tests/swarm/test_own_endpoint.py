"""A class of the user's own, named by a contract, writes a request and judges its answer."""

from __future__ import annotations

import re
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from doc_pages import page
from pydantic import ValidationError

from conf.address import parse_origin
from conf.contract import Contract
from conf.errors import LoadTestError
from conf.loading import load_settings
from conf.operations import Journey, Operation, Outcome
from seed.fixture import House
from swarm.failure import RequestFailed
from swarm.http.cookies import Cookies
from swarm.http.own_endpoint import load_own_endpoint, require_own_endpoints
from swarm.http.request_writer import RequestWriter
from swarm.http.response import Headers, Response

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS = load_settings(environ={})
HOUSE = House("h", "t", "slug", "d", None, 1, "LV-001", "qr", "the-jwt")


@pytest.fixture
def own_module(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module ``our_portal``, as the page about contracts shows it."""
    example = re.search(r"^```python\n(.*?)^```", page("contracts.md"), re.MULTILINE | re.DOTALL)
    assert example is not None
    module = ModuleType("our_portal")
    exec(example[1], module.__dict__)  # noqa: S102 - of the suite's own page
    monkeypatch.setitem(sys.modules, "our_portal", module)
    load_own_endpoint.cache_clear()
    yield module
    load_own_endpoint.cache_clear()


def contract_with(python: str) -> Contract:
    chat = SETTINGS.contract.endpoint(Operation.CHAT).model_copy(update={"python": python})
    return SETTINGS.contract.model_copy(update={"chat": chat})


@pytest.mark.usefixtures("own_module")
def test_a_request_is_written_further_and_sent_as_it_is_then() -> None:
    writer = RequestWriter(parse_origin("http://127.0.0.1:5000"), Cookies(SETTINGS.answers))
    chat = contract_with("our_portal:Chat").endpoint(Operation.CHAT)
    for question in ("Why?", "And how?"):
        sent = writer.write(Operation.CHAT, chat, HOUSE, {"question": question}, "00-trace").decode()
        head, _, body = sent.partition("\r\n\r\n")
        assert f"X-Length: {len(question)}\r\n" in head
        assert "Authorization: Bearer the-jwt" in head
        assert head.startswith("POST /api/chat HTTP/1.1\r\n")
        assert question in body
        assert f"Content-Length: {len(body)}" in head


@pytest.mark.usefixtures("own_module")
def test_an_answer_is_judged_further() -> None:
    own = load_own_endpoint("our_portal:Chat")
    own.judge_answer(Response(200, Headers(), b"Under the sink."), HOUSE)
    with pytest.raises(RequestFailed) as caught:
        own.judge_answer(Response(200, Headers(), b"I, as an AI model, cannot know."), HOUSE)
    assert caught.value.outcome is Outcome.VALIDATION


def test_code_that_is_missing_or_broken_is_told_before_a_run(own_module: ModuleType) -> None:
    class Broken:
        def __init__(self) -> None:
            raise KeyError("x")

    own_module.__dict__.update({"Broken": Broken, "Halved": type("Halved", (), {"write_request": None})})
    for name, said in (
        ("no_such_module:Chat", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("our_portal:Chatt", "has no attribute 'Chatt'"),
        ("our_portal:Broken", "KeyError: 'x'"),
        ("our_portal:Halved", "has no methods write_request and judge_answer"),
    ):
        with pytest.raises(LoadTestError, match=re.escape(said)) as caught:
            require_own_endpoints(contract_with(name), [Journey.RAG, Journey.CHAT])
        assert f"contract: python: {name} " in caught.value.message
        assert require_own_endpoints(contract_with(name), [Journey.ONBOARDING]) == ""
    assert require_own_endpoints(contract_with("our_portal:Chat"), Journey) == "our_portal:Chat"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"python": "our_portal"}, "match pattern"),
        ({"python": "our portal:Chat"}, "match pattern"),
        ({"python": ".portal:Chat"}, "match pattern"),
    ],
)
def test_a_name_that_is_none_is_refused(values: dict[str, Any], said: str) -> None:
    request = {"method": "GET", "path": "/", "answer": {"statuses": [200]}}
    with pytest.raises(ValidationError, match=said):
        Contract.model_validate({"description": "", "health": "/", "chat": request | values})
    with pytest.raises(ValidationError, match=r"house_check\n.*python is for the requests of journeys"):
        Contract.model_validate(
            {"description": "", "health": "/", "house_check": request | {"python": "our_portal:Chat"}}
        )
