"""Bad input: a clear sentence, its place, the next step, exit code 2; nothing lost, nothing sent, nothing left running."""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg2
import pytest
from command_process import LOCUSTFILES, Commands
from portal_process import QUICK, running_portal

from seed.fixture import House, load_fixture, write_fixture
from seed.jwts import with_new_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from loadtest.embedded import Stack

PASSWORD = "hush-hush-database-password"  # noqa: S105 - of the tests
SHORT = "short-but-secret"
CHAT = ("locust", "-f", str(LOCUSTFILES / "chat.py"), "--headless", "--only-summary")
RAG = ("locust", "-f", str(LOCUSTFILES / "rag.py"), "--headless", "--only-summary")
NOBODY_LISTENS = "http://127.0.0.1:9"


@pytest.fixture
def houses(stack: Stack) -> list[House]:
    return load_fixture(Path(stack.environ["LOADTEST_FIXTURE"]))


@pytest.fixture
def commands(stack: Stack, houses: list[House], tmp_path: Path) -> Iterator[Commands]:
    """Commands whose environment is in order for the shared stack; each test spoils one thing."""
    directory = tmp_path / "here"
    directory.mkdir()
    secrets = [stack.environ["SESSION_SECRET"], PASSWORD]
    secrets += [secret for house in houses for secret in (house.jwt, house.qr_token)]
    commands = Commands(directory, {**stack.environ, "LOADTEST_PROFILE": "smoke"}, secrets)
    yield commands
    commands.kill_all()


def written(directory: Path, houses: Iterable[House]) -> str:
    path = directory / "spoilt.jsonl"
    write_fixture(path, houses)
    return str(path)


@contextmanager
def connected(url: str) -> Iterator[psycopg2.extensions.cursor]:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


@pytest.mark.parametrize("command", [("loadtest", "run", "chat"), ("loadtest", "check"), CHAT])
def test_a_portal_that_cannot_be_reached(commands: Commands, command: tuple[str, ...]) -> None:
    if command[1] == "check":
        ended = commands.run(*command, LOADTEST_TARGET=NOBODY_LISTENS)
        assert ended.code == 2
        told = ended.out
        assert "✓ fixture" in told
    else:
        told = commands.refused(*command, LOADTEST_TARGET=NOBODY_LISTENS)
    assert f"{NOBODY_LISTENS}/api/health: the portal cannot be reached: Connection refused" in told
    assert "Start it (loadtest portal), name another (--host URL), or run everything embedded" in told


def test_another_secret_is_found_before_the_run_where_it_is_known(
    commands: Commands, houses: list[House], tmp_path: Path
) -> None:
    fixture = written(
        tmp_path, with_new_tokens(houses, "another-secret-another-secret-another", datetime.now(UTC))
    )
    told = commands.refused("loadtest", "run", "chat", LOADTEST_FIXTURE=fixture)
    assert (
        "SESSION_SECRET: the fixture's tokens were signed with another secret; every answer would be 401"
        in told
    )
    assert "loadtest token" in told


def test_a_portal_with_another_secret_answers_401_and_the_report_says_why_and_what_to_do(
    commands: Commands, stack: Stack, tmp_path: Path
) -> None:
    with running_portal(stack.database_url, tmp_path, QUICK) as portal:
        target = "http://{}:{}".format(*portal.address)
        ended = commands.run(
            "loadtest", "run", "chat", LOADTEST_TARGET=target, SESSION_SECRET="", LOADTEST_TARGET_EMBEDDED=""
        )
    assert ended.code == 1, ended.output
    assert "30 of 30 requests: HTTP 401 Unauthorized" in ended.out
    assert "The portal accepts none of the homeowners' JWTs" in ended.out
    assert "signed with another SESSION_SECRET than the portal's" in " ".join(ended.out.split())
    assert "export SESSION_SECRET=…" in ended.out
    (report,) = commands.directory.glob("runs/*-chat/report.html")
    page = report.read_text()
    assert "The portal accepts none of the homeowners" in page
    assert "loadtest seed" in page
    assert not [secret for secret in commands.secrets if secret in page]


def test_houses_without_qr_tokens(commands: Commands, houses: list[House], tmp_path: Path) -> None:
    fixture = written(tmp_path, [replace(house, qr_token="") for house in houses])
    told = commands.refused("loadtest", "run", "onboarding", LOADTEST_FIXTURE=fixture)
    assert f"{fixture}: 20 houses have no QR token (LV-001 first)" in told
    assert "Make them: loadtest seed && loadtest qrs" in told


@pytest.mark.parametrize("content", [None, "\n\n"])
def test_no_houses(commands: Commands, tmp_path: Path, content: str | None) -> None:
    fixture = tmp_path / "houses.jsonl"
    if content is not None:
        fixture.write_text(content)
    commands_of_a_run: list[tuple[str, ...]] = [("loadtest", "run", "chat"), CHAT]
    for command in commands_of_a_run:
        told = commands.refused(*command, LOADTEST_FIXTURE=str(fixture))
        assert (
            f"{fixture}: the fixture {'holds no houses' if content is not None else 'does not exist'}" in told
        )
        assert "loadtest seed" in told
    for command in (("loadtest", "qrs"), ("loadtest", "token")):
        assert "the fixture" in commands.refused(*command, LOADTEST_FIXTURE=str(fixture))


def test_a_damaged_fixture_is_named_with_its_line_and_not_repeated(
    commands: Commands, stack: Stack, tmp_path: Path
) -> None:
    lines = Path(stack.environ["LOADTEST_FIXTURE"]).read_text().splitlines(keepends=True)
    fixture = tmp_path / "houses.jsonl"
    fixture.write_text("".join(lines[:6]) + lines[6][:-30])
    told = commands.refused("loadtest", "run", "chat", LOADTEST_FIXTURE=str(fixture))
    assert f"{fixture}:7: is not a line of JSON\n  Write the fixture anew: loadtest seed" in told


@pytest.mark.parametrize("command", [("loadtest", "run", "chat"), CHAT])
def test_expired_tokens(
    commands: Commands, stack: Stack, houses: list[House], tmp_path: Path, command: tuple[str, ...]
) -> None:
    two_days_ago = datetime.now(UTC) - timedelta(days=2)
    fixture = written(tmp_path, with_new_tokens(houses, stack.environ["SESSION_SECRET"], two_days_ago))
    told = commands.refused(*command, LOADTEST_FIXTURE=fixture, SESSION_SECRET="")  # with it they are renewed
    assert "the tokens of 20 of 20 houses (LV-001 first) are expired\n  Sign new ones: loadtest token" in told


@pytest.mark.parametrize("command", [("loadtest", "run", "rag"), RAG])
def test_an_empty_database(commands: Commands, empty_database: str, command: tuple[str, ...]) -> None:
    told = commands.refused(*command, DATABASE_URL=empty_database)
    assert "DATABASE_URL: the database holds no doc_chunks table\n  Seed it: loadtest seed" in told
    with connected(empty_database) as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert cursor.fetchone() == (0,)


def test_a_portal_without_a_seeded_database(commands: Commands, empty_database: str) -> None:
    assert "loadtest seed" in commands.refused(
        "loadtest", "portal", "--port", "0", DATABASE_URL=empty_database
    )


def test_a_foreign_database_is_not_searched_and_not_seeded(commands: Commands, empty_database: str) -> None:
    with connected(empty_database) as cursor:
        cursor.execute("CREATE TABLE doc_chunks (words text); CREATE TABLE accounts (id int)")
        cursor.execute("INSERT INTO doc_chunks VALUES ('somebody''s'); INSERT INTO accounts VALUES (7)")
        told = commands.refused("loadtest", "run", "rag", DATABASE_URL=empty_database)
        assert "DATABASE_URL: doc_chunks cannot be searched" in told
        fixture = str(commands.directory / "houses.jsonl")
        told = commands.refused("loadtest", "seed", DATABASE_URL=empty_database, LOADTEST_FIXTURE=fixture)
        assert "the database has doc_chunks of another application" in told
        assert "nothing was written" in told
        assert "loadtest houses" in told
        cursor.execute("SELECT words, id FROM doc_chunks, accounts")
        assert cursor.fetchall() == [("somebody's", 7)]
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert cursor.fetchone() == (2,)
        cursor.execute("DROP TABLE doc_chunks")
        told = commands.refused("loadtest", "seed", DATABASE_URL=empty_database, LOADTEST_FIXTURE=fixture)
        assert "holds tables that are not the suite's: accounts" in told
        assert "nothing was written" in told
        assert "loadtest seed --adopt" in told
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert cursor.fetchone() == (1,)


def test_a_database_that_cannot_be_reached_or_is_not_named(commands: Commands) -> None:
    nobody = f"postgresql://portal:{PASSWORD}@127.0.0.1:9/portal"
    told = commands.refused("loadtest", "run", "rag", DATABASE_URL=nobody)
    assert "DATABASE_URL: the database cannot be reached: nothing listens there" in told
    told = commands.refused("loadtest", "run", "rag", DATABASE_URL="")
    assert "DATABASE_URL environment variable is required" in told
    assert "export DATABASE_URL=" in told


def test_a_port_in_use(commands: Commands, stack: Stack) -> None:
    port = urlsplit(stack.base_url).port
    told = commands.refused("loadtest", "portal", "--port", str(port))
    assert f"http://127.0.0.1:{port}: the port is in use\n" in told
    assert "loadtest portal --port 0" in told


@pytest.mark.parametrize(
    ("command", "place"),
    [
        (("loadtest", "run", "chat"), "taken"),
        (("loadtest", "run", "chat"), "taken/below"),
        (("loadtest", "run", "chat"), "/proc/runs"),
        (("loadtest", "run", "chat", "--embedded"), "taken"),
        (CHAT, "taken"),
    ],
)
def test_a_run_directory_that_cannot_be_written(
    commands: Commands, command: tuple[str, ...], place: str
) -> None:
    (commands.directory / "taken").write_text("somebody's")
    told = commands.refused(*command, LOADTEST_OUTPUT_DIR=place)
    assert f"run.output_dir: {place} cannot be written: " in told
    assert "Choose another: loadtest run … --output-dir DIR" in told


def test_a_log_directory_that_cannot_be_written(commands: Commands) -> None:
    (commands.directory / "logs").write_text("somebody's")
    told = commands.refused("loadtest", "run", "chat", "--embedded", LOADTEST_LOG_DIR="logs")
    assert "logs: cannot be written: File exists" in told


def test_an_unknown_journey(commands: Commands) -> None:
    ended = commands.run("loadtest", "run", "chatt")
    assert ended.code == 2
    assert "'chatt' is not one of 'rag', 'chat', 'onboarding', 'documents', 'all'" in ended.err
    assert "run --help' for help" in ended.err


@pytest.mark.parametrize("command", [("loadtest", "run", "chat", "--embedded"), ("loadtest", "check")])
def test_every_misspelt_key_of_a_config_file_at_once(commands: Commands, command: tuple[str, ...]) -> None:
    (commands.directory / "own.toml").write_text('[target]\nbase_ur = "x"\n[portal.faults]\neror_ratio = 1\n')
    told = commands.refused(*command, "--config", "own.toml")
    assert "Error: own.toml: target.base_ur: is not a known key; did you mean 'base_url'?\n" in told
    assert (
        "Error: own.toml: portal.faults.eror_ratio: is not a known key; did you mean 'error_ratio'?\n" in told
    )
    assert "  Nothing was sent." in told


def test_plain_locust_reports_mistakes_in_settings_too(commands: Commands) -> None:
    (commands.directory / "own.toml").write_text("[run]\nrandom_sed = 1\n")
    told = commands.refused(*CHAT, LOADTEST_CONFIG="own.toml", LOADTEST_PROFILE="smokey")
    assert "own.toml: run.random_sed: is not a known key; did you mean 'random_seed'?" in told
    assert (
        "run.profile: 'smokey' is not a profile; allowed: capacity, launch, phase17, pilot, smoke, soak, stress, or"
        in told
    )


@pytest.mark.parametrize("command", [("loadtest", "run", "chat"), CHAT])
def test_a_host_that_is_not_allowed_is_sent_nothing(commands: Commands, command: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.2", 0)) as listener:
        listener.settimeout(0)
        told = commands.refused(*command, "--host", f"http://127.0.0.2:{listener.getsockname()[1]}")
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert "target.base_url: host '127.0.0.2' is not in target.allowed_hosts" in told
    assert "example.invalid" in commands.refused(*command, "--host", "http://example.invalid")


def test_a_database_that_is_not_allowed_is_sent_nothing(commands: Commands) -> None:
    with socket.create_server(("127.0.0.2", 0)) as listener:
        listener.settimeout(0)
        port = listener.getsockname()[1]
        for url in (
            f"postgresql://portal:{PASSWORD}@127.0.0.2:{port}/portal",
            f"postgresql://portal:{PASSWORD}@localhost:{port}/portal?hostaddr=127.0.0.2",
            f"host=127.0.0.2 port={port} password={PASSWORD}",
        ):
            told = commands.refused("loadtest", "seed", DATABASE_URL=url)
            assert "DATABASE_URL: host '127.0.0.2' is not in target.allowed_hosts" in told
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize("command", [("seed",), ("token",), ("portal", "--port", "0")])
def test_a_missing_or_short_secret(commands: Commands, command: tuple[str, ...]) -> None:
    fixture = str(commands.directory / "houses.jsonl")
    missing = commands.refused("loadtest", *command, SESSION_SECRET="", LOADTEST_FIXTURE=fixture)
    assert missing.startswith("Error: SESSION_SECRET environment variable is required\n")
    short = commands.refused("loadtest", *command, SESSION_SECRET=SHORT, LOADTEST_FIXTURE=fixture)
    assert short.startswith("Error: SESSION_SECRET: is shorter than 32 characters\n")
    assert SHORT not in short
    for told in (missing, short):
        assert "export SESSION_SECRET=" in told


def test_a_host_for_an_embedded_run(commands: Commands, stack: Stack) -> None:
    told = commands.refused("loadtest", "run", "chat", "--embedded", "--host", stack.base_url)
    assert "Give --host or --embedded, not both." in told


STATS = """Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,Max Response Time,Average Content Size,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%
POST,chat,60,0,1600,1600,800,2500,900,10,0,1600,1700,1800,1900,2000,2100,2200,2300,2500,2500,2500
,Aggregated,60,0,1600,1600,800,2500,900,10,0,1600,1700,1800,1900,2000,2100,2200,2300,2500,2500,2500
"""


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "is empty"),
        (STATS[: STATS.index("2500,900,10")], "cut off"),
        (STATS[: STATS.index(",Aggregated")], "Aggregated"),
    ],
)
def test_a_truncated_or_empty_csv_is_no_verdict_and_stays_as_it_is(
    commands: Commands, content: str, what: str
) -> None:
    run_dir = commands.directory / "old"
    run_dir.mkdir()
    stats = run_dir / "mine_stats.csv"
    stats.write_text(content)
    ended = commands.run("loadtest", "report", "old")
    assert ended.code == 3, ended.output
    assert "NO VERDICT" in ended.out
    assert "mine_stats.csv: " in ended.out
    assert what in ended.out
    assert stats.read_text() == content
    assert json.loads((run_dir / "verdict" / "verdict.json").read_text())["state"] == "NO VERDICT"


def test_a_whole_csv_is_judged(commands: Commands) -> None:
    run_dir = commands.directory / "old"
    run_dir.mkdir()
    (run_dir / "mine_stats.csv").write_text(STATS)
    assert commands.run("loadtest", "report", "old").code == 0


@pytest.mark.parametrize(
    ("place", "sentence"),
    [("nowhere", "there is no such directory"), ("empty", "holds neither"), ("file", "cannot be read")],
)
def test_a_directory_that_holds_no_run(commands: Commands, place: str, sentence: str) -> None:
    (commands.directory / "empty").mkdir()
    (commands.directory / "file").write_text("somebody's")
    told = commands.refused("loadtest", "report", place)
    assert told.startswith(f"Error: {place}: {sentence}")
    assert "ls runs" in told
