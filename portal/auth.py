"""The sender of a request: the homeowner's JWT from the bearer or the cookie, and the tenant that the request names."""

from __future__ import annotations

from typing import Annotated

import jwt
from fastapi import Depends, Request

from portal.database import database_of
from portal.homeowner import Homeowner
from portal.refusal import Refusal
from portal.timing import timings_of
from portal.tracking import note_house

COOKIE = "homeowner_token"
TENANT_HEADERS = ("x-tenant-slug", "x-tenant")
"""The name in the Phase 17 document, and the name in the application's own code."""

_CLAIMS = ["tenant_id", "development_id", "house_id", "role", "iat", "exp"]

_HOUSE = """
    SELECT t.slug AS tenant FROM homeowners AS h JOIN tenants AS t ON t.id = h.tenant_id
    WHERE h.id = $1 AND h.development_id = $2 AND h.tenant_id = $3
"""


def verify(token: str, secret: str) -> Homeowner:
    """
    Check a JWT's signature, lifetime, claims and role.

    Raises:
        Refusal: 401, without saying which of them failed.
    """
    try:
        claims = jwt.decode(token, secret, algorithms=["HS256"], options={"require": _CLAIMS})
        homeowner = Homeowner.from_claims(claims)
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
        raise Refusal(401, "Unauthorized") from None
    if claims["role"] != "homeowner":
        raise Refusal(401, "Unauthorized")
    return homeowner


async def authenticate(request: Request) -> Homeowner:
    """
    The homeowner who sent *request*.

    Raises:
        Refusal: 401 without a valid JWT, or when the JWT's house does not exist; 403 when a tenant header names
        another tenant than the JWT.
    """
    with timings_of(request).step("auth"):
        homeowner = verify(_sent_token(request), secret_of(request))
        note_house(request, homeowner.tenant_id, homeowner.development_id, homeowner.house_id)
        house = await database_of(request).fetch_row(
            _HOUSE, homeowner.house_id, homeowner.development_id, homeowner.tenant_id
        )
        if house is None:
            raise Refusal(401, "Unauthorized")
        if any(request.headers.get(name, house["tenant"]) != house["tenant"] for name in TENANT_HEADERS):
            raise Refusal(403, "The token belongs to another tenant")
    return homeowner


CurrentHomeowner = Annotated[Homeowner, Depends(authenticate)]


def secret_of(request: Request) -> str:
    """The portal's own secret, which signs and verifies the homeowners' JWTs."""
    secret: str = request.app.state.secret
    return secret


def _sent_token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else request.cookies.get(COOKIE, "")
