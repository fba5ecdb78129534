"""What goes over the wire."""

from __future__ import annotations

import dataclasses
import re
from contextlib import nullcontext
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.address import parse_origin
from conf.answer import Answer
from conf.endpoint import Endpoint
from conf.errors import LoadTestError
from conf.loading import load_settings
from conf.operations import Operation, Outcome
from seed.fixture import House
from seed.request import require_askable, require_sendable
from swarm.failure import RequestFailed
from swarm.http.cookies import Cookies
from swarm.http.request_writer import RequestWriter
from swarm.http.response import Headers

SETTINGS = load_settings(environ={})
CHAT, LIMITS = SETTINGS.contract.chat, SETTINGS.answers
BASE_URL = "http://127.0.0.1:5000"
ADDRESS = parse_origin(BASE_URL)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
HOUSE = House("house", "tenant", "longview", "development", None, 1, "LV-001", "qr", "the-jwt")


def setting(*cookies: str) -> Headers:
    return Headers("".join(f"Set-Cookie: {cookie}\r\n" for cookie in cookies).encode("latin-1"))


def written(
    writer: RequestWriter, endpoint: Endpoint = CHAT, house: House = HOUSE, question: str = "Why?"
) -> tuple[str, dict[str, str], str]:
    """The first line, the headers, the body."""
    head, _, body = (
        writer.write(Operation.CHAT, endpoint, house, {"question": question}, TRACE)
        .decode()
        .partition("\r\n\r\n")
    )
    first, *lines = head.split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert len(headers) == len(lines)
    return first, headers, body


def endpoint(**parts: Any) -> Endpoint:
    return Endpoint(answer=Answer(statuses=(200,)), **{"method": "POST", "path": "/x"} | parts)


def test_a_question_goes_out_as_the_contract_says() -> None:
    first, headers, body = written(RequestWriter(ADDRESS, Cookies(LIMITS)))
    assert first == "POST /api/chat HTTP/1.1"
    assert body == '{"message": "Why?", "developmentId": "development"}'
    agent = headers.pop("User-Agent")
    assert agent.startswith("python/gevent-http-client-")
    assert headers == {
        "Host": "127.0.0.1:5000",
        "Accept": "application/json",
        "Accept-Encoding": "gzip, deflate, br",
        "Authorization": "Bearer the-jwt",
        "Content-Length": str(len(body)),
        "Content-Type": "application/json",
        "Cookie": "homeowner_token=the-jwt",
        "X-Tenant-Slug": "longview",
        "traceparent": TRACE,
    }


def test_each_question_is_its_own_and_a_renewed_jwt_goes_along_with_the_next() -> None:
    writer = RequestWriter(ADDRESS, Cookies(LIMITS))
    assert "Why?" in written(writer)[2]
    assert "Where?" in written(writer, question="Where?")[2]
    _, headers, _ = written(writer, house=dataclasses.replace(HOUSE, jwt="renewed"))
    assert headers["Authorization"] == "Bearer renewed"
    assert headers["Cookie"] == "homeowner_token=renewed"


@pytest.mark.parametrize(
    ("question", "sent"),
    [
        ("Wo ist der Zähler?", "Wo%20ist%20der%20Z%C3%A4hler%3F"),
        ("a&b=c#d", "a%26b%3Dc%23d"),
        ("100 %, 50%25", "100%20%25%2C%2050%2525"),
        ("one\r\ntwo", "one%0D%0Atwo"),
        ("a/b\\c+d;e", "a%2Fb%5Cc%2Bd%3Be"),
        ("\U0001f600", "%F0%9F%98%80"),
        ("half \ud83d", "half%20%3F"),
        ("", ""),
    ],
)
def test_a_question_in_the_path_stays_one_parameter(question: str, sent: str) -> None:
    writer, search = (
        RequestWriter(ADDRESS, Cookies(LIMITS)),
        endpoint(method="GET", path="/search?lang=en&q={question}&x=%41"),
    )
    assert written(writer, search, question=question)[0] == f"GET /search?lang=en&q={sent}&x=%41 HTTP/1.1"


@given(st.text(max_size=30), st.text(max_size=30))
def test_whatever_is_filled_in_is_what_a_portal_decodes(slug: str, question: str) -> None:
    house = dataclasses.replace(HOUSE, tenant_slug=slug)
    asking = endpoint(method="GET", path="/{tenant_slug}/ask?q={question}&end=1")
    first, _, _ = written(RequestWriter(ADDRESS, Cookies(LIMITS)), asking, house, question)
    target = first.split(" ")[1]
    path, query = target.split("?")
    assert [unquote(segment) for segment in path.split("/")[1:]] == [slug, "ask"]
    assert parse_qs(query, keep_blank_values=True, strict_parsing=True) == {"q": [question], "end": ["1"]}


def test_a_post_without_a_body_says_so_and_a_get_says_nothing() -> None:
    writer = RequestWriter(ADDRESS, Cookies(LIMITS))
    assert written(writer, endpoint())[1]["Content-Length"] == "0"
    assert "Content-Length" not in written(RequestWriter(ADDRESS, Cookies(LIMITS)), endpoint(method="GET"))[1]


@pytest.mark.parametrize("jwt", ["a\r\nX-Evil: 1", "a\nb", "a\0b", "漢", "\ud83d"])
def test_no_field_of_a_house_can_end_a_header(jwt: str) -> None:
    with pytest.raises(RequestFailed, match="not sent: header Authorization of the contract") as caught:
        written(RequestWriter(ADDRESS, Cookies(LIMITS)), house=dataclasses.replace(HOUSE, jwt=jwt))
    assert caught.value.outcome is Outcome.VALIDATION
    assert jwt not in str(caught.value)
    with pytest.raises(LoadTestError, match="fixture: jwt of 1 houses") as refused:
        require_sendable(SETTINGS.contract, [HOUSE, dataclasses.replace(HOUSE, jwt=jwt)])
    assert jwt not in str(refused.value)


@pytest.mark.parametrize(
    ("lot", "is_refused"), [("..", True), (".", True), ("...", False), ("a/../b?c#d", False)]
)
def test_no_field_of_a_house_leads_to_another_page(lot: str, *, is_refused: bool) -> None:
    contract = SETTINGS.contract.model_copy(update={"chat": endpoint(method="GET", path="/homes/{qr_token}")})
    with pytest.raises(LoadTestError, match="leads to another page") if is_refused else nullcontext():
        require_sendable(contract, [dataclasses.replace(HOUSE, qr_token=lot)])


def test_a_question_that_a_header_cannot_hold_is_found_before_the_run() -> None:
    chat = CHAT.model_copy(update={"headers": {"X-Question": "{question}"}})
    contract = SETTINGS.contract.model_copy(update={"chat": chat})
    require_askable(contract, ["Why?", "Wo ist der Zähler?"])
    with pytest.raises(LoadTestError, match="contract: header X-Question"):
        require_askable(contract, ["Why?", "漢?"])


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Length": "5"},
        {"transfer-encoding": "chunked"},
        {"Connection": "close"},
        {"a b": "c"},
        {"": "c"},
        {"X:": "c"},
        {"X": "a\r\nb"},
        {"X": "漢"},
        {"cookie": "a=1", "Cookie": "b=2"},
    ],
)
def test_a_contract_says_no_header_that_breaks_a_request(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="header"):
        endpoint(headers=headers)


def test_a_header_of_the_contract_takes_the_place_of_ours_in_whatever_letters() -> None:
    asking = endpoint(headers={"host": "portal.example", "ACCEPT-ENCODING": "identity", "traceparent": "x"})
    _, headers, _ = written(RequestWriter(ADDRESS, Cookies(LIMITS)), asking)
    assert {name.lower(): value for name, value in headers.items()} == {
        "host": "portal.example",
        "accept-encoding": "identity",
        "user-agent": headers["User-Agent"],
        "traceparent": TRACE,
        "content-length": "0",
    }


def test_what_the_portal_sets_goes_along_until_it_is_forgotten() -> None:
    cookies = Cookies(LIMITS)
    writer, page = RequestWriter(ADDRESS, cookies), endpoint(method="GET")
    assert "Cookie" not in written(writer, page)[1]
    cookies.keep(f"{BASE_URL}/x", setting("session=1; Path=/; HttpOnly", "b=2"))
    assert written(writer, page)[1]["Cookie"] == "session=1; b=2"
    cookies.keep(f"{BASE_URL}/x", setting("session=3; Path=/"))
    assert written(writer, page)[1]["Cookie"] == "session=3; b=2"
    cookies.forget()
    assert "Cookie" not in written(writer, page)[1]


def test_cookies_of_the_contract_come_before_the_portals() -> None:
    cookies = Cookies(LIMITS)
    cookies.keep(f"{BASE_URL}/", setting("homeowner_token=other; Path=/"))
    assert written(RequestWriter(ADDRESS, cookies))[1]["Cookie"] == "homeowner_token=the-jwt"


def test_a_cookie_goes_where_the_portal_says_and_no_longer() -> None:
    now = [1_000.0]
    cookies = Cookies(LIMITS, lambda: now[0])
    page = f"{BASE_URL}/onboarding/page"
    lines = [
        "a=1; Path=/; Max-Age=60",
        "b=2",
        "c=3; Path=/api",
        "d=4; Domain=elsewhere.example",
        "e=5; Secure",
        "f=6; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT",
        "g=7=8; Domain=127.0.0.1; Path=/",
    ]
    assert cookies.keep(page, setting(*lines)) is None
    assert cookies.header(f"{BASE_URL}/onboarding/other") == "b=2; a=1; g=7=8"
    assert cookies.header(f"{BASE_URL}/onboardings") == "a=1; g=7=8"
    assert cookies.header(f"{BASE_URL}/api/chat?x=1") == "c=3; a=1; g=7=8"
    assert cookies.keep(page, setting("g=; Path=/; Max-Age=0")) is None
    now[0] += 61
    assert cookies.header(BASE_URL) == ""


def test_no_more_cookies_are_kept_than_the_settings_say_and_none_that_is_larger() -> None:
    cookies = Cookies(LIMITS)
    assert cookies.keep(BASE_URL, setting(*(f"c{n}=1" for n in range(LIMITS.cookies)))) is None
    assert cookies.keep(BASE_URL, setting("c0=2")) is None
    more = cookies.keep(BASE_URL, setting("other=1"))
    assert repr(more) == "validation: more cookies are set than answers.cookies allows"
    assert "other" not in cookies.header(BASE_URL)
    large = cookies.keep(BASE_URL, setting("c0=" + "a" * LIMITS.cookie_bytes))
    assert repr(large) == "validation: a cookie is larger than answers.cookie_bytes allows"
    for name, path in (("n", "/" + "p" * LIMITS.cookie_bytes), ("n" * LIMITS.cookie_bytes, "/")):
        large = cookies.keep(BASE_URL, setting(f"{name}=1; Path={path}"))
        assert repr(large) == "validation: a cookie is larger than answers.cookie_bytes allows"
    assert cookies.keep(BASE_URL, setting("c0=; Max-Age=-1")) is None
    assert cookies.keep(BASE_URL, setting("other=1")) is None


_letters = st.text(
    st.sampled_from('\t abc=;,"%\x7e\x80\xff') | st.characters(min_codepoint=32, max_codepoint=126)
)


@given(st.lists(_letters, max_size=3))
def test_whatever_is_set_is_a_cookie_that_can_be_sent_or_none(odd: list[str]) -> None:
    cookies = Cookies(LIMITS)
    for text in odd:
        cookies.keep(BASE_URL, setting(text))
        cookies.keep(
            BASE_URL, setting(f"a=1; Expires={text}; Path=/", f"b=1; Max-Age={text}", f"c=1; Path={text}")
        )
        cookies.keep(BASE_URL, setting(f"d=1; Domain={text}"))
    for pair in cookies.header(BASE_URL).split("; "):
        assert not pair or re.fullmatch(r"[^=]+=[\t\x20-\x7e\x80-\xff]*", pair)
