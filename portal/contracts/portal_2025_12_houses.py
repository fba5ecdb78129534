"""``portal-2025-12``: the page of a house, and its resolution by name and signed token."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse

from portal.auth import secret_of
from portal.contracts.portal_2025_12 import TOKEN_IDS
from portal.database import database_of
from portal.faults import faults_of, strike
from portal.pages import render
from portal.refusal import Refusal
from portal.signed_token import verified_ids
from portal.timing import now_of, timings_of
from portal.tracking import note_house
from portal.units import find_unit, other_unit

if TYPE_CHECKING:
    from portal.units import HouseUnit

router = APIRouter(dependencies=[Depends(strike)])

_USE = """
    UPDATE qr_tokens SET used_at = coalesce(used_at, $2) WHERE token_hash = $1 AND expires_at > $2
    RETURNING unit_id
"""


@router.get("/homes/{unit_uid}")
async def home(unit_uid: str) -> HTMLResponse:  # noqa: ARG001 - any name has the page
    """The page that a QR code opens, which looks the unit up by itself."""
    return render("unit.html")


@router.get("/api/houses/resolve")
async def resolve(request: Request, code: str = "", token: str = "") -> JSONResponse:
    """The house of a name, for a token that is signed for it and registered; a token may be used again."""
    if not code or not token:
        raise Refusal(400, "code and token are required")
    with timings_of(request).step("auth"):
        ids = verified_ids(token, TOKEN_IDS, secret_of(request), now_of(request))
        if ids is None or ids[-1] != code or not await _use(request, token):
            raise Refusal(401, "Invalid or expired QR code")
    with timings_of(request).step("lookup"):
        unit = await find_unit(database_of(request), code)
    if unit is None:
        raise Refusal(404, "House not found")
    note_house(request, unit.tenant_id, unit.development_id, unit.id)
    if faults_of(request).draw_default_tenant():
        unit = await other_unit(database_of(request), unit)
    return JSONResponse(_summary(unit))


async def _use(request: Request, token: str) -> bool:
    """Whether *token* is registered; notes when it was used first."""
    token_hash = hashlib.sha256(token.encode()).hexdigest()
    return await database_of(request).fetch_row(_USE, token_hash, now_of(request)) is not None


def _summary(unit: HouseUnit) -> dict[str, Any]:
    """What a resolved house answers with; what Longview Park knows nothing of is null."""
    return {
        "house_id": str(unit.id),
        "development_id": str(unit.development_id),
        "development_code": unit.development_code,
        "development_name": unit.development_name,
        "development_logo_url": None,
        "development_system_instructions": None,
        "unit_uid": unit.unit_uid,
        "unit_number": unit.unit_number,
        "address": unit.address,
        "eircode": None,
        "house_type": unit.house_type_code,
        "bedrooms": None,
        "floor_area_m2": None,
        "purchaser_name": unit.purchaser_name,
        "purchaser_email": None,
        "mrpn": None,
        "electricity_account": None,
        "esb_eirgrid_number": None,
        "latitude": None,
        "longitude": None,
        "metadata": {},
        "tenant_id": str(unit.tenant_id),
    }
