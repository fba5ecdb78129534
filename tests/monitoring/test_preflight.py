"""What is looked at before a run: each check with what it needs, and without."""

from __future__ import annotations

import dataclasses
import os
import socket
import subprocess
import sys
import threading
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from longview_database import SECRET
from patience import TIMEOUT_S, await_true

from conf.errors import LoadTestError
from conf.loading import load_settings
from conf.operations import Journey
from monitoring.probing.planned_load import check_criteria, warn_of_short_stop
from monitoring.probing.preflight import preflight, require_ready
from seed.fixture import write_fixture
from seed.jwts import with_new_tokens
from seed.signed_tokens import sign_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from longview_database import SeededDatabase

    from conf.settings import Settings
    from seed.fixture import House

NOW = datetime.now(UTC)


class Answering(ThreadingHTTPServer):
    """Answers every request as it is told, and keeps the paths it was asked for."""

    status = 200
    location = ""

    def __init__(self) -> None:
        self.paths: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Answering

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def answering(status: int = 200, location: str = "") -> Iterator[Answering]:
    with Answering() as server:
        server.status, server.location = status, location
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def something_else_listening() -> Iterator[str]:
    """A port where something answers that does not speak HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            accepted, _ = listener.accept()
            with accepted:
                accepted.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


@pytest.fixture
def prepare(seeded_database: SeededDatabase, tmp_path: Path) -> Callable[..., Settings]:
    """Settings with the seeded database and a fixture whose houses may be changed first."""

    def settings_with(change: Callable[[House], House] | None = None, **values: Any) -> Settings:
        fixture = tmp_path / "houses.jsonl"
        write_fixture(fixture, [change(house) if change else house for house in seeded_database.houses])
        overrides: dict[str, Any] = {
            "database.url": seeded_database.url,
            "session_secret": SECRET,
            "seed.fixture": fixture,
            "run.output_dir": tmp_path / "runs",
            "target.base_url": "http://127.0.0.1:9",
            **{key.replace("__", "."): value for key, value in values.items()},
        }
        return load_settings(overrides, environ={})

    return settings_with


def looked_at(
    settings: Settings, *journeys: Journey, run_time_s: float = 0, now: datetime = NOW
) -> dict[str, str]:
    """Check → its error, or empty."""
    checks = preflight(settings, journeys, run_time_s, now)
    return {check.name: str(check.error or "") for check in checks}


def test_a_journey_asks_for_what_it_needs_and_no_more(prepare: Callable[..., Settings]) -> None:
    settings = prepare(lambda house: dataclasses.replace(house, jwt="", qr_token=""))
    always = ["criteria", "end of the run", "run directory"]
    assert list(looked_at(settings, Journey.RAG)) == [*always, "fixture", "database"]
    assert list(looked_at(settings, Journey.ONBOARDING)) == [*always, "fixture", "portal"]
    assert list(looked_at(settings, Journey.CHAT)) == [*always, "questions", "fixture", "secret", "portal"]
    lacking = {journey: looked_at(settings, journey)["fixture"] for journey in Journey}
    assert lacking[Journey.RAG] == ""
    assert "20 houses have no QR token" in lacking[Journey.ONBOARDING]
    assert "20 houses have no JWT" in lacking[Journey.CHAT]
    assert looked_at(prepare(session_secret=None), Journey.CHAT)["secret"] == ""  # it cannot be told


def test_no_more_questions_are_asked_at_once_than_there_are(prepare: Callable[..., Settings]) -> None:
    settings = prepare()
    load = settings.profile.load(Journey.CHAT).model_copy(update={"questions_in_flight": 400})
    asking = settings.model_copy(update={"profile": settings.profile.model_copy(update={"chat": load})})
    assert "chat.questions_in_flight is 400, and there are " in looked_at(asking, Journey.CHAT)["questions"]
    assert "questions" not in looked_at(asking, Journey.ONBOARDING)


def test_the_questions_of_a_file_are_said_before_a_run_and_so_is_what_is_wrong_with_them(
    prepare: Callable[..., Settings], tmp_path: Path
) -> None:
    file = tmp_path / "asked.txt"
    settings = prepare(run__questions=file, run__question_salt="run")
    assert f"{file}: cannot be read: No such file" in looked_at(settings, Journey.CHAT)["questions"]
    file.write_text("One?\nTwo?\nOne?\n")
    assert "questions_in_flight is 3, and there are 2" in looked_at(settings, Journey.CHAT)["questions"]
    file.write_text("One?\nTwo?\nThree?\n")
    said = {check.name: check.found for check in preflight(settings, [Journey.CHAT], 0, NOW)}
    assert said["questions"] == f"3 of {file}, uniform, salt: run"


def test_an_end_that_may_cut_requests_off_is_said_with_both_settings(
    prepare: Callable[..., Settings],
) -> None:
    settings = prepare(run__stop_timeout_s=30.0, target__request_timeout_s=60.0)
    said = {check.name: check.found for check in preflight(settings, Journey, 600, NOW)}["end of the run"]
    assert said.startswith(
        "run.stop_timeout_s (30 s) is not longer than target.request_timeout_s (60 s) and "
        "database.statement_timeout_s (30 s): "
    )


def test_a_search_has_waited_for_its_connection_before_the_end_of_the_run_may_cut_it_off() -> None:
    values = {"database.pool_timeout_s": 50, "database.statement_timeout_s": 10}
    settings = load_settings(values, environ={})
    assert warn_of_short_stop(settings, [Journey.RAG], 60.0).startswith(
        "run.stop_timeout_s (60 s) is not longer than database.pool_timeout_s and "
        "database.statement_timeout_s together (60 s): "
    )
    assert warn_of_short_stop(settings, [Journey.RAG], 60.5) == ""
    assert warn_of_short_stop(load_settings(environ={}), [Journey.RAG], 65.0) == ""


def test_a_timeout_before_the_limit_of_a_latency_is_said_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("[target]\nrequest_timeout_s = 2\n")
    settings = load_settings(config_files=[tmp_path / "own.toml"], environ={})
    said = check_criteria(settings, {Journey.CHAT})
    assert "chat.p95_ms (5000 ms), chat.p99_ms (5000 ms): target.request_timeout_s (2 s)" in said
    assert "decide nothing" not in check_criteria(settings, {Journey.RAG})
    assert "decide nothing" not in check_criteria(load_settings(environ={}), {Journey.CHAT})


def test_with_everything_there_every_check_says_what_it_found(prepare: Callable[..., Settings]) -> None:
    with answering() as server:
        settings = prepare(target__base_url=server.url)
        checks = list(preflight(settings, Journey, 600, NOW))
        assert [check.error for check in checks] == [None] * 8
        found = {check.name: check.found for check in checks}
        assert found["fixture"] == "20 houses with tokens, which are renewed before they expire"
        assert found["end of the run"] == "what is in flight then has time to finish"
        assert found["portal"] == f"{server.url}/api/health answered 200"
        assert (
            " chunks of the first development; ivfflat index doc_chunks_embedding on 462 chunks: not needed: "
            in found["database"]
        )
        require_ready(settings, Journey, 600, NOW)
        assert set(server.paths) == {"/api/health"}
    assert not settings.run.output_dir.exists()  # to look is not to make


def test_everything_missing_is_told_at_once_and_once(tmp_path: Path) -> None:
    settings = load_settings(
        {
            "seed.fixture": tmp_path / "none.jsonl",
            "run.output_dir": __file__,
            "target.base_url": "http://127.0.0.1:9",
            "session_secret": SECRET,
        },
        environ={},
    )
    with pytest.raises(LoadTestError) as caught:
        require_ready(settings, Journey, 0, NOW)
    errors = [line for line in str(caught.value).splitlines() if line.startswith("Error: ")]
    assert [error.removeprefix("Error: ").split(":")[0] for error in errors] == [
        "run.output_dir",
        str(tmp_path / "none.jsonl"),
        "http",
        "DATABASE_URL environment variable is required",
    ]
    assert str(caught.value).count("\n  ") >= len(errors)  # a next step each


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/nothing/runs"])
def test_a_run_directory_that_cannot_be_made_is_named(
    prepare: Callable[..., Settings], tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").write_text("mine")
    directory = tmp_path / place
    error = looked_at(prepare(run__output_dir=directory))["run directory"]
    assert error.startswith(f"Error: run.output_dir: {directory} cannot be written: ")
    assert "--output-dir DIR" in error
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("qr_token", ["", " "])
def test_houses_without_qr_tokens_are_counted(prepare: Callable[..., Settings], qr_token: str) -> None:
    settings = prepare(
        lambda house: dataclasses.replace(house, qr_token=qr_token) if house.house_number > 18 else house
    )
    error = looked_at(settings, Journey.ONBOARDING)["fixture"]
    assert "2 houses have no QR token (LV-019 first), which the contract needs for onboarding_" in error
    assert error.endswith("\n  Make them: loadtest seed && loadtest qrs")


def test_signed_tokens_must_outlive_the_run_and_be_those_of_the_contract(
    prepare: Callable[..., Settings],
) -> None:
    def signed(then: datetime, contract: str = "portal-2025-12") -> dict[str, str]:
        token = load_settings({"target.contract": "portal-2025-12"}, environ={}).contract.tokens["qr_token"]

        def sign(house: House) -> House:
            known = dataclasses.replace(house, own={"unit_uid": house.lot, "project_id": "p"}, jwt="")
            return dataclasses.replace(known, qr_token=sign_token(token, known, SECRET, then, "nonce"))

        return looked_at(prepare(sign, target__contract=contract), Journey.ONBOARDING, run_time_s=600)

    lifetime = timedelta(hours=720)
    assert signed(NOW)["fixture"] == ""
    assert signed(NOW - lifetime + timedelta(minutes=16))["fixture"] == ""
    late = signed(NOW - lifetime + timedelta(minutes=14))["fixture"]
    assert (
        "the tokens of 20 of 20 houses (LV-001 first) expire within 15 min\n  Sign new ones: loadtest houses"
        in late
    )
    assert signed(NOW - lifetime, "portal-2026")["fixture"] == "", "no request names it"
    foreign = looked_at(
        prepare(
            lambda house: dataclasses.replace(house, own={"unit_uid": "x"}), target__contract="portal-2025-12"
        ),
        Journey.ONBOARDING,
    )["fixture"]
    assert "a signed token of the fixture is none that the contract describes" in foreign
    lacking = looked_at(
        prepare(
            lambda house: dataclasses.replace(house, own={"unit_uid": "x"}, qr_token=""),
            target__contract="portal-2025-12",
        ),
        Journey.ONBOARDING,
    )["fixture"]
    assert lacking.endswith("\n  Sign them: loadtest houses")


def test_tokens_that_cannot_be_renewed_must_outlive_the_run_and_a_margin(
    prepare: Callable[..., Settings],
) -> None:
    def issued_at(then: datetime, secret: str | None = None) -> Settings:
        return prepare(
            lambda house: next(iter(with_new_tokens([house], SECRET, then))), session_secret=secret
        )

    assert looked_at(issued_at(NOW), Journey.CHAT, run_time_s=23.9 * 3600)["fixture"] == ""
    too_long = looked_at(issued_at(NOW), Journey.CHAT, run_time_s=24 * 3600 - 60)["fixture"]
    assert "the tokens of 20 of 20 houses (LV-001 first) expire within 1444 min" in too_long
    expired = looked_at(issued_at(NOW - timedelta(hours=25)), Journey.CHAT)["fixture"]
    assert "are expired\n  Sign new ones: loadtest token" in expired
    for secret in ("x" * 40, "x" * 31):
        assert (
            "are expired" in looked_at(issued_at(NOW - timedelta(hours=25), secret), Journey.CHAT)["fixture"]
        )
    assert looked_at(issued_at(NOW - timedelta(hours=25), SECRET), Journey.CHAT)["fixture"] == ""


def test_the_secret_is_the_one_that_signed_the_tokens(prepare: Callable[..., Settings]) -> None:
    assert looked_at(prepare(), Journey.CHAT)["secret"] == ""
    other = looked_at(prepare(session_secret="x" * 40), Journey.CHAT)["secret"]
    assert "signed with another secret; every answer would be 401\n  Set the portal's own secret" in other
    assert "shorter than 32 characters" in looked_at(prepare(session_secret="x" * 31), Journey.CHAT)["secret"]
    tampered = prepare(lambda house: dataclasses.replace(house, jwt=house.jwt[:-3] + "abc"))
    assert "another secret" in looked_at(tampered, Journey.CHAT)["secret"]


def test_a_health_page_that_proves_nothing_is_said_to(prepare: Callable[..., Settings]) -> None:
    with answering() as server:
        settings = prepare(target__base_url=server.url, target__contract="portal-2026")
        found = {check.name: check.found for check in preflight(settings, [Journey.CHAT], 0, NOW)}
    assert found["portal"].endswith(
        "/api/health answered 200, which it does whatever the state of its database"
    )


@pytest.mark.parametrize("status", [500, 503, 404, 401, 204])
def test_a_portal_that_does_not_say_200_is_not_up(prepare: Callable[..., Settings], status: int) -> None:
    with answering(status) as server:
        error = looked_at(prepare(target__base_url=server.url), Journey.CHAT)["portal"]
    assert f"{server.url}/api/health: the portal answered {status}, not 200\n  Start it" in error


def test_a_portal_that_is_not_there_or_is_something_else_is_told(prepare: Callable[..., Settings]) -> None:
    assert "cannot be reached: Connection refused" in looked_at(prepare(), Journey.CHAT)["portal"]
    with something_else_listening() as url:
        error = looked_at(prepare(target__base_url=url), Journey.CHAT)["portal"]
    assert "cannot be reached: what answers there does not speak HTTP" in error
    with answering() as server:
        encrypted = server.url.replace("http", "https")
        assert "cannot be reached: " in looked_at(prepare(target__base_url=encrypted), Journey.CHAT)["portal"]


def test_a_portal_that_says_nothing_is_given_up(prepare: Callable[..., Settings]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings = prepare(target__base_url=url, target__connect_timeout_s=0.2)
        assert (
            "cannot be reached: no complete answer within 0.2 s"
            in looked_at(settings, Journey.CHAT)["portal"]
        )


def test_a_redirect_of_the_health_page_is_not_followed(prepare: Callable[..., Settings]) -> None:
    with answering() as elsewhere, answering(302, f"{elsewhere.url}/api/health") as server:
        error = looked_at(prepare(target__base_url=server.url), Journey.CHAT)["portal"]
        assert "answered 302, not 200" in error
        assert server.paths == ["/api/health"]
        assert elsewhere.paths == []


def test_a_proxy_of_the_environment_is_not_asked() -> None:
    with answering() as proxy, answering() as server:
        # urllib looks at the environment when it is imported: a process of its own.
        read = subprocess.run(
            [
                sys.executable,
                "-c",
                f"import conf.trust as t, monitoring.probing.page as p; print(p.read_page('{server.url}/m', 5, trust=t.Trust()))",
            ],
            env={**os.environ, **dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy"), proxy.url)},
            capture_output=True,
            text=True,
            check=True,
            timeout=TIMEOUT_S,
        )
        assert read.stdout.strip() == "(200, b'ok')"
        assert (server.paths, proxy.paths) == (["/m"], [])


def test_the_database_holds_the_chunks_of_the_fixtures_development(
    prepare: Callable[..., Settings], empty_database: str
) -> None:
    assert looked_at(prepare(), Journey.RAG)["database"] == ""
    empty = prepare(database__url=empty_database)
    assert "holds no doc_chunks table\n  Seed it: loadtest seed" in looked_at(empty, Journey.RAG)["database"]
    development = str(uuid.uuid4())
    others = prepare(lambda house: dataclasses.replace(house, development_id=development))
    assert (
        f"no chunks of the fixture's development {development}" in looked_at(others, Journey.RAG)["database"]
    )
    unreachable = prepare(database__url="postgresql://portal:hush-hush@127.0.0.1:9/portal")
    error = looked_at(unreachable, Journey.RAG)["database"]
    assert "cannot be reached" in error
    assert "hush" not in error


@pytest.mark.parametrize(
    "columns",
    ["id int", "tenant_id int, development_id int, embedding int", "tenant_id uuid, development_id uuid"],
)
def test_a_table_of_somebody_else_that_is_called_doc_chunks_is_told(
    prepare: Callable[..., Settings], empty_database: str, columns: str
) -> None:
    connection = psycopg2.connect(empty_database)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLE doc_chunks ({columns})")
    finally:
        connection.close()
    error = looked_at(prepare(database__url=empty_database), Journey.RAG)["database"]
    assert "DATABASE_URL: doc_chunks cannot be searched: SQLSTATE " in error


def test_without_a_fixture_the_database_is_still_looked_at(
    prepare: Callable[..., Settings], tmp_path: Path
) -> None:
    checks = looked_at(prepare(seed__fixture=tmp_path / "none.jsonl"), Journey.RAG)
    assert "the fixture does not exist" in checks["fixture"]
    assert "secret" not in checks
    assert checks["database"] == ""


def test_no_connection_is_left_open(
    prepare: Callable[..., Settings], seeded_database: SeededDatabase
) -> None:
    looked_at(prepare(), Journey.RAG)
    connection = psycopg2.connect(seeded_database.url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:

            def open_connections() -> int:
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'openhouse-loadtest'"
                    " AND datname = current_database()"
                )
                row = cursor.fetchone()
                assert row is not None
                return int(row[0])

            await_true(lambda: not open_connections())
    finally:
        connection.close()


def test_a_streamed_answer_is_ended_by_limits_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("[streams]\nfirst_content_s = 4\nidle_s = 20\nwhole_s = 15\n")
    streams = load_settings(
        {"target.contract": "phase17-stream"}, config_files=[tmp_path / "own.toml"], environ={}
    )
    said = check_criteria(streams, {Journey.CHAT})
    assert "chat.first_content_p95_ms (5000 ms): streams.first_content_s (4 s) ends before" in said
    assert "chat.done_p95_ms (20000 ms): streams.whole_s (15 s) ends before" in said
    assert "largest_gap" not in said
    assert warn_of_short_stop(streams, [Journey.CHAT], 15.0).startswith(
        "run.stop_timeout_s (15 s) is not longer than streams.whole_s (15 s): "
    )
    default = load_settings({"target.contract": "phase17-stream"}, environ={})
    assert warn_of_short_stop(default, [*Journey], default.run.stop_timeout_s) == ""
    assert "decide nothing" not in check_criteria(default, [*Journey])
