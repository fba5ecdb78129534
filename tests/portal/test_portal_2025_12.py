"""The contract ``portal-2025-12``: what a real portal answered, and what this one answers to the same request."""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from captures import capture, own_headers, shape
from portal_in_process import PortalInProcess, portal_in_process
from portal_process import SECRET

from conf.loading import load_settings
from portal.signed_token import signature
from seed.fixture import load_fixture
from seed.questions import sample_questions
from seed.seeding import seed_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from captures import Capture
    from portal_in_process import Reply
    from portal_process import Estate

pytest_plugins = ["portal_estate"]

CHAT, RESOLVE = "/api/chat", "/api/houses/resolve"
TENANT = {"x-tenant": "longview-estates"}


@pytest.fixture(scope="module")
def portal(estate_of_units: Estate) -> Iterator[PortalInProcess]:
    settings = {"portal.rate_limits.enabled": True}
    with portal_in_process(estate_of_units.url, "portal-2025-12", **settings) as portal:
        yield portal


@pytest.fixture(autouse=True)
def _fresh_windows(estate_of_units: Estate) -> None:
    estate_of_units.execute("DELETE FROM rate_limits")


@pytest.fixture
def development(estate_of_units: Estate) -> str:
    return estate_of_units.houses[0].development_id


@pytest.fixture
def registered(estate_of_units: Estate) -> str:
    """A token of LV-PARK-001 that the database knows."""
    return sign(estate_of_units, "LV-PARK-001", is_registered=True)


def sign(estate: Estate, name: str, *, is_registered: bool) -> str:
    (ids,) = estate.execute(
        "SELECT id::text, tenant_id::text, development_id::text FROM units WHERE unit_uid = %s", name
    )
    now = datetime.now(UTC)
    signed = f"{':'.join(ids)}:{name}:{now.timestamp() * 1000:.0f}:{uuid.uuid4().hex}"
    token = f"{signed}:{signature(signed, SECRET)}"
    if is_registered:
        estate.execute(
            "INSERT INTO qr_tokens (unit_id, tenant_id, development_id, token_hash, expires_at)"
            " VALUES (%s, %s, %s, %s, %s)",
            *ids,
            hashlib.sha256(token.encode()).hexdigest(),
            now + timedelta(hours=720),
        )
    return token


def ask(
    portal: PortalInProcess, development: str, message: str = "Where is the stopcock?", **headers: str
) -> Reply:
    return portal.ask("POST", CHAT, {"developmentId": development, "message": message}, headers)


def same_question(portal: PortalInProcess, seen: Capture, development: str) -> Reply:
    return portal.ask("POST", CHAT, seen.body | {"developmentId": development}, seen.headers)


def resolve(portal: PortalInProcess, code: str, token: str) -> Reply:
    return portal.ask("GET", f"{RESOLVE}?code={code}&token={quote(token, safe='')}")


def assert_alike(reply: Reply, captured: Reply) -> None:
    assert (reply.status, shape(reply.json)) == (captured.status, shape(captured.json))
    assert own_headers(captured) <= own_headers(reply)


def test_an_answer_of_the_model_is_like_the_captured_one(portal: PortalInProcess, development: str) -> None:
    seen = capture("old-ok")
    reply = same_question(portal, seen, development)
    assert_alike(reply, seen.reply)
    assert reply.header("x-ratelimit-remaining") == seen.reply.header("x-ratelimit-remaining") == "59"
    assert reply.json["source"] == seen.reply.json["source"]
    assert {match["tier"] for match in reply.json["matched"]} <= {"important", "development"}
    assert reply.json["chunksUsed"] == len(reply.json["matched"])


def test_the_sixty_first_question_of_a_tenant_is_refused_as_the_captured_one(
    portal: PortalInProcess, development: str, estate_of_units: Estate
) -> None:
    seen = capture("old-429")
    assert same_question(portal, seen, development).status == 200
    estate_of_units.execute("UPDATE rate_limits SET count = 60")
    reply = same_question(portal, seen, development)
    assert_alike(reply, seen.reply)
    assert reply.json == seen.reply.json
    assert reply.header("x-ratelimit-remaining") == "0"
    assert len(reply.header("x-ratelimit-reset")) == len(seen.reply.header("x-ratelimit-reset"))
    assert not reply.header("retry-after")


def test_without_a_tenant_the_default_one_answers_without_the_model(
    portal: PortalInProcess, development: str, estate_of_units: Estate
) -> None:
    seen, tenant = capture("old-no-tenant"), str(uuid.uuid4())
    assert same_question(portal, seen, development).json["source"] == "rag"
    estate_of_units.execute(
        "INSERT INTO tenants (id, name, slug) VALUES (%s, 'Default', 'openhouse-ai')", tenant
    )
    try:
        reply = same_question(portal, seen, development)
    finally:
        estate_of_units.execute("DELETE FROM tenants WHERE id = %s", tenant)
    assert_alike(reply, seen.reply)
    assert reply.json["source"] == seen.reply.json["source"] == "fallback"


def test_a_development_without_documents_is_answered_from_another_of_its_tenant(
    portal: PortalInProcess, estate_of_units: Estate
) -> None:
    seen, empty = capture("old-other-development"), str(uuid.uuid4())
    tenant = estate_of_units.houses[0].tenant_id
    estate_of_units.execute(
        "INSERT INTO developments (id, tenant_id, name, address) VALUES (%s, %s, 'Longview Hill', '')",
        empty,
        tenant,
    )
    try:
        reply = same_question(portal, seen, empty)
    finally:
        estate_of_units.execute("DELETE FROM developments WHERE id = %s", empty)
    assert_alike(reply, seen.reply)
    assert {match["tier"] for match in reply.json["matched"]} == {"global"}


def test_a_house_is_resolved_as_the_captured_one_also_a_second_time(
    portal: PortalInProcess, registered: str, estate_of_units: Estate
) -> None:
    seen = capture("old-resolve")
    for _ in range(2):
        reply = resolve(portal, "LV-PARK-001", registered)
        assert_alike(reply, seen.reply)
    assert reply.json["unit_uid"] == "LV-PARK-001"
    token_hash = hashlib.sha256(registered.encode()).hexdigest()
    ((used,),) = estate_of_units.execute(
        "SELECT used_at IS NOT NULL FROM qr_tokens WHERE token_hash = %s", token_hash
    )
    assert used


def test_a_token_that_is_not_right_is_refused_as_the_captured_one(
    portal: PortalInProcess, registered: str, estate_of_units: Estate
) -> None:
    seen = capture("old-resolve-401")
    unregistered = sign(estate_of_units, "LV-PARK-001", is_registered=False)
    wrong = (
        ("LV-PARK-001", registered[:-3] + "xyz"),
        ("LV-PARK-002", registered),
        ("LV-PARK-001", unregistered),
    )
    for code, token in wrong:
        reply = resolve(portal, code, token)
        assert_alike(reply, seen.reply)
        assert reply.json == seen.reply.json
    assert resolve(portal, "LV-PARK-001", "").status == 400


def test_a_signed_token_gives_the_house_its_own_documents_registered_or_not(
    portal: PortalInProcess, development: str, estate_of_units: Estate
) -> None:
    token = sign(estate_of_units, "LV-PARK-003", is_registered=False)
    with_token = ask(
        portal, development, "When was my house handed over?", **{"x-qr-token": token}, **TENANT
    ).json
    without = ask(
        portal, development, "When was my house handed over?", **{"x-qr-token": token[:-1]}, **TENANT
    ).json
    assert with_token["hasProfileData"]
    assert "unit" in {match["tier"] for match in with_token["matched"]}
    assert not without["hasProfileData"]
    assert "unit" not in {match["tier"] for match in without["matched"]}


def test_the_portal_takes_what_the_seed_signs_and_registers(
    portal: PortalInProcess, estate_of_units: Estate, tmp_path: Path
) -> None:
    given = {"target.contract": "portal-2025-12", "seed.fixture": str(tmp_path / "houses.jsonl")}
    settings = load_settings(given, environ={})
    seed_database(estate_of_units.url, settings, SECRET, datetime.now(UTC))
    houses = load_fixture(settings.seed.fixture)
    assert [house.value("unit_uid") for house in houses] == [
        f"LV-PARK-{number:03}" for number in range(1, 21)
    ]
    assert resolve(portal, "LV-PARK-020", houses[-1].qr_token).json["house_id"] == houses[-1].house_id
    answer = ask(portal, houses[0].development_id, **{"x-qr-token": houses[0].qr_token})
    assert answer.json["hasProfileData"]


def test_only_an_unknown_tenant_of_an_unknown_development_is_not_found(
    portal: PortalInProcess, development: str
) -> None:
    nothing = str(uuid.uuid4())
    assert ask(portal, nothing, **{"x-tenant": "no-such-tenant"}).status == 404
    assert ask(portal, "no id", **{"x-tenant": "no-such-tenant"}).status == 404
    assert ask(portal, development, **{"x-tenant": "no-such-tenant"}).status == 200
    assert portal.ask("POST", CHAT, {"message": "Hello?"}).json == {"error": "developmentId is required"}


def test_a_failure_of_the_model_says_that_it_was_no_success(
    portal: PortalInProcess, development: str
) -> None:
    with portal.faults(model_error_ratio=1.0):
        reply = ask(portal, development, **TENANT)
    assert (reply.status, reply.json["success"], list(reply.json)) == (500, False, ["success", "error"])


def test_the_fault_of_the_default_tenant_shows_global_chunks_and_another_house(
    portal: PortalInProcess, development: str, registered: str
) -> None:
    with portal.faults(default_tenant_ratio=1.0):
        matched = ask(portal, development, **TENANT).json["matched"]
        resolved = resolve(portal, "LV-PARK-001", registered).json
    assert {match["tier"] for match in matched} == {"global"}
    assert resolved["unit_uid"].startswith("RG-GREEN-")


def test_the_fault_of_a_foreign_source_shows_one_global_chunk(
    portal: PortalInProcess, development: str
) -> None:
    with portal.faults(foreign_source_ratio=1.0):
        matched = ask(portal, development, **TENANT).json["matched"]
    assert [match["tier"] == "global" for match in matched] == [False] * (len(matched) - 1) + [True]
    assert len(matched) > 1


def test_no_sample_question_is_answered_with_another_developments_chunks_or_without_the_model(
    estate_of_units: Estate, development: str
) -> None:
    with portal_in_process(estate_of_units.url, "portal-2025-12") as portal:
        answers = [ask(portal, development, question, **TENANT).json for question in sample_questions()]
    assert {answer["source"] for answer in answers} == {"rag"}
    assert "global" not in {match["tier"] for answer in answers for match in answer["matched"]}


def test_the_databases_health_is_that_of_the_first_time(portal: PortalInProcess) -> None:
    first, later = (portal.ask("GET", "/api/health/db") for _ in range(2))
    assert first.status == 200
    assert first.body == later.body
