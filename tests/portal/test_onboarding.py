from __future__ import annotations

import re
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING

import jwt
import pytest
from portal_process import SECRET, Portal, at_once

if TYPE_CHECKING:
    from seed.fixture import House

pytest_plugins = ["portal_estate"]

UNKNOWN = "8c8f4f6e-0000-4000-8000-000000000000"


def test_the_page_welcomes_its_house_without_repeating_the_token(
    portal: Portal, pending_houses: list[House]
) -> None:
    house = pending_houses[0]
    page = portal.ask("GET", f"/onboarding/{house.qr_token}")
    assert page.status == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert house.lot in page.body.decode()
    assert house.qr_token not in page.body.decode()
    assert re.findall(r"(\w+);dur=", page.headers["Server-Timing"]) == ["lookup", "render"]


def test_the_page_of_an_unknown_token_is_not_found(portal: Portal) -> None:
    for token in (UNKNOWN, "x", "%00", "%ff"):
        assert portal.ask("GET", f"/onboarding/{token}").status == 404


def test_a_token_is_resolved_once_to_a_jwt_that_opens_the_portal(
    portal: Portal, pending_houses: list[House]
) -> None:
    house = pending_houses[1]
    answer = portal.resolve(house.qr_token)
    assert answer.status == 200
    assert re.findall(r"(\w+);dur=", answer.headers["Server-Timing"]) == ["auth", "claim", "sign"]
    claims = jwt.decode(answer.json["token"], SECRET, algorithms=["HS256"])
    assert claims["house_id"] == house.house_id
    assert claims["exp"] - claims["iat"] == 24 * 3600
    summary = answer.json["house"]
    assert (summary["id"], summary["houseNumber"], summary["lotNumber"]) == (
        house.house_id,
        house.house_number,
        house.lot,
    )
    cookie = SimpleCookie(answer.headers["Set-Cookie"])["homeowner_token"]
    assert cookie.value == answer.json["token"]
    assert cookie["httponly"]

    again = portal.resolve(house.qr_token)
    assert (again.status, again.json) == (409, {"error": "Already onboarded"})

    page = portal.ask("GET", f"/onboarding/{house.qr_token}")
    assert (page.status, page.headers["Location"]) == (307, "/home")
    home = portal.ask("GET", "/home", headers={"Cookie": f"homeowner_token={cookie.value}"})
    assert home.status == 200
    assert house.lot in home.body.decode()


def test_twenty_resolutions_of_one_token_give_one_jwt(portal: Portal, pending_houses: list[House]) -> None:
    token = pending_houses[2].qr_token
    statuses = sorted(answer.status for answer in at_once(20, lambda _: portal.resolve(token)))
    assert statuses == [200] + [409] * 19


def test_an_unknown_token_is_not_resolved(portal: Portal) -> None:
    assert portal.resolve(UNKNOWN).status == 404


@pytest.mark.parametrize(
    "body", [{}, {"token": ""}, {"token": None}, {"uid": UNKNOWN}, {"token": "a\0b"}, b"", b"{"]
)
def test_a_resolution_without_a_token_is_a_bad_request(body: object, portal: Portal) -> None:
    assert portal.ask("POST", "/api/qr/resolve", body).status == 400
