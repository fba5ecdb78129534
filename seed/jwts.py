"""Homeowners' JWTs, signed as the portal under test signs them."""

from __future__ import annotations

import base64
import dataclasses
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import jwt

from conf.errors import LoadTestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pydantic import SecretStr

    from seed.fixture import House

LIFETIME = timedelta(hours=24)
"""Lifetime of a JWT, as the portal signs it."""
_LONGEST_MARGIN = timedelta(hours=1)
SHORTEST_SECRET = 32
"""Bytes that HS256 requires (RFC 7518, 3.2)."""

_ALGORITHM = "HS256"
_RENEW = "Sign new ones: loadtest token"
_SET_SECRET = (
    "Set the portal's own secret: export SESSION_SECRET=…\n"  # noqa: S105 - says how, holds none
    "  Or make one for a portal of your own: export SESSION_SECRET=$(openssl rand -hex 32)"
)


def require_secret(secret: SecretStr | None) -> str:
    """
    The secret that signs the JWTs, in the clear.

    Raises:
        LoadTestError: There is none, or it is too short. There is no default.
    """
    value = "" if secret is None else secret.get_secret_value()
    if not value:
        raise LoadTestError("SESSION_SECRET environment variable is required", _SET_SECRET)
    if len(value.encode()) < SHORTEST_SECRET:
        raise LoadTestError(f"SESSION_SECRET: is shorter than {SHORTEST_SECRET} characters", _SET_SECRET)
    return value


def homeowner_token(house: House, secret: str, now: datetime, lifetime: timedelta = LIFETIME) -> str:
    """
    The JWT of a house: HS256, valid for *lifetime* from *now*.

    Args:
        house: Its ``jwt`` is not read.
        secret: The portal's SESSION_SECRET.
        now: Aware; fractions of a second are cut off.
        lifetime: Whole seconds.
    """
    issued = int(now.timestamp())
    claims = {
        "tenant_id": house.tenant_id,
        "development_id": house.development_id,
        "house_id": house.house_id,
        "house_type": house.house_type,
        "role": "homeowner",
        "iat": issued,
        "exp": issued + int(lifetime.total_seconds()),
    }
    return jwt.encode(claims, secret, algorithm=_ALGORITHM)


def homeowner_tokens(houses: Iterable[House], secret: str, now: datetime) -> list[str]:
    """The JWTs of *houses*, in their order; see `homeowner_token`."""
    return [homeowner_token(house, secret, now) for house in houses]


def with_new_tokens(
    houses: Iterable[House], secret: str, now: datetime, lifetime: timedelta = LIFETIME
) -> Iterator[House]:
    """The same houses, each with a JWT issued at *now*; see `homeowner_token`."""
    for house in houses:
        yield dataclasses.replace(house, jwt=homeowner_token(house, secret, now, lifetime))


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs JWTs as the portal does."""

    secret: str = dataclasses.field(repr=False)
    lifetime: timedelta = LIFETIME

    @property
    def margin(self) -> timedelta:
        """How long before its end a JWT is renewed: a quarter of its life, at most an hour."""
        return min(self.lifetime / 4, _LONGEST_MARGIN)

    def sign(self, house: House, now: datetime) -> str:
        """A new JWT for *house*."""
        return homeowner_token(house, self.secret, now, self.lifetime)

    def signed(self, house: House) -> bool:
        """Whether the house's JWT is this signer's, be it expired or not."""
        try:
            jwt.decode(
                house.jwt,
                self.secret,
                algorithms=[_ALGORITHM],
                options={"verify_exp": False, "verify_iat": False},  # another host's clock may be ahead
            )
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            return False
        return True


def token_expiry(token: str) -> datetime:
    """
    When a JWT expires, in UTC. The signature is not verified.

    Raises:
        LoadTestError: It is not a JWT, or has no expiry. Never holds the token.
    """
    return _moment(token, "exp")


def token_issue(token: str) -> datetime:
    """When a JWT was issued, in UTC; as `token_expiry`."""
    return _moment(token, "iat")


def _moment(token: str, claim: str) -> datetime:
    try:
        _, claims, _ = token.split(".")
        # PyJWT checks more than is needed here, and takes 0.2 ms: 20 s for 100,000 houses.
        read = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        return datetime.fromtimestamp(int(read[claim]), UTC)
    except (ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError):
        raise LoadTestError("a token of the fixture is not a JWT with an expiry", _RENEW) from None


def refuse_expiring(
    houses: Sequence[House],
    expiries: Sequence[datetime],
    now: datetime,
    margin: timedelta,
    renew: str = _RENEW,
) -> None:
    """
    Refuse a run during which tokens of its houses would expire.

    Args:
        houses: Of the fixture.
        expiries: Of their JWTs (see `token_expiry`), or of other tokens.
        now: Aware.
        margin: How long the run lasts; a token that expires at its very end is refused too.
        renew: The next step.

    Raises:
        LoadTestError: A token is expired, or will be within *margin*; names how many and the command that renews them.
    """
    expiring = [index for index, expiry in enumerate(expiries) if expiry <= now + margin]
    if not expiring:
        return
    expired = sum(expiries[index] <= now for index in expiring)
    state = "are expired" if expired == len(expiring) else f"expire within {_spoken(margin)}"
    raise LoadTestError(
        f"fixture: the tokens of {len(expiring)} of {len(houses)} houses ({houses[expiring[0]].lot} first) {state}",
        renew,
    )


def _spoken(margin: timedelta) -> str:
    minutes = round(margin.total_seconds() / 60)
    return f"{minutes} min" if minutes else f"{margin.total_seconds():g} s"
