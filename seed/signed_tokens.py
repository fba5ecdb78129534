"""Tokens of houses, signed as the contract says that the portal signs them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from conf.errors import LoadTestError
from conf.signed_token import SignatureEncoding
from seed.fixture import House

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from conf.signed_token import SignedToken

_FIELDS = frozenset(field.name for field in fields(House))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SIGN_ANEW = "Sign new ones: loadtest houses, with --register where the portal keeps them"


def sign_token(token: SignedToken, house: House, secret: str, now: datetime, nonce: str) -> str:
    """
    The token of a house.

    Args:
        token: Of the contract.
        house: Whose fields fill the parts.
        secret: The portal's SESSION_SECRET.
        now: Aware.
        nonce: Random letters.

    Raises:
        LoadTestError: A part holds the joint: the portal could not take the token apart. Never holds the part.
    """
    values = {name: house.value(name) for name in token.placeholders()}
    values |= {"timestamp_ms": str(milliseconds(now)), "nonce": nonce}
    parts = [template.format_map(values) for template in token.parts]
    if broken := [template for template, part in zip(token.parts, parts, strict=True) if token.joint in part]:
        raise LoadTestError(
            f"contract: tokens: {broken[0]} of house {house.lot} holds {token.joint!r}, which joins the parts",
            "Look at the query of the houses ([houses] of the contract), and at the joint",
        )
    signed = token.joint.join(parts)
    digest = hmac.digest(secret.encode(), signed.encode(), hashlib.sha256)
    if token.encoding is SignatureEncoding.HEX:
        return signed + token.joint + digest.hex()
    return signed + token.joint + base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def with_signed_tokens(
    houses: Iterable[House],
    tokens: Mapping[str, SignedToken],
    secret: str,
    now: datetime,
    random_nonce: Callable[[], str] = lambda: secrets.token_urlsafe(12),
) -> Iterator[House]:
    """The same houses, each with the contract's *tokens* in the fields that they are named after."""
    for house in houses:
        signed = {
            name: sign_token(token, house, secret, now, random_nonce()) for name, token in tokens.items()
        }
        usual = {name: text for name, text in signed.items() if name in _FIELDS}
        own = {name: text for name, text in signed.items() if name not in _FIELDS}
        yield replace(house, own={**house.own, **own}, **usual)  # type: ignore[arg-type]  # texts are the fields of texts


def expiry(token: SignedToken, now: datetime) -> datetime:
    """When a token expires that is signed now: to the millisecond, as the token says."""
    return _EPOCH + timedelta(milliseconds=milliseconds(now), seconds=token.lifetime_s)


def signed_token_expiry(token: SignedToken, text: str) -> datetime:
    """
    When a token of the fixture expires, in UTC. The signature is not verified.

    Raises:
        LoadTestError: It is no such token. Never holds the token.
    """
    try:
        parts = dict(zip((*token.parts, ""), text.split(token.joint), strict=True))
        return _EPOCH + timedelta(milliseconds=int(parts["{timestamp_ms}"]), seconds=token.lifetime_s)
    except (ValueError, OverflowError):
        raise LoadTestError(
            "a signed token of the fixture is none that the contract describes", SIGN_ANEW
        ) from None


def milliseconds(now: datetime) -> int:
    """Since 1970, cut off."""
    return (now - _EPOCH) // timedelta(milliseconds=1)
