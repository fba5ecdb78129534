"""Onboarding by QR code: the page that the code opens, and its exchange for a JWT, which works once."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import Field

from portal.auth import COOKIE, CurrentHomeowner, secret_of
from portal.body import Body, read_body
from portal.database import database_of
from portal.faults import strike
from portal.houses import claim_house, find_house, find_house_by_token
from portal.pages import render
from portal.ratelimit import limiter_of
from portal.refusal import Refusal
from portal.timing import now_of, timings_of
from portal.tracking import note_house
from seed.jwts import LIFETIME, homeowner_token

router = APIRouter(dependencies=[Depends(strike)])

HOME = "/home"
"""Path to which the onboarding page redirects when the house is already onboarded."""


class Scan(Body):
    """What a scanned QR code says."""

    token: str = Field(min_length=1, max_length=200)


@router.get("/onboarding/{qr_token}")
async def onboarding_page(request: Request, qr_token: str) -> Response:
    """The house's welcome page; 307 to its home once it is onboarded; 404 when no house has the token."""
    timings = timings_of(request)
    with timings.step("lookup"):
        house = await find_house_by_token(database_of(request), qr_token)
        if house is None:
            raise Refusal(404, "Unknown QR code")
    note_house(request, house.tenant_id, house.development_id, house.house_id)
    if house.onboarded:
        return RedirectResponse(HOME, status_code=307)
    with timings.step("render"):
        return render("onboarding.html", house=house)


@router.get(HOME)
async def home_page(request: Request, homeowner: CurrentHomeowner) -> Response:
    """The signed-in homeowner's own page."""
    house = await find_house(database_of(request), homeowner.house_id)
    if house is None:
        raise Refusal(404, "Unknown house")
    return render("home.html", house=house)


@router.post("/api/qr/resolve")
async def resolve(request: Request) -> JSONResponse:
    """Exchange a QR token for a JWT, once: 409 for every later try, even at the same moment; 404 for an unknown token."""
    database, timings = database_of(request), timings_of(request)
    scan = await read_body(request, Scan)
    with timings.step("auth"):
        await limiter_of(request).admit_resolve(scan.token)
    now = now_of(request)
    with timings.step("claim"):
        house = await claim_house(database, scan.token, now)
        if house is None:
            known = await find_house_by_token(database, scan.token)
            if known is None:
                raise Refusal(404, "Unknown QR code")
            note_house(request, known.tenant_id, known.development_id, known.house_id)
            raise Refusal(409, "Already onboarded")
    note_house(request, house.tenant_id, house.development_id, house.house_id)
    with timings.step("sign"):
        jwt = homeowner_token(house.fixture(scan.token), secret_of(request), now)
    answer = JSONResponse({"token": jwt, "house": house.summary()})
    answer.set_cookie(
        COOKIE,
        jwt,
        max_age=int(LIFETIME.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer
