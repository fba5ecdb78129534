"""The contract ``portal-2026``: what a real portal answered, and what this one answers to the same request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from captures import capture, own_headers, shape
from portal_in_process import PortalInProcess, portal_in_process
from portal_process import SECRET

from portal.address_limits import TokenBuckets
from portal.signed_token import signature, verified_ids
from portal.timed_cache import TimedCache

if TYPE_CHECKING:
    from collections.abc import Iterator

    from captures import Capture
    from portal_in_process import Reply
    from portal_process import Estate

pytest_plugins = ["portal_estate"]

CHAT, RESOLVE = "/api/chat", "/api/houses/resolve"
FAULT_OF = {
    "stream-no-text": "no_text_ratio",
    "stream-error-frame": "model_error_within_ratio",
    "stream-cut-fin": "truncated_ratio",
    "error-500-model": "model_error_ratio",
}


@pytest.fixture(scope="module")
def portal(estate_of_units: Estate) -> Iterator[PortalInProcess]:
    settings = {"portal.rate_limits.enabled": True}
    with portal_in_process(estate_of_units.url, "portal-2026", **settings) as portal:
        yield portal


def ask_again(portal: PortalInProcess, seen: Capture) -> Reply:
    return portal.ask(seen.method, seen.path, seen.body, seen.headers)


def ask(portal: PortalInProcess, message: str, unit: str = "LV-PARK-001", **headers: str) -> Reply:
    return portal.ask("POST", CHAT, {"message": message, "unitUid": unit}, headers)


@pytest.mark.parametrize(
    "name",
    [
        "stream-ok",
        "stream-ok-sources",
        "stream-headers-early",
        "stream-no-text",
        "stream-error-frame",
        "stream-cut-fin",
    ],
)
def test_a_stream_has_the_frames_of_the_captured_one(name: str, portal: PortalInProcess) -> None:
    seen = capture(name)
    with portal.faults(**{FAULT_OF[name]: 1.0} if name in FAULT_OF else {}):
        reply = ask_again(portal, seen)
    assert reply.status == seen.reply.status
    assert reply.kinds == seen.reply.kinds
    for own, captured in ((reply.frames[0], seen.reply.frames[0]), (reply.frames[-1], seen.reply.frames[-1])):
        assert shape(own) == shape(captured)
    assert own_headers(seen.reply) <= own_headers(reply)
    assert reply.ended == ("eof" if name == "stream-cut-fin" else "whole")


@pytest.mark.parametrize(
    "name",
    [
        "intercept-gas",
        "intercept-safety",
        "error-500-model",
        "resolve-miss",
        "resolve-hit",
        "resolve-404",
        "health",
    ],
)
def test_an_answer_in_json_has_the_fields_and_headers_of_the_captured_one(
    name: str, portal: PortalInProcess
) -> None:
    seen = capture(name)
    with portal.faults(**{FAULT_OF[name]: 1.0} if name in FAULT_OF else {}):
        reply = ask_again(portal, seen)
    assert reply.status == seen.reply.status
    assert shape(reply.json) == shape(seen.reply.json)
    assert own_headers(seen.reply) <= own_headers(reply)
    assert reply.json.get("error_code") == seen.reply.json.get("error_code")
    assert reply.json.get("source") == seen.reply.json.get("source")


def test_the_thirty_first_question_of_an_address_is_refused_as_the_captured_one(
    portal: PortalInProcess,
) -> None:
    seen = capture("error-429")
    statuses = {ask(portal, "I smell gas", **seen.headers).status for _ in range(30)}
    reply = ask_again(portal, seen)
    assert (statuses, reply.status) == ({200}, 429)
    assert shape(reply.json) == shape(seen.reply.json)
    assert reply.header("retry-after") == seen.reply.header("retry-after")
    assert own_headers(seen.reply) <= own_headers(reply)
    assert (
        ask(
            portal, "I smell gas", **{"X-Forwarded-For": f"another, {seen.headers['X-Forwarded-For']}"}
        ).status
        == 200
    )


def test_without_the_database_a_question_is_answered_as_the_captured_one(
    portal: PortalInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise ConnectionRefusedError

    seen = capture("error-503")
    monkeypatch.setattr(portal.services.database, "_pool", _Pool(refuse))
    reply = ask_again(portal, seen)
    assert (reply.status, shape(reply.json)) == (503, shape(seen.reply.json))


class _Pool:
    def __init__(self, acquire: object) -> None:
        self.acquire = acquire


def test_an_answer_rests_on_the_documents_of_the_units_own_project(portal: PortalInProcess) -> None:
    first, *_ = ask(portal, "Where is the stopcock?").frames
    assert first["chunksUsed"] == 8
    assert {source["name"].partition("_")[0] for source in first["sources"]} == {"LV-PARK"}
    reply = ask(portal, "Where is the stopcock?", "RG-GREEN-001")
    assert {source["name"].partition("_")[0] for source in reply.frames[0]["sources"]} == {"RG-GREEN"}
    assert "LV-" not in reply.text


def test_an_unknown_unit_is_answered_for_the_default_tenant(portal: PortalInProcess) -> None:
    reply = ask(portal, "Where is the stopcock?", "NO-SUCH-999")
    assert (reply.status, reply.kinds) == (200, ["metadata", "text", "done"])
    assert {source["name"].partition("_")[0] for source in reply.frames[0]["sources"]} == {"RG-GREEN"}


def test_the_fault_of_the_default_tenant_answers_for_another_house(portal: PortalInProcess) -> None:
    with portal.faults(default_tenant_ratio=1.0):
        reply = ask(portal, "Where is the stopcock?")
        resolved = portal.ask("POST", RESOLVE, {"token": "LV-PARK-004"}).json
    assert {source["name"].partition("_")[0] for source in reply.frames[0]["sources"]} == {"RG-GREEN"}
    assert resolved["unit_id"].startswith("RG-GREEN-")


def test_a_signed_token_names_the_unit_and_another_signature_does_not(
    portal: PortalInProcess, estate_of_units: Estate
) -> None:
    unit, project = estate_of_units.execute(
        "SELECT id::text, project_id::text FROM units WHERE unit_uid = 'LV-PARK-002'"
    )[0]
    signed = f"{unit}:{project}:{datetime.now(UTC).timestamp() * 1000:.0f}:nonce"
    good = f"{signed}:{signature(signed, SECRET)}"
    for token, of in ((good, "LV-PARK"), (good[:-2] + "xx", "RG-GREEN")):
        sources = ask(portal, "Where is the stopcock?", "NO-SUCH-999", **{"x-qr-token": token}).frames[0][
            "sources"
        ]
        assert {source["name"].partition("_")[0] for source in sources} == {of}


def test_a_question_may_be_missing_or_too_long(portal: PortalInProcess) -> None:
    missing, long = portal.ask("POST", CHAT, {"unitUid": "LV-PARK-001"}), ask(portal, "x" * 8001)
    assert (missing.status, missing.json["error"]) == (400, "message is required")
    assert long.status == 413
    assert {"error", "error_code", "request_id", "timestamp"} == missing.json.keys() == long.json.keys()


def test_a_share_of_the_questions_is_intercepted_on_demand(estate_of_units: Estate) -> None:
    settings = {"portal.intercept_ratio": 0.5}
    with portal_in_process(estate_of_units.url, "portal-2026", **settings) as portal:
        kinds = [ask(portal, "Where is the stopcock?").header("content-type") for _ in range(20)]
    assert {kind.partition(";")[0] for kind in kinds} == {"application/json", "text/event-stream"}


def test_any_name_has_a_page(portal: PortalInProcess) -> None:
    for name in ("LV-PARK-001", "NO-SUCH-999"):
        page = portal.ask("GET", f"/homes/{name}")
        assert (page.status, page.header("content-type")) == (200, "text/html; charset=utf-8")


def test_an_answer_is_kept_for_the_house(portal: PortalInProcess, estate_of_units: Estate) -> None:
    reply = ask(portal, "Which day are the bins collected?", "LV-PARK-007")
    ((kept,),) = estate_of_units.execute(
        "SELECT ai_message FROM messages m JOIN units u ON u.id = m.house_id WHERE unit_uid = 'LV-PARK-007'"
    )
    assert kept == reply.text


def test_a_bucket_fills_up_again_and_a_refused_request_takes_nothing() -> None:
    now = [100.0]
    buckets = TokenBuckets(2, 0.5, lambda: now[0])
    assert [buckets.wait_s("one") for _ in range(4)] == [0, 0, 2, 2]
    assert buckets.wait_s("other") == 0
    now[0] += 2
    assert [buckets.wait_s("one") for _ in range(2)] == [0, 2]
    now[0] += 1000
    assert [buckets.wait_s("one") for _ in range(3)] == [0, 0, 2]


def test_a_cache_forgets_after_its_time() -> None:
    now = [100.0]
    cache = TimedCache(60, lambda: now[0])
    cache.put("key", "value")
    now[0] += 59
    assert cache.get("key") == "value"
    now[0] += 1
    assert cache.get("key") is None


@pytest.mark.parametrize(
    ("token", "ids"),
    [
        ("{signed}:{signature}", ["unit", "project"]),
        ("{signed}:{signature}x", None),
        ("{signed}x:{signature}", None),
        ("{signed}", None),
        ("", None),
        ("unit:project:soon:nonce:{signature}", None),
        ("ü:{signature}", None),
    ],
)
def test_a_token_is_only_as_good_as_its_signature(token: str, ids: list[str] | None) -> None:
    now = datetime(2026, 11, 28, tzinfo=UTC)
    signed = f"unit:project:{now.timestamp() * 1000:.0f}:nonce"
    sent = token.format(signed=signed, signature=signature(signed, SECRET))
    assert verified_ids(sent, 2, SECRET, now) == ids
    assert verified_ids(sent, 2, "another secret", now) is None
    assert verified_ids(sent, 4, SECRET, now) is None
    assert verified_ids(sent, 2, SECRET, now + timedelta(hours=721)) is None
