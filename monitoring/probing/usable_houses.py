"""Whether the fixture's houses can be used in a run: their fields, their JWTs and tokens, and the secret behind these."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from conf.errors import LoadTestError
from seed.fixture import load_fixture, require_fields
from seed.jwts import SHORTEST_SECRET, Signer, refuse_expiring, require_secret, token_expiry
from seed.request import require_sendable
from seed.signed_tokens import SIGN_ANEW, signed_token_expiry

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from conf.operations import Journey
    from conf.settings import Settings
    from seed.fixture import House

_SPARE = timedelta(minutes=5)
"""Tokens must outlive the planned run by this much: requests in flight, a slow start."""


class UsableHouses(NamedTuple):
    """Houses of a fixture, and when the JWT of each expires."""

    houses: list[House]
    expiries: list[datetime]
    """Empty where no request names the JWT."""


def check_fixture(
    settings: Settings, journeys: Iterable[Journey], run_time_s: float, now: datetime
) -> UsableHouses:
    """
    The fixture's houses. JWTs that *journeys* need are valid until the end of the run, or can be renewed.

    Raises:
        LoadTestError: There are no houses; a house lacks what a request names, or has a value that no header may hold; or
            JWTs expire too early and SESSION_SECRET did not sign them; or other signed tokens do, which no run renews.
    """
    houses = load_fixture(settings.seed.fixture)
    needed = settings.contract.fields_of(journeys)
    signed = {name: token for name, token in settings.contract.signed.items() if name in needed}
    require_fields(houses, needed, settings.seed.fixture, signed)
    require_sendable(settings.contract, houses)
    ends_in = timedelta(seconds=run_time_s) + _SPARE
    for name, token in signed.items():
        ends = [signed_token_expiry(token, house.value(name)) for house in houses]
        refuse_expiring(houses, ends, now, ends_in, SIGN_ANEW)
    if "jwt" not in needed:
        return UsableHouses(houses, [])
    expiries = [token_expiry(house.jwt) for house in houses]
    if find_signer(settings, houses[0]) is None:
        refuse_expiring(houses, expiries, now, ends_in)
    return UsableHouses(houses, expiries)


def find_signer(settings: Settings, house: House) -> Signer | None:
    """Renews JWTs during a run: signs with SESSION_SECRET; None unless it is set and signed the JWT of *house*."""
    secret = "" if settings.session_secret is None else settings.session_secret.get_secret_value()
    if len(secret.encode()) < SHORTEST_SECRET:
        return None
    signer = Signer(secret, timedelta(seconds=settings.seed.jwt_lifetime_s))
    return signer if signer.signed(house) else None


def fixture_words(settings: Settings, usable: UsableHouses) -> str:
    """How many houses there are, and how long their JWTs hold."""
    houses = usable.houses
    if not usable.expiries:
        return f"{len(houses):,} houses"
    renewed = find_signer(settings, houses[0]) is not None
    tokens = "tokens, which are renewed before they expire" if renewed else "valid tokens"
    return f"{len(houses):,} houses with {tokens}"


def check_secret(settings: Settings, house: House) -> str:
    """
    Check that SESSION_SECRET, where it is set here, signed the fixture's tokens; looks at the token of *house*.

    Raises:
        LoadTestError: It is too short, or another secret signed them; the portal would answer 401 to every request.
    """
    if settings.session_secret is None:
        return "SESSION_SECRET is not set here: whether the fixture's tokens are the portal's cannot be known before a run"
    require_secret(settings.session_secret)
    if find_signer(settings, house) is None:
        raise LoadTestError(
            "SESSION_SECRET: the fixture's tokens were signed with another secret; every answer would be 401",
            "Set the portal's own secret and sign anew: loadtest token",
        )
    return "signed the fixture's tokens"
