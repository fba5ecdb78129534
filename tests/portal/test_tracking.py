"""Every request of a homeowner's route is timed, and every refusal and failure written down, before it is answered."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from portal_process import QUICK, SECRET, Estate, Portal, bearer, running_portal

from monitoring.histogram_bounds import BOUNDS_S
from monitoring.journal.proof import prove
from monitoring.journal.reading import JournalReader, newest
from monitoring.journal.tracker import Tracker
from portal.app import build_app
from portal.contracts.spoken import SPOKEN
from portal.database import PoolStats
from portal.metrics import Metrics
from portal.services import Services
from portal.timing import Timings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from seed.fixture import House

pytest_plugins = ["portal_estate"]

CHAT = "/api/chat"


@pytest.fixture(scope="module")
def tracked(estate: Estate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal of this file's own, so that its newest record is of the request that was made last."""
    with running_portal(estate.url, tmp_path_factory.mktemp("tracked")) as portal:
        yield portal


def last(portal: Portal, log: str = "errors") -> dict[str, Any]:
    (record,) = newest(portal.log_dir, log, 1)
    return record


def ids(house: House) -> dict[str, str]:
    return {
        "tenant_id": house.tenant_id,
        "development_id": house.development_id,
        "house_id": house.house_id,
    }


def test_a_chat_is_timed_with_its_steps_and_its_house(tracked: Portal, estate: Estate) -> None:
    assert tracked.chat(estate.houses[0]).status == 200
    record = last(tracked, "performance")
    assert (record["route"], record["status"], record["context"]["method"]) == (CHAT, 200, "POST")
    assert list(record["steps_ms"]) == ["auth", "retrieval", "llm", "insert"]
    assert record["steps_ms"]["llm"] >= 19
    assert record["total_ms"] >= sum(record["steps_ms"].values()) * 0.99
    assert ids(estate.houses[0]).items() <= record.items()


def test_onboarding_is_timed_by_its_template_and_no_token_is_in_any_record(
    tracked: Portal, pending_houses: list[House]
) -> None:
    house = pending_houses[3]
    assert tracked.ask("GET", f"/onboarding/{house.qr_token}").status == 200
    page = last(tracked, "performance")
    assert page["route"] == "/onboarding/{qr_token}"
    assert list(page["steps_ms"]) == ["lookup", "render"]
    assert tracked.resolve(house.qr_token).status == 200
    resolved = last(tracked, "performance")
    assert list(resolved["steps_ms"]) == ["auth", "claim", "sign"]
    assert ids(house).items() <= page.items()
    assert ids(house).items() <= resolved.items()
    assert tracked.resolve(house.qr_token).status == 409
    assert ids(house).items() <= last(tracked).items()
    for path in tracked.log_dir.iterdir():
        assert house.qr_token not in path.read_text()
        assert SECRET not in path.read_text()
        assert "eyJ" not in path.read_text()


def test_a_refusal_is_written_with_its_status_its_step_and_where_it_was_raised(
    tracked: Portal, estate: Estate
) -> None:
    assert tracked.ask("POST", CHAT, {}, {"Authorization": "Bearer eyJnobody.nothing.x"}).status == 401
    record = last(tracked)
    assert (record["kind"], record["route"], record["status"], record["step"]) == ("api", CHAT, 401, "auth")
    assert record["message"] == "Unauthorized"
    assert record["exception"] == "portal.refusal.Refusal"
    assert "in verify" in record["stack"][-1]
    assert tracked.chat(estate.houses[0], **{"X-Tenant-Slug": "another"}).status == 403
    assert last(tracked)["status"] == 403
    assert ids(estate.houses[0]).items() <= last(tracked).items()
    house = estate.houses[0]
    body = {"message": "Hello?", "developmentId": "8c8f4f6e-0000-4000-8000-000000000000"}
    assert tracked.ask("POST", CHAT, body, bearer(house)).status == 404
    assert (last(tracked)["status"], last(tracked)["step"]) == (404, "auth")


def test_an_unknown_path_is_an_error_without_its_path_and_is_not_timed(tracked: Portal) -> None:
    before = len(newest(tracked.log_dir, "performance", 10_000))
    assert tracked.ask("GET", "/no/such/eyJpath").status == 404
    record = last(tracked)
    assert (record["route"], record["status"], record["message"]) == ("unmatched", 404, "Not Found")
    assert len(newest(tracked.log_dir, "performance", 10_000)) == before


def test_health_and_metrics_are_not_timed(tracked: Portal) -> None:
    before = len(newest(tracked.log_dir, "performance", 10_000))
    for path in ("/api/health", "/api/health/db", "/metrics"):
        assert tracked.ask("GET", path).status == 200
    assert len(newest(tracked.log_dir, "performance", 10_000)) == before


def test_a_model_that_does_not_answer_is_an_llm_error_in_its_step(estate: Estate, tmp_path: Path) -> None:
    settings = f"{QUICK}\n[portal.faults]\nmodel_error_ratio = 0.5\n"
    with running_portal(estate.url, tmp_path, settings) as portal:
        answers = [portal.chat(estate.houses[0]) for _ in range(30)]
        assert {answer.status for answer in answers} == {200, 502}
        failed = [answer for answer in answers if answer.status == 502]
        assert failed[0].json == {"error": "The model did not answer"}
        assert "llm;dur=" in failed[0].headers["Server-Timing"]
        records = list(JournalReader(portal.log_dir, "errors").read())
        assert len(records) == len(failed)
        assert {(one["kind"], one["step"], one["status"]) for one in records} == {("llm", "llm", 502)}
        assert len(newest(portal.log_dir, "performance", 100)) == 30


def test_a_database_that_is_gone_is_a_database_error(own_estate: Estate, tmp_path: Path) -> None:
    with running_portal(own_estate.url, tmp_path) as portal:
        assert portal.chat(own_estate.houses[0]).status == 200
        server = Estate(own_estate.url.replace(own_estate.name, "postgres"), [])
        server.execute(f'ALTER DATABASE "{own_estate.name}" WITH ALLOW_CONNECTIONS false')
        try:
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", own_estate.name
            )
            assert portal.chat(own_estate.houses[0]).status == 503
        finally:
            server.execute(f'ALTER DATABASE "{own_estate.name}" WITH ALLOW_CONNECTIONS true')
        record = last(portal)
        assert (record["kind"], record["status"], record["step"]) == ("database", 503, "auth")
        assert record["exception"] == "portal.database.DatabaseGoneError"
        assert record["stack"]


class _BrokenDatabase:
    async def fetch_row(self, *_: object) -> None:
        raise RuntimeError("nobody thought of this: password=hunter2")


class _NoFaults:
    async def strike(self, _: object) -> None:
        """No fault."""


def parts_for_a_page(tracker: Tracker) -> Services:
    """As much of the portal as an onboarding page needs."""
    no_part: Any = None
    database: Any = _BrokenDatabase()
    faults: Any = _NoFaults()
    metrics = Metrics(lambda: PoolStats(20, 20, 0), BOUNDS_S)
    return Services(
        database, limiter=no_part, buckets=no_part, interceptor=no_part, resolved=no_part, model=no_part, streaming_model=no_part, faults=faults, metrics=metrics, tracker=tracker,
        tracer=None, clock=lambda: datetime.now(UTC), secret="",
    )  # fmt: skip


def test_what_nobody_thought_of_is_a_500_and_is_written_with_its_stack(tmp_path: Path) -> None:
    app = build_app(parts_for_a_page(Tracker(tmp_path)), SPOKEN["phase17"])
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": "/onboarding/secret-token", "raw_path": b"", "query_string": b"",
        "headers": [], "http_version": "1.1", "scheme": "http", "root_path": "", "server": ("portal", 80),
    }  # fmt: skip
    with pytest.raises(RuntimeError):
        asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 500
    (record,) = newest(tmp_path, "errors", 5)
    assert (record["kind"], record["route"], record["status"]) == ("api", "/onboarding/{qr_token}", 500)
    assert (record["exception"], record["step"]) == ("RuntimeError", "lookup")
    assert record["stack"][-1].endswith("in fetch_row")
    assert "hunter2" not in json.dumps(record)
    assert newest(tmp_path, "performance", 5)[0]["status"] == 500


def test_the_step_that_failed_is_the_innermost() -> None:
    timings = Timings()
    with pytest.raises(ValueError, match="x"), timings.step("outer"), timings.step("inner"):
        raise ValueError("x")
    assert timings.failed_step == "inner"


def test_the_portals_own_records_are_proved_whole(tracked: Portal) -> None:
    for log in ("errors", "performance"):
        proof = prove(tracked.log_dir, log)
        assert proof.is_whole
        assert proof.writers == 1
