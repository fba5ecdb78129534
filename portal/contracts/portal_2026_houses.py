"""``portal-2026``: the page of a house, and its resolution by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import Field

from portal.address_limits import address_limits_of
from portal.body import Body, read_body
from portal.contracts.portal_2026_errors import request_id_of
from portal.database import database_of
from portal.faults import faults_of, strike
from portal.pages import render
from portal.refusal import Refusal
from portal.timing import timings_of
from portal.tracking import note_house
from portal.units import HouseUnit, find_unit, other_unit

if TYPE_CHECKING:
    from portal.timed_cache import TimedCache

router = APIRouter(dependencies=[Depends(strike)])


class UnitScan(Body):
    """What a scanned QR code says: the name of a unit."""

    token: str = Field(min_length=1, max_length=200)


@router.get("/homes/{unit_uid}")
async def home(unit_uid: str) -> HTMLResponse:  # noqa: ARG001 - any name has the page
    """The page that a QR code opens, which looks the unit up by itself."""
    return render("unit.html")


@router.post("/api/houses/resolve")
async def resolve(request: Request) -> JSONResponse:
    """The unit of a name, for 60 seconds from memory."""
    address_limits_of(request).admit_resolve(request)
    scan = await read_body(request, UnitScan)
    cache: TimedCache = request.app.state.resolved
    unit, found = cache.get(scan.token), "HIT"
    if unit is None:
        with timings_of(request).step("lookup"):
            unit, found = await find_unit(database_of(request), scan.token), "MISS"
        if unit is None:
            raise Refusal(404, "Unit not found")
        cache.put(scan.token, unit)
    note_house(request, unit.tenant_id, unit.development_id, unit.id)
    if faults_of(request).draw_default_tenant():
        unit = await other_unit(database_of(request), unit)
    request_id = request_id_of(request)
    headers = {"x-cache": found, "x-request-id": request_id}
    return JSONResponse(_summary(unit) | {"request_id": request_id}, headers=headers)


def _summary(unit: HouseUnit) -> dict[str, Any]:
    """What a resolved unit answers with; what Longview Park knows nothing of is empty."""
    tenant, development = str(unit.tenant_id), str(unit.development_id)
    handover = ("sale_agreed", "contracts_signed", "kitchen_selection", "snagging", "closing", "handover")
    return {
        "success": True,
        "unitId": unit.unit_uid,
        "unit_id": unit.unit_uid,
        "tenantId": tenant,
        "tenant_id": tenant,
        "developmentId": development,
        "development_id": development,
        "development_name": unit.development_name,
        "development_code": unit.development_code,
        "development_logo_url": None,
        "development_system_instructions": "",
        "address": unit.address,
        "eircode": "",
        "purchaserName": unit.purchaser_name,
        "purchaser_name": unit.purchaser_name,
        "user_id": None,
        "project_id": development,
        "houseType": unit.house_type_code,
        "house_type": unit.house_type_code,
        **dict.fromkeys(("bedrooms", "floorPlanUrl", "floor_plan_pdf_url", "latitude", "longitude", "specs")),
        "handover_complete": False,
        "current_milestone": "sale_agreed",
        "milestone_dates": dict.fromkeys(handover),
        **dict.fromkeys(("est_snagging_date", "est_handover_date", "prehandover_config")),
        "tier": "standard",
    }
