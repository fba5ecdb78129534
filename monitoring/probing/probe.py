"""Checks that ask the portal before a run: one request each for a JWT, a house and the pool of connections."""

from __future__ import annotations

import json
from http import HTTPStatus
from time import time
from typing import TYPE_CHECKING, Any

from conf.errors import LoadTestError
from conf.json_path import find
from conf.operations import Destination, Journey, Operation
from monitoring.probing.check import Check, check
from monitoring.probing.page import read_page
from monitoring.probing.pool_figures import parse_pool
from monitoring.probing.portal_clock import PortalClock
from seed.fixture import load_fixture
from seed.jwts import token_expiry, token_issue
from seed.request import Request, build_request

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from conf.contract import Contract
    from conf.endpoint import Endpoint
    from conf.settings import Settings
    from seed.fixture import House

_MOST_ASKED = 10
_CLOCK_SPARE_S = 1.0
"""Tolerance: the ``Date`` of an answer is in whole seconds."""
_NOT_KNOWN = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.GONE,
    }
)
"""Statuses by which a portal refuses a house or its token; others tell of the portal, or of another contract."""
_RESEED = "Seed the portal's own database, with its own SESSION_SECRET: loadtest seed"


def probe(settings: Settings, journeys: Collection[Journey]) -> Iterator[Check]:
    """
    Ask the portal as the fixture's first homeowner. Nothing is written, and no token is used up.

    A check is left out where there is no fixture, where the contract has no such request, and where *journeys* need
    nothing of it.
    """
    try:
        house = load_fixture(settings.seed.fixture)[0]
    except LoadTestError:
        return
    contract = settings.contract
    if contract.token_check is not None and "jwt" in contract.fields_of(journeys):
        endpoint = contract.token_check
        yield check("JWT", lambda: check_token(settings, endpoint, house))
    page = contract.endpoints.get(Operation.ONBOARDING_PAGE) if Journey.ONBOARDING in journeys else None
    if page and contract.house_check is None and all(map(house.value, page.house_fields)):
        yield check(_what(page), lambda: check_house(settings, page, house))
    if contract.health_db and any(journey.destination is Destination.PORTAL for journey in journeys):
        yield check("pool", lambda: check_pool(settings))


def _what(asked: Endpoint) -> str:
    return "QR token" if "qr_token" in asked.house_fields else "house"


def check_token(settings: Settings, endpoint: Endpoint, house: House) -> str:
    """
    Check that the portal accepts the JWT of the first house.

    Raises:
        LoadTestError: It refuses the JWT, or does not give a usable answer.
    """
    clock = PortalClock()
    status, _ = _ask(settings, endpoint, house, clock)
    if status == HTTPStatus.UNAUTHORIZED and (fault := _clock_fault(clock, house)):
        raise LoadTestError(
            f"{endpoint.path}: the portal refuses the first house's JWT (401): {fault}",
            "Set the clocks of both machines by NTP: timedatectl status",
        )
    if status == HTTPStatus.UNAUTHORIZED:
        raise LoadTestError(
            f"{endpoint.path}: the portal refuses the first house's JWT (401): it was signed with another SESSION_SECRET",
            "Set the portal's own secret and sign anew: loadtest token",
        )
    if status == HTTPStatus.FORBIDDEN:
        raise LoadTestError(
            f"{endpoint.path}: the portal says that the first house belongs to another tenant or development (403)",
            _RESEED,
        )
    if status not in endpoint.statuses:
        raise LoadTestError(f"{endpoint.path}: the portal answered {status}", _RESEED)
    return f"the portal accepts the first house's ({endpoint.path} answered {status})"


def check_houses(settings: Settings) -> str:
    """
    Check that the portal knows houses from all over the fixture, by the contract's ``house_check``, which changes nothing.

    Where a portal answers for another house, or for a default one, instead of refusing, nothing else would show it.

    Raises:
        LoadTestError: The portal does not know one of them, or answers for another house.
    """
    endpoint, houses = settings.contract.house_check, load_fixture(settings.seed.fixture)
    if endpoint is None or not all(map(houses[0].value, endpoint.house_fields)):
        return "the fixture has not what the contract's house_check asks with"
    chosen = houses[:: max(len(houses) // _MOST_ASKED, 1)][:_MOST_ASKED]
    for house in chosen:
        said = check_house(settings, endpoint, house)
    return said if len(chosen) == 1 else f"the portal knows all {len(chosen)} that were asked for"


def check_house(settings: Settings, endpoint: Endpoint, house: House) -> str:
    """
    Check that the portal knows a house, by a request that changes nothing: it does not resolve its QR token.

    Raises:
        LoadTestError: The portal does not know it, or answers for another house.
    """
    status, page = _ask(settings, endpoint, house)
    whose = f"house {house.lot}'s QR token" if _what(endpoint) == "QR token" else f"house {house.lot}"
    if status not in endpoint.statuses:
        says = f"does not know {whose} ({status})" if status in _NOT_KNOWN else f"answered {status}"
        raise LoadTestError(f"{endpoint.path}: the portal {says}", _for_known_houses(settings.contract))
    for answer in endpoint.accepted:
        for path, name in answer.own.items():
            if str(find(_object(page), path)) != house.value(name):
                raise LoadTestError(
                    f"{endpoint.path}: the portal answers for another house than {house.lot}: {path} is not its {name}",
                    _RESEED,
                )
    used = status in {HTTPStatus.FOUND, HTTPStatus.TEMPORARY_REDIRECT}
    return f"the portal knows {whose}" + (", which has been used" if used else "")


def _for_known_houses(contract: Contract) -> str:
    """What to do where the portal does not answer for the fixture's houses."""
    if contract.house_check is None:
        return "Make the tokens in the portal's own database: loadtest seed && loadtest qrs; or take its own houses: loadtest houses"
    registers = any(token.registration is not None for token in contract.signed.values())
    command = "loadtest houses --register" if registers else "loadtest houses"
    return f"Look at the address and the contract; take the portal's own houses: {command}; or seed one of your own"


def _object(page: bytes) -> Any:
    try:
        return json.loads(page)
    except (ValueError, RecursionError):
        return None


def check_pool(settings: Settings) -> str:
    """
    Check that the portal's pool of database connections is idle.

    Raises:
        LoadTestError: Requests wait for a connection before there is any load, or the portal does not reach its database.
    """
    path = settings.contract.health_db
    status, page = _read(settings, Request("GET", path, {}, None))
    try:
        total, idle, waiting, _ = parse_pool(page)
    except ValueError:
        raise LoadTestError(
            f"{path}: the portal answered {status}, and nothing about its pool",
            "Leave health_db out of the contract, if the portal has no such page.",
        ) from None
    if status != HTTPStatus.OK or waiting:
        raise LoadTestError(
            f"{path}: the portal answered {status}: of {total} connections {idle} are idle, {waiting} requests wait",
            "Wait until it is idle, or give it more connections; something else uses it now.",
        )
    return f"{total} connections, {idle} of them idle"


def _clock_fault(clock: PortalClock, house: House) -> str:
    """Why the JWT is not valid by the portal's clock; empty where it is valid, or the clock is not known."""
    if clock.ahead_s is None:
        return ""
    try:
        issued, expires = token_issue(house.jwt), token_expiry(house.jwt)
    except LoadTestError:
        return ""
    portal_s = time() - clock.ahead_s
    if issued.timestamp() > portal_s + _CLOCK_SPARE_S:
        return f"by its clock, which is {clock.ahead_s:,.0f} s behind this machine's, it was issued in the future"
    if clock.ahead_s < 0 and expires.timestamp() < portal_s:
        return f"by its clock, which is {-clock.ahead_s:,.0f} s ahead of this machine's, it has expired"
    return ""


def _ask(
    settings: Settings, endpoint: Endpoint, house: House, clock: PortalClock | None = None
) -> tuple[int, bytes]:
    return _read(settings, build_request(endpoint, house), clock, "the portal")


def _read(
    settings: Settings, request: Request, clock: PortalClock | None = None, place: str = ""
) -> tuple[int, bytes]:
    target = settings.target
    try:
        return read_page(
            target.base_url + request.path,
            target.connect_timeout_s,
            request.headers,
            trust=target.trust,
            method=request.method,
            body=request.body,
            on_headers=clock.look if clock else None,
        )
    except OSError as error:
        raise LoadTestError(
            f"{place or request.path}: cannot be reached: {error}", "Start it: loadtest portal"
        ) from None
