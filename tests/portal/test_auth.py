from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import jwt
import pytest
from portal_process import SECRET, Estate, Portal, bearer

from seed.jwts import LIFETIME, homeowner_token

if TYPE_CHECKING:
    from seed.fixture import House

pytest_plugins = ["portal_estate"]


def _claims(house: House, **changed: object) -> dict[str, object]:
    claims = jwt.decode(house.jwt, SECRET, algorithms=["HS256"])
    return {name: value for name, value in (claims | changed).items() if value is not ...}


def _refused_tokens(house: House) -> dict[str, str]:
    long_ago = datetime.now(UTC) - LIFETIME - timedelta(minutes=1)
    return {
        "none": "",
        "not a JWT": "abc.def.ghi",
        "expired": homeowner_token(house, SECRET, long_ago),
        "wrong signature": homeowner_token(house, SECRET[::-1], datetime.now(UTC)),
        "unsigned": jwt.encode(_claims(house), "", algorithm="none"),
        "another algorithm": jwt.encode(_claims(house), SECRET, algorithm="HS512"),
        "wrong role": jwt.encode(_claims(house, role="developer"), SECRET, algorithm="HS256"),
        "no role": jwt.encode(_claims(house, role=...), SECRET, algorithm="HS256"),
        "no expiry": jwt.encode(_claims(house, exp=...), SECRET, algorithm="HS256"),
        "an id that is none": jwt.encode(_claims(house, house_id="20"), SECRET, algorithm="HS256"),
        "a house that is not there": jwt.encode(
            _claims(house, house_id="352b1a25-3f6b-4007-87f4-8222c71f0f85"), SECRET, algorithm="HS256"
        ),
    }


@pytest.mark.parametrize("path", ["/api/chat", "/api/chat/history", "/api/documents", "/home"])
def test_every_bad_token_is_unauthorized(path: str, portal: Portal, estate: Estate) -> None:
    method = "POST" if path == "/api/chat" else "GET"
    for kind, token in _refused_tokens(estate.houses[0]).items():
        answer = portal.ask(method, path, headers={"Authorization": f"Bearer {token}"})
        assert (answer.status, answer.json) == (401, {"error": "Unauthorized"}), kind


def test_a_request_without_any_token_is_unauthorized(portal: Portal) -> None:
    assert portal.ask("GET", "/api/documents").status == 401


def test_the_cookie_is_as_good_as_the_bearer(portal: Portal, estate: Estate) -> None:
    house = estate.houses[0]
    cookie = {"Cookie": f"theme=dark; homeowner_token={house.jwt}"}
    assert portal.ask("GET", "/api/documents", headers=cookie).status == 200
    assert portal.ask("GET", "/api/documents", headers=bearer(house)).status == 200


@pytest.mark.parametrize("header", ["X-Tenant-Slug", "x-tenant"])
def test_a_tenant_header_must_name_the_tokens_tenant(header: str, portal: Portal, estate: Estate) -> None:
    house = estate.houses[0]
    assert portal.chat(house, **{header: house.tenant_slug}).status == 200
    assert portal.chat(house, **{header: "somebody-else"}).status == 403
    assert portal.ask("GET", "/api/documents", headers=bearer(house) | {header: "x"}).status == 403


def test_a_question_about_another_development_is_forbidden(portal: Portal, estate: Estate) -> None:
    assert (
        portal.chat(replace(estate.houses[0], development_id=estate.foreign_house().development_id)).status
        == 403
    )


@pytest.mark.parametrize("development_id", ["352b1a25-3f6b-4007-87f4-8222c71f0f85", "longview-park"])
def test_a_development_that_is_not_there_is_not_found(
    development_id: str, portal: Portal, estate: Estate
) -> None:
    assert portal.chat(replace(estate.houses[0], development_id=development_id)).status == 404
