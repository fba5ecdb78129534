"""What `loadtest check` asks of a real portal before a run: a JWT, a QR token, the pool."""

from __future__ import annotations

import json
import re
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from portal_process import SECRET, running_portal

from conf.errors import LoadTestError
from conf.loading import load_settings
from conf.operations import Journey
from monitoring.probing.check import Check, check
from monitoring.probing.probe import check_houses, check_token, probe
from monitoring.probing.vector_index import COSTLY_MS, look_at_vector_index
from seed.jwts import homeowner_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portal_process import Estate, Portal

    from conf.settings import Settings
    from seed.fixture import House

pytest_plugins = ["portal_estate"]


def settings_for(portal: Portal, house: House, directory: Path) -> Settings:
    fixture = directory / "houses.jsonl"
    fixture.write_text(json.dumps(asdict(house)) + "\n")
    address = "http://{}:{}".format(*portal.address)
    return load_settings({"target.base_url": address, "seed.fixture": str(fixture)}, environ={})


def checks(portal: Portal, house: House, directory: Path) -> dict[str, Check]:
    return {check.name: check for check in probe(settings_for(portal, house, directory), tuple(Journey))}


def test_a_portal_that_knows_the_house_says_so_and_nothing_is_used_up(
    own_estate: Estate, tmp_path: Path
) -> None:
    house = own_estate.houses[0]
    with running_portal(own_estate.url, tmp_path) as portal:
        first, second = checks(portal, house, tmp_path), checks(portal, house, tmp_path)
        assert first == second
        assert [check.found for check in first.values()] == [
            "the portal accepts the first house's (/api/documents answered 200)",
            "the portal knows house LV-001's QR token",
            "20 connections, 20 of them idle",
        ]
        assert portal.resolve(house.qr_token).status == 200
        assert checks(portal, house, tmp_path)["QR token"].found.endswith(", which has been used")


def test_another_secret_another_tenant_and_an_unknown_code_are_told_with_what_to_do(
    portal: Portal, estate: Estate, tmp_path: Path
) -> None:
    house = estate.houses[0]
    wrong = replace(house, jwt=homeowner_token(house, SECRET[::-1], datetime.now(UTC)))
    error = checks(portal, wrong, tmp_path)["JWT"].error
    assert error is not None
    assert "(401): it was signed with another SESSION_SECRET" in str(error)
    assert "loadtest token" in str(error)
    assert house.jwt not in str(error)
    error = checks(portal, replace(house, tenant_slug="another"), tmp_path)["JWT"].error
    assert error is not None
    assert "(403)" in str(error)
    error = checks(portal, replace(house, qr_token="nobody-has-it"), tmp_path)["QR token"].error  # noqa: S106 - of no house
    assert error is not None
    assert "does not know house LV-001's QR token (404)" in str(error)
    assert "loadtest qrs" in str(error)


def test_a_pool_that_is_waited_for_before_there_is_load_is_told(own_estate: Estate, tmp_path: Path) -> None:
    slow = "[portal]\npool_size = 1\n[portal.faults]\ndatabase_stall_s = 2.5\n"
    with running_portal(own_estate.url, tmp_path, slow) as portal:
        error = checks(portal, own_estate.houses[0], tmp_path)["pool"].error
        assert error is not None
        assert "the portal answered 503" in str(error)


def test_without_a_fixture_nothing_is_asked(portal: Portal, tmp_path: Path) -> None:
    address = "http://{}:{}".format(*portal.address)
    settings = load_settings(
        {"target.base_url": address, "seed.fixture": str(tmp_path / "none.jsonl")}, environ={}
    )
    assert list(probe(settings, tuple(Journey))) == []


def test_a_portal_that_is_not_there_is_one_sentence_each(estate: Estate, tmp_path: Path) -> None:
    fixture = tmp_path / "houses.jsonl"
    fixture.write_text(json.dumps(asdict(estate.houses[0])) + "\n")
    settings = load_settings(
        {"target.base_url": "http://127.0.0.1:1", "seed.fixture": str(fixture)}, environ={}
    )
    errors = [str(check.error) for check in probe(settings, tuple(Journey))]
    assert len(errors) == 3
    assert all("cannot be reached" in error and estate.houses[0].qr_token not in error for error in errors)


def test_a_journey_asks_the_portal_for_what_it_needs(portal: Portal, estate: Estate, tmp_path: Path) -> None:
    settings = settings_for(portal, estate.houses[0], tmp_path)
    asked = {journey: [check.name for check in probe(settings, [journey])] for journey in Journey}
    assert asked == {
        Journey.RAG: [],
        Journey.CHAT: ["JWT", "pool"],
        Journey.ONBOARDING: ["QR token", "pool"],
        Journey.DOCUMENTS: ["JWT", "pool"],
    }


class OfTheLaterPortal(BaseHTTPRequestHandler):
    """Answers as a real portal did, which knows one house."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        names = {"LV-PARK-009": "resolve-hit", "LV-PARK-503": "error-503"}
        name = names.get(asked["token"], "resolve-404")
        capture = Path(__file__).parents[1] / "captures" / f"{name}.jsonl"
        for line in map(json.loads, capture.read_text().splitlines()):
            self.wfile.write(line.get("latin1", "").encode("latin-1"))
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def later_portal(uid: str, directory: Path, known: int = 0, **changes: str) -> Iterator[Check]:
    """What is found of *known* houses that the portal knows and one with this name."""
    ids = {
        "tenant_id": "fdd1bd1a-97fa-4a1c-94b5-ae22dceb077d",
        "development_id": "e0833063-55ac-4201-a50e-f329c090fbd6",
    }
    houses = [{"house_id": "u-9", "lot": "9", "own": {"unit_uid": "LV-PARK-009"}} | ids] * known
    houses.append({"house_id": "u-9", "lot": "9", "own": {"unit_uid": uid}} | ids | changes)
    (directory / "houses.jsonl").write_text("\n".join(map(json.dumps, houses)))
    with HTTPServer(("127.0.0.1", 0), OfTheLaterPortal) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            given = {
                "target.base_url": f"http://127.0.0.1:{server.server_port}",
                "target.contract": "portal-2026",
                "seed.fixture": str(directory / "houses.jsonl"),
            }
            settings = load_settings(given, environ={})
            yield check("houses", lambda: check_houses(settings))
        finally:
            server.shutdown()


def test_where_pages_know_every_name_another_request_tells_whether_a_house_is_known(tmp_path: Path) -> None:
    with later_portal("LV-PARK-009", tmp_path) as found:
        assert found.found == "the portal knows house 9"
    with later_portal("LV-PARK-999", tmp_path) as found:
        assert "/api/houses/resolve: the portal does not know house 9 (404)" in str(found.error)
        assert "take the portal's own houses: loadtest houses; or" in str(found.error)
    with later_portal("LV-PARK-999", tmp_path, known=9) as found:
        assert "the portal does not know house 9 (404)" in str(found.error)
    with later_portal("LV-PARK-009", tmp_path, known=29) as found:
        assert found.found == "the portal knows all 10 that were asked for"
    with later_portal("LV-PARK-503", tmp_path) as found:  # which says nothing about the house
        assert "/api/houses/resolve: the portal answered 503" in str(found.error)
    with later_portal("LV-PARK-009", tmp_path, development_id="another") as found:
        assert "another house than 9: development_id is not its development_id" in str(found.error)
    with later_portal("", tmp_path) as found:  # the check of the fixture says what is missing
        assert "has not what the contract's house_check asks with" in found.found


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (
            "SELECT 1",
            r"ivfflat index doc_chunks_embedding on 462 chunks: not needed: a search reads \d+ rows in [\d.]+ ms",
        ),
        ("DROP INDEX doc_chunks_embedding", "no vector index on 462 chunks"),
    ],
)
def test_the_vector_index_is_asked_of_the_database(own_estate: Estate, statement: str, found: str) -> None:

    own_estate.execute(statement)
    settings = load_settings(environ={"DATABASE_URL": own_estate.url})
    assert re.match(found, str(look_at_vector_index(settings.database, own_estate.houses[0])))


def test_an_index_that_the_planner_chooses_is_used(own_estate: Estate) -> None:

    database = own_estate.name
    own_estate.execute(f'ALTER DATABASE "{database}" SET enable_seqscan = off')
    own_estate.execute(f'ALTER DATABASE "{database}" SET enable_sort = off')
    settings = load_settings(environ={"DATABASE_URL": own_estate.url})
    index = look_at_vector_index(settings.database, own_estate.houses[0])
    assert index is not None
    assert index.used
    assert str(index).endswith(": used")


def test_a_large_table_is_no_reason_for_the_index_where_a_development_has_few_rows(
    own_estate: Estate,
) -> None:
    own_estate.execute("UPDATE pg_class SET reltuples = 900000 WHERE oid = 'doc_chunks'::regclass")
    settings = load_settings(environ={"DATABASE_URL": own_estate.url})
    index = look_at_vector_index(settings.database, own_estate.houses[0])
    assert index is not None
    assert index.chunks == 900_000
    if not index.used:  # by the plan of this development's search
        assert 0 < index.rows_read <= 462
        assert index.search_ms < COSTLY_MS


def test_a_search_that_reads_many_rows_without_the_index_is_measured(own_estate: Estate) -> None:
    house = own_estate.houses[0]
    copies = (
        "INSERT INTO doc_chunks SELECT (jsonb_populate_record(c, jsonb_build_object('id', gen_random_uuid(),"
        " 'chunk_index', (SELECT max(chunk_index) FROM doc_chunks) + row_number() OVER ()))).*"
        " FROM doc_chunks AS c WHERE tenant_id = %s AND development_id = %s"
    )
    for _ in range(6):
        own_estate.execute(copies, house.tenant_id, house.development_id)
    own_estate.execute(f'ALTER DATABASE "{own_estate.name}" SET enable_indexscan = off')
    settings = load_settings(environ={"DATABASE_URL": own_estate.url})
    index = look_at_vector_index(settings.database, house)
    assert index is not None
    assert not index.used
    assert index.rows_read >= 1_000
    assert index.search_ms > 0


@pytest.mark.parametrize(
    ("ahead_s", "said"),
    [
        (0, "it was signed with another SESSION_SECRET"),
        (600, "by its clock, which is (599|600|601) s behind this machine's, it was issued in the future"),
        (-90_000, "by its clock, which is (89,999|90,000|90,001) s ahead of this machine's, it has expired"),
        (-600, "it was signed with another SESSION_SECRET"),
    ],
)
def test_a_refused_jwt_is_explained_by_the_portals_clock_where_that_explains_it(
    estate: Estate, tmp_path: Path, ahead_s: int, said: str
) -> None:
    now_s = time.time()

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(401)
            self.send_header("Date", formatdate(now_s - ahead_s, usegmt=True))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    issued_at = datetime.fromtimestamp(now_s - 60, UTC)
    house = replace(
        estate.houses[0], jwt=homeowner_token(estate.houses[0], SECRET, issued_at, timedelta(hours=24))
    )
    fixture = tmp_path / "houses.jsonl"
    fixture.write_text(json.dumps(asdict(house)) + "\n")
    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            settings = load_settings(
                {"target.base_url": f"http://127.0.0.1:{server.server_port}", "seed.fixture": str(fixture)},
                environ={},
            )
            assert settings.contract.token_check is not None
            with pytest.raises(LoadTestError, match=said):
                check_token(settings, settings.contract.token_check, house)
        finally:
            server.shutdown()
