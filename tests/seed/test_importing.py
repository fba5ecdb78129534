"""``loadtest houses``: the fixture from a portal's own database, in which nothing is written unless it is asked for."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import re
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import jwt
import psycopg2
import pytest
import warm_python
from database_digest import database_digest

from conf.errors import LoadTestError
from conf.loading import contract_file, load_settings
from conf.signed_token import SignatureEncoding
from seed.fixture import load_fixture
from seed.importing import Imported, import_houses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from longview_database import SeededDatabase

    from conf.settings import Settings
    from seed.registration import TokenRows

NOW = datetime(2025, 11, 15, 12, 0, 0, 123456, tzinfo=UTC)
SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of the tests
TABLES = """
    CREATE SEQUENCE visits;
    CREATE TABLE units (id uuid PRIMARY KEY, tenant_id uuid, development_id uuid, unit_uid text, house_type_code text, note text);
    CREATE TABLE qr_tokens (id serial PRIMARY KEY, unit_id uuid REFERENCES units (id), token_hash text UNIQUE, expires_at timestamptz);
    CREATE FUNCTION visited() RETURNS text LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO qr_tokens (token_hash) VALUES ('visited'); RETURN 'x'; END $$;
    INSERT INTO units SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'PARK-' || n, NULL, NULL FROM generate_series(1, 5) n;
    INSERT INTO qr_tokens (token_hash, expires_at) VALUES ('of a homeowner', '2025-12-15T12:00:00.122Z');
"""
QUERY = """
SELECT id AS house_id, tenant_id, development_id, unit_uid, unit_uid AS lot, house_type_code AS house_type
FROM units ORDER BY unit_uid
"""
CONTRACT = """
description = "A portal of a test"
health = "/up"
house_fields = ["unit_uid"]

[houses]
query = '''{query}'''

[tokens.qr_token]
parts = ["{{house_id}}", "{{tenant_id}}", "{{development_id}}", "{{unit_uid}}", "{{timestamp_ms}}", "{{nonce}}"]
joint = ":"
lifetime_s = 2592000

[tokens.qr_token.registration]
table = "qr_tokens"
columns = {{ unit_id = "{{house_id}}", token_hash = "{{sha256}}", expires_at = "{{expires_at}}" }}

[onboarding_page]
method = "GET"
path = "/homes/{{unit_uid}}"
query = {{ token = "{{qr_token}}" }}
answer.statuses = [200]
{more}
"""
PLAIN = """
description = "A portal of a test"
health = "/up"
house_fields = ["unit_uid"]
houses.query = '''{query}'''
"""


def ask(url: str, query: str) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def portal_database(database_server: str) -> Iterator[str]:
    """A portal's own database, with five units. All tests of the module share it, and leave it as it is."""
    connection = psycopg2.connect(database_server)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE own_houses")
        url = urlunsplit(urlsplit(database_server)._replace(path="/own_houses"))
        ask(url, TABLES)
        yield url
        cursor.execute("DROP DATABASE own_houses WITH (FORCE)")
    connection.close()


@pytest.fixture
def settings_of(tmp_path: Path) -> Callable[..., Settings]:
    """Settings with a contract of a test."""

    def build(url: str, query: str = QUERY, more: str = "", form: str = CONTRACT, **values: Any) -> Settings:
        contract = tmp_path / "own.toml"
        contract.write_text(form.format(query=query, more=more))
        given = {
            "target.contract": str(contract),
            "database.url": url,
            "session_secret": SECRET,
            "seed.fixture": tmp_path / "houses.jsonl",
        }
        return load_settings(given | {key.replace("__", "."): v for key, v in values.items()}, environ={})

    return build


def imported(settings: Settings, **options: Any) -> Imported:
    return import_houses(settings, contract_file(settings.target.contract), NOW, **options)


def refusal(settings: Settings, **options: Any) -> str:
    with pytest.raises(LoadTestError) as caught:
        imported(settings, **options)
    assert caught.value.next_step
    assert caught.value.__cause__ is None
    return caught.value.message.removeprefix(settings.target.contract)


def test_the_phase_17_portals_own_houses_are_those_that_the_seed_writes(
    seeded_database: SeededDatabase, tmp_path: Path
) -> None:
    values = {
        "database.url": seeded_database.url,
        "session_secret": SECRET,
        "seed.fixture": tmp_path / "own.jsonl",
    }
    settings = load_settings(values, environ={})
    only = {house.house_id for house in seeded_database.houses}
    assert imported(settings, only=only) == Imported(20, ("jwt",), ())
    houses = load_fixture(settings.seed.fixture)
    assert [dataclasses.replace(house, jwt="") for house in houses] == [
        dataclasses.replace(house, jwt="") for house in seeded_database.houses
    ]
    claims = jwt.decode(houses[3].jwt, SECRET, algorithms=["HS256"], options={"verify_exp": False})
    assert (claims["house_id"], claims["iat"]) == (houses[3].house_id, int(NOW.timestamp()))
    assert stat.S_IMODE(settings.seed.fixture.stat().st_mode) == 0o600
    assert imported(settings).houses == 26


@pytest.mark.parametrize("encoding", ["base64url", "hex"])
def test_a_token_is_its_parts_and_their_signature(
    portal_database: str, settings_of: Callable[..., Settings], encoding: str
) -> None:
    settings = settings_of(portal_database)
    token = settings.contract.tokens["qr_token"].model_copy(update={"encoding": SignatureEncoding(encoding)})
    contract = settings.contract.model_copy(update={"tokens": {"qr_token": token}})
    assert imported(settings.model_copy(update={"contract": contract})) == Imported(
        5, ("qr_token",), ("qr_tokens",)
    )
    houses = load_fixture(settings.seed.fixture)
    assert [house.value("unit_uid") for house in houses] == [f"PARK-{number}" for number in range(1, 6)]
    for house in houses:
        signed, _, signature = house.qr_token.rpartition(":")
        parts = signed.split(":")
        assert parts[:5] == [
            house.house_id,
            house.tenant_id,
            house.development_id,
            house.lot,
            "1763208000123",
        ]
        digest = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256)
        base64url = base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=")
        assert signature == (digest.hexdigest() if encoding == "hex" else base64url)
        assert house.jwt == ""
    assert len({house.qr_token.split(":")[5] for house in houses}) == 5


def test_a_token_may_fill_a_field_of_the_contracts_own(
    portal_database: str, settings_of: Callable[..., Settings]
) -> None:
    more = '[onboarding_page.headers]\ncode = "{code}"\n[tokens.code]\nparts = ["{unit_uid}", "{timestamp_ms}"]\njoint = "."\nlifetime_s = 60\n'
    form = CONTRACT.replace('["unit_uid"]', '["unit_uid", "code"]')
    imported(settings := settings_of(portal_database, more=more, form=form))
    for house in load_fixture(settings.seed.fixture):
        assert house.value("code").startswith(f"{house.lot}.1763208000123.")
        assert house.qr_token


def test_without_register_nothing_in_the_whole_database_changes(
    portal_database: str, settings_of: Callable[..., Settings]
) -> None:
    before = database_digest(portal_database)
    told: list[object] = []
    imported(settings_of(portal_database), before=told.append, after=told.append)
    assert database_digest(portal_database) == before
    assert told == []
    ask(portal_database, "UPDATE units SET note = note WHERE unit_uid = 'PARK-3'")
    assert database_digest(portal_database) != before, "the digest sees every write"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("WITH new AS (INSERT INTO qr_tokens (token_hash) VALUES ('x') RETURNING id) SELECT id AS house_id, 'x' AS lot FROM new", "data-modifying"),
        ("SELECT id AS house_id, visited() AS lot FROM units", "cannot execute INSERT in a read-only transaction"),
        ("SELECT id AS house_id, nextval('visits')::text AS lot FROM units", "cannot execute nextval() in a read-only"),
        ("SELECT setval('visits', 7)::text AS lot, id AS house_id FROM units", "cannot execute setval() in a read-only"),
        ("SELECT id AS house_id, unit_uid AS lot FROM units FOR UPDATE", "cannot execute SELECT FOR UPDATE in a read-only"),
        ("SELECT id AS house_id, set_config('transaction_read_only', 'off', false) || visited() AS lot FROM units", ""),
    ],
)  # fmt: skip
def test_a_query_that_tries_to_write_is_refused_and_writes_nothing(
    portal_database: str, settings_of: Callable[..., Settings], query: str, words: str
) -> None:
    before = database_digest(portal_database)
    said = refusal(settings_of(portal_database, query, form=PLAIN))
    assert said.startswith(": houses.query: ")
    if words:
        assert ": tries to write, which the database refused: " in said
        assert words in said
        assert said.endswith("; nothing was written")
    assert database_digest(portal_database) == before


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("INSERT INTO qr_tokens (token_hash) VALUES ('x')", "is no query: it begins with SELECT, WITH, VALUES or TABLE"),
        ("-- houses\nDELETE FROM units", "is no query"),
        ("SELECT 1; COMMIT; DELETE FROM units", "holds a semicolon"),
        ("SELECT ';'", "holds a semicolon"),
    ],
)  # fmt: skip
def test_what_is_more_or_other_than_a_query_is_refused_before_the_database_is_asked(
    settings_of: Callable[..., Settings], query: str, words: str
) -> None:
    with pytest.raises(LoadTestError, match=rf"own\.toml: contract\.houses\.query: {words}"):
        settings_of("postgresql://127.0.0.1:9/none", query)
    for allowed in ("/* all */ select 1 ;", "-- them\nWITH a AS (SELECT 1) TABLE a"):
        assert settings_of("postgresql://127.0.0.1:9/none", allowed).contract.houses


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT tenant_id, development_id, unit_uid AS lot FROM units", "column house_id is missing, which the contract's requests or tokens need"),
        ("SELECT *, id AS house_id, 'x' AS lot FROM units", "column id is no field of a house; allowed: development_id, "),
        ("SELECT tenant_id, development_id, id AS house_id, 'x' AS lot, 'y' AS lot FROM units", "column lot is there 2 times"),
        ("SELECT tenant_id, development_id, id AS house_id, note AS lot FROM units", "row 1: column lot is NULL"),
        ("SELECT tenant_id, development_id, id AS house_id, ' ' AS lot FROM units", "row 1: column lot is empty"),
        ("SELECT tenant_id, development_id, id AS house_id, E'a\\nb' AS lot FROM units", "row 1: column lot holds a character that cannot be printed"),
        ("SELECT tenant_id, development_id, id AS house_id, 1.5 AS lot FROM units", "row 1: column lot is neither a text nor a whole number nor a UUID"),
        ("SELECT tenant_id, development_id, id AS house_id, true AS lot FROM units", "row 1: column lot is neither a text nor a whole number nor a UUID"),
        ("SELECT tenant_id, development_id, id AS house_id, unit_uid AS lot, 'one' AS house_number FROM units", "row 1: column house_number is not a whole number"),
        ("SELECT tenant_id, development_id, id AS house_id, 'x' AS lot FROM units", "rows 1 and 2 have the same lot"),
        ("SELECT tenant_id, development_id, 7 AS house_id, unit_uid AS lot FROM units", "rows 1 and 2 have the same house_id"),
        ("SELECT tenant_id, development_id, id AS house_id, unit_uid AS lot FROM units WHERE false", "finds no house"),
        ("SELECT tenant_id, development_id, id AS house_id, uid AS lot FROM units", 'the database refused it: column "uid" does not exist'),
        ("SELECT tenant_id, development_id, id AS house_id, unit_uid::uuid AS lot FROM units", "the database refused it: SQLSTATE 22P02 InvalidTextRepresentation"),
        ("SELECT house_id, lot FROM homes", 'the database refused it: relation "homes" does not exist'),
    ],
)  # fmt: skip
def test_columns_and_values_that_are_no_houses_are_refused_each_in_a_sentence(
    portal_database: str, settings_of: Callable[..., Settings], query: str, message: str
) -> None:
    settings = settings_of(portal_database, query, form=PLAIN)
    assert refusal(settings).startswith(f": houses.query: {message}")
    assert not settings.seed.fixture.exists()


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("..", "", "unit_uid of 1 houses ('PARK-1' first) is one that leads to another page"),
        (
            "Ŵicklow",
            "headers = { X-Unit = '{unit_uid}' }",
            "has a line end or letters that no header may hold",
        ),
    ],
)
def test_a_house_that_no_request_can_name_is_refused_when_it_is_read(
    portal_database: str, settings_of: Callable[..., Settings], name: str, more: str, message: str
) -> None:
    query = QUERY.replace("unit_uid,", f"'{name}' AS unit_uid,", 1).replace(
        "ORDER", "WHERE unit_uid = 'PARK-1' ORDER"
    )
    settings = settings_of(portal_database, query, more)
    assert message in refusal(settings)
    assert not settings.seed.fixture.exists()


def test_a_database_without_the_tables_is_perhaps_of_another_contract(
    portal_database: str, settings_of: Callable[..., Settings]
) -> None:
    with pytest.raises(LoadTestError) as caught:
        imported(settings_of(portal_database, "SELECT house_id, lot FROM homes", form=PLAIN))
    assert "loadtest houses --contract NAME" in str(caught.value.next_step)


def test_what_is_signed_is_not_read(portal_database: str, settings_of: Callable[..., Settings]) -> None:
    query = "SELECT id AS house_id, unit_uid AS lot, unit_uid, tenant_id, development_id, 'x' AS qr_token FROM units"
    assert refusal(settings_of(portal_database, query)).startswith(
        ": houses.query: column qr_token is signed, as [tokens.qr_token] says"
    )


def test_a_token_that_no_request_names_is_not_signed_and_needs_no_secret(
    portal_database: str, settings_of: Callable[..., Settings]
) -> None:
    settings = settings_of(
        portal_database, session_secret=None, form=CONTRACT.replace("{{qr_token}}", "{{unit_uid}}")
    )
    assert imported(settings, register=True) == Imported(5, (), ())
    assert {house.qr_token for house in load_fixture(settings.seed.fixture)} == {""}


def test_a_part_that_holds_the_joint_is_refused_without_showing_it(
    portal_database: str, settings_of: Callable[..., Settings]
) -> None:
    query = QUERY.replace("unit_uid,", "'hid:den' AS unit_uid,", 1)
    said = refusal(settings_of(portal_database, query))
    assert "tokens: {unit_uid} of house PARK-1 holds ':', which joins the parts" in said
    assert "hid" not in said.replace("which", "")


def test_a_query_that_takes_too_long_is_given_up(
    portal_database: str, settings_of: Callable[..., Settings]
) -> None:
    query = "SELECT tenant_id, development_id, id AS house_id, unit_uid AS lot FROM units, pg_sleep(30)"
    said = refusal(settings_of(portal_database, query, form=PLAIN, database__statement_timeout_s=0.3))
    assert said == ": houses.query: was not done within 0.3 s (database.statement_timeout_s)"


def test_no_more_houses_are_taken_than_the_limit(
    portal_database: str, settings_of: Callable[..., Settings]
) -> None:
    settings = settings_of(portal_database)
    assert imported(settings, limit=2).houses == 2
    assert [house.lot for house in load_fixture(settings.seed.fixture)] == ["PARK-1", "PARK-2"]
    assert imported(settings, limit=50).houses == 5


def test_a_secret_is_needed_where_something_is_signed(
    portal_database: str, settings_of: Callable[..., Settings]
) -> None:
    assert "SESSION_SECRET environment variable is required" in refusal(
        settings_of(portal_database, session_secret=None)
    )
    assert imported(settings_of(portal_database, form=PLAIN, session_secret=None)).signed == ()


def test_a_contract_without_a_query_says_what_to_do(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('description = "None"\nhealth = "/"\n')
    assert refusal(load_settings({"target.contract": str(own)}, environ={})).startswith(": has no [houses]")


def test_registered_tokens_stand_in_the_table_and_what_removes_them_removes_no_other(
    portal_database: str, settings_of: Callable[..., Settings]
) -> None:
    settings, told = settings_of(portal_database), list[tuple[str, str, int, int]]()

    def count() -> int:
        return int(ask(portal_database, "SELECT count(*) FROM qr_tokens")[0][0])

    def tell(when: str) -> Callable[[list[TokenRows]], None]:
        return lambda rows: told.extend((when, each.table, each.count, count()) for each in rows)

    removals: list[str] = []
    done = imported(
        settings,
        register=True,
        before=tell("before"),
        after=lambda rows: (tell("after")(rows), removals.extend(each.removal for each in rows)),
    )
    assert done == Imported(5, ("qr_token",), ())
    assert told == [("before", "qr_tokens", 5, 1), ("after", "qr_tokens", 5, 6)]
    hashes = {
        (house.house_id, hashlib.sha256(house.qr_token.encode()).hexdigest())
        for house in load_fixture(settings.seed.fixture)
    }
    rows = ask(
        portal_database, "SELECT unit_id, token_hash, expires_at FROM qr_tokens WHERE unit_id IS NOT NULL"
    )
    assert {row[:2] for row in rows} == hashes
    assert {row[2] for row in rows} == {NOW.replace(microsecond=123000) + timedelta(hours=720)}
    (removal,) = removals
    assert re.fullmatch(r"DELETE FROM qr_tokens WHERE expires_at = '[-0-9T:.+]+'", removal)
    ask(portal_database, removal)
    assert ask(portal_database, "SELECT token_hash FROM qr_tokens") == [("of a homeowner",)]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ('{ unit_id = "{sha256}", expires_at = "{expires_at}" }', "SQLSTATE 22P02 InvalidTextRepresentation"),
        ('{ token_hash = "the same", expires_at = "{expires_at}" }', "SQLSTATE 23505 UniqueViolation"),
        ('{ token = "{sha256}", expires_at = "{expires_at}" }', "SQLSTATE 42703 UndefinedColumn"),
    ],
)
def test_a_registration_that_the_database_refuses_leaves_database_and_fixture_as_they_are(
    portal_database: str, settings_of: Callable[..., Settings], columns: str, message: str
) -> None:
    form = re.sub(r"columns = .*", "columns = " + columns.replace("{", "{{").replace("}", "}}"), CONTRACT)
    settings = settings_of(portal_database, form=form)
    before = ask(portal_database, "SELECT token_hash, xmin::text FROM qr_tokens")
    with pytest.raises(
        LoadTestError, match=f"qr_tokens: the tokens were not registered: {message}; nothing was"
    ):
        imported(settings, register=True)
    assert ask(portal_database, "SELECT token_hash, xmin::text FROM qr_tokens") == before
    assert not settings.seed.fixture.exists()


def test_rows_that_could_not_be_found_again_are_not_written(
    empty_database: str, settings_of: Callable[..., Settings]
) -> None:
    ask(empty_database, TABLES.replace("expires_at timestamptz", "expires_at timestamptz(0)"))
    with pytest.raises(
        LoadTestError, match=r"could not be found again by expires_at, .*; nothing was written"
    ):
        imported(settings_of(empty_database), register=True)
    assert ask(empty_database, "SELECT token_hash FROM qr_tokens") == [("of a homeowner",)]


def test_the_command_names_what_it_wrote_and_shows_no_secret(
    portal_database: str, settings_of: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = settings_of(portal_database)
    environ = {
        "SESSION_SECRET": SECRET,
        "DATABASE_URL": portal_database,
        "LOADTEST_FIXTURE": str(settings.seed.fixture),
    }
    words = ["loadtest", "houses", "--contract", settings.target.contract, "--limit", "3"]
    read = warm_python.run(words, cwd=tmp_path, env=environ)
    assert (read.returncode, read.stderr) == (0, "")
    assert read.stdout.startswith(
        f"Wrote 3 houses of the portal's own, each with a qr_token signed now.\n{settings.seed.fixture}\n"
    )
    assert "Register them: loadtest houses --register" in read.stdout
    written = warm_python.run([*words, "--register"], cwd=tmp_path, env=environ)
    assert (written.returncode, written.stderr) == (0, "")
    lines = written.stdout.splitlines()
    assert lines[0] == "Writing to the portal's database: 3 rows to qr_tokens."
    assert lines[1] == "Wrote 3 rows to qr_tokens. To remove them and no others:"
    removal = re.fullmatch(r'  psql "\$DATABASE_URL" -c "(DELETE FROM qr_tokens WHERE .*)"', lines[2])
    assert removal
    ask(portal_database, removal[1])
    assert ask(portal_database, "SELECT token_hash FROM qr_tokens") == [("of a homeowner",)]
    shown = read.stdout + written.stdout
    assert SECRET not in shown
    assert not [house for house in load_fixture(settings.seed.fixture) if house.qr_token in shown]
    settings_of(portal_database, form=CONTRACT.replace("{{qr_token}}", "{{unit_uid}}"))
    assert (
        "Nothing was registered: no token"
        in warm_python.run([*words, "--register"], cwd=tmp_path, env=environ).stdout
    )
