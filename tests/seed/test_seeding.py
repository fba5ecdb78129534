from __future__ import annotations

import dataclasses
import stat
import uuid
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import numpy as np
import psycopg2
import pytest
from database_digest import database_digest
from psycopg2.extensions import get_wait_callback, set_wait_callback
from psycopg2.extras import wait_select

from conf.errors import LoadTestError
from conf.loading import load_settings
from conf.operations import Journey
from seed.corpus import build_chunks
from seed.database import vector_literal
from seed.embedding import embed
from seed.fixture import House, load_fixture, require_fields
from seed.jwts import token_expiry
from seed.longview import LONGVIEW_PARK, RATHMORE_GREEN
from seed.seeding import Seeded, seed_database
from seed.tables import KNOWN_TABLES

if TYPE_CHECKING:
    from pathlib import Path

    from longview_database import SeededDatabase

    from conf.settings import Settings

NOW = datetime(2025, 11, 15, 12, tzinfo=UTC)
SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of the tests

_EVERYTHING = {
    "tenants": "SELECT id, name, slug FROM tenants ORDER BY id",
    "developments": "SELECT id, tenant_id, name, address FROM developments ORDER BY id",
    "homeowners": "SELECT id, tenant_id, development_id, name, email, house_type, address, unique_qr_token, metadata "
    "FROM homeowners ORDER BY id",
    "documents": "SELECT id, tenant_id, development_id, title, document_type, is_important FROM documents ORDER BY id",
    "doc_chunks": "SELECT id, tenant_id, development_id, document_id, chunk_index, content, embedding::text, "
    "house_type_code, source_type, is_important, metadata FROM doc_chunks ORDER BY id",
    "messages": "SELECT id FROM messages",
}


def ask(url: str, query: str, *arguments: object) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(query, arguments or None)
        return cursor.fetchall() if cursor.description else []


def content_of(url: str) -> dict[str, list[tuple[Any, ...]]]:
    return {table: ask(url, query) for table, query in _EVERYTHING.items()}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"seed.fixture": str(tmp_path / "houses.jsonl")}, environ={})


def seed(url: str, settings: Settings, **options: Any) -> Seeded:
    return seed_database(url, settings, SECRET, options.pop("now", NOW), **options)


def onboard(url: str, house: House) -> None:
    """What the portal does when a QR token is resolved and a question is asked."""
    ask(
        url,
        "UPDATE homeowners SET email = 'mary@example.invalid', metadata = metadata || '{\"onboardingStatus\": \"completed\"}' "
        "WHERE id = %s",
        house.house_id,
    )
    ask(
        url,
        "INSERT INTO messages (tenant_id, development_id, house_id, sender, content) VALUES (%s, %s, %s, 'user', 'Hello')",
        house.tenant_id,
        house.development_id,
        house.house_id,
    )


def test_longview_park_is_in_the_database_as_described(seeded_database: SeededDatabase) -> None:
    rows = ask(
        seeded_database.url,
        "SELECT metadata->>'lotNumber', (metadata->>'houseNumber')::int, house_type, address, email, "
        "metadata->>'onboardingStatus' FROM homeowners WHERE tenant_id = %s ORDER BY 2",
        str(LONGVIEW_PARK.tenant_id),
    )
    plots = [LONGVIEW_PARK.plot(number) for number in range(1, 21)]
    assert rows == [(p.lot, p.number, p.house_type, p.address, p.email, "pending") for p in plots]


def test_every_house_has_a_random_qr_token_of_its_own(seeded_database: SeededDatabase) -> None:
    tokens = [
        uuid.UUID(token) for (token,) in ask(seeded_database.url, "SELECT unique_qr_token FROM homeowners")
    ]
    assert len(set(tokens)) == 26
    assert {token.version for token in tokens} == {4}


def test_the_fixture_holds_longview_park_with_what_the_database_says(seeded_database: SeededDatabase) -> None:
    rows = ask(
        seeded_database.url,
        "SELECT h.id::text, h.tenant_id::text, t.slug, h.development_id::text, h.house_type, "
        "(h.metadata->>'houseNumber')::int, h.metadata->>'lotNumber', h.unique_qr_token "
        "FROM homeowners h JOIN tenants t ON t.id = h.tenant_id WHERE slug = 'longview-estates' ORDER BY 6",
    )
    assert [dataclasses.astuple(house)[:8] for house in seeded_database.houses] == rows
    assert stat.S_IMODE(seeded_database.settings.seed.fixture.stat().st_mode) == 0o600


def test_each_house_of_the_fixture_has_a_valid_token_of_its_own(seeded_database: SeededDatabase) -> None:
    for house in seeded_database.houses:
        claims = jwt.decode(house.jwt, seeded_database.secret, algorithms=["HS256"])
        assert claims["house_id"] == house.house_id
        assert claims["house_type"] == house.house_type


def test_the_summary_counts_what_the_database_holds(seeded_database: SeededDatabase) -> None:
    counts = {
        table: ask(seeded_database.url, f"SELECT count(*) FROM {table}")[0][0]  # noqa: S608 - names of this file
        for table in _EVERYTHING
    }
    seeded = seeded_database.seeded
    assert counts == {
        "tenants": seeded.tenants,
        "developments": seeded.developments,
        "documents": seeded.documents,
        "doc_chunks": seeded.chunks,
        "homeowners": seeded.houses + 6,
        "messages": 0,
    }


def test_chunks_and_their_vectors_arrive_as_they_were_made(seeded_database: SeededDatabase) -> None:
    chunks = {str(chunk.chunk_id): chunk for chunk in build_chunks(LONGVIEW_PARK)}
    rows = ask(
        seeded_database.url,
        "SELECT id::text, document_id::text, chunk_index, content, house_type_code, source_type, is_important, metadata, "
        "embedding::real[] FROM doc_chunks WHERE development_id = %s",
        str(LONGVIEW_PARK.development_id),
    )
    assert {row[0] for row in rows} == chunks.keys()
    for chunk_id, *row in rows:
        chunk = chunks[chunk_id]
        expected = dataclasses.astuple(chunk)[2:]
        assert row[0] == str(chunk.document_id)
        assert tuple(row[1:-1]) == expected
        assert np.array_equal(np.array(row[-1], np.float32), embed([chunk.content])[0])


def test_a_search_without_the_tenant_finds_the_other_tenants_chunks(seeded_database: SeededDatabase) -> None:
    vector = vector_literal(embed(["Where is the stopcock, and how do I turn off the water?"])[0])
    search = "SELECT tenant_id::text, content FROM doc_chunks ORDER BY embedding <=> %s LIMIT 5"
    rows = ask(seeded_database.url, search, vector)
    assert {tenant for tenant, _ in rows} == {str(LONGVIEW_PARK.tenant_id), str(RATHMORE_GREEN.tenant_id)}
    assert "stopcock" in rows[0][1]


@pytest.mark.parametrize("kind", ["ivfflat", "hnsw"])
def test_the_vector_index_is_of_the_kind_that_was_set(
    empty_database: str, settings: Settings, kind: str
) -> None:
    chosen = settings.seed.model_copy(update={"index": kind, "ivfflat_lists": 7})
    seed(empty_database, settings.model_copy(update={"seed": chosen}))
    ((definition,),) = ask(
        empty_database, "SELECT indexdef FROM pg_indexes WHERE indexname = 'doc_chunks_embedding'"
    )
    assert f"USING {kind} (embedding vector_cosine_ops)" in definition
    assert ("lists='7'" in definition) == (kind == "ivfflat")


def test_many_lists_are_built_although_the_server_allows_little_memory(
    empty_database: str, settings: Settings
) -> None:
    ((name,),) = ask(empty_database, "SELECT current_database()")
    ask(empty_database, f"ALTER DATABASE {name} SET maintenance_work_mem = '1MB'")
    seed(empty_database, settings)
    assert ask(empty_database, "SHOW maintenance_work_mem") == [("1MB",)]


def test_seeding_again_changes_nothing_but_the_tokens_lifetime(
    empty_database: str, settings: Settings
) -> None:
    seed(empty_database, settings)
    before, houses = content_of(empty_database), load_fixture(settings.seed.fixture)
    seed(empty_database, settings, now=NOW + timedelta(hours=1))
    assert content_of(empty_database) == before
    again = load_fixture(settings.seed.fixture)
    assert [dataclasses.astuple(house)[:8] for house in again] == [
        dataclasses.astuple(house)[:8] for house in houses
    ]
    assert token_expiry(again[0].jwt) - token_expiry(houses[0].jwt) == timedelta(hours=1)


def test_seeding_again_takes_back_onboardings_and_messages(empty_database: str, settings: Settings) -> None:
    seed(empty_database, settings)
    before = content_of(empty_database)
    onboard(empty_database, load_fixture(settings.seed.fixture)[3])
    assert content_of(empty_database) != before
    seed(empty_database, settings)
    assert content_of(empty_database) == before


def test_qr_tokens_are_renewed_when_asked_for(empty_database: str, settings: Settings) -> None:
    seed(empty_database, settings)
    before = {house.qr_token for house in load_fixture(settings.seed.fixture)}
    seed(empty_database, settings, renew_qr_tokens=True)
    after = {house.qr_token for house in load_fixture(settings.seed.fixture)}
    assert len(after) == 20
    assert not before & after


def test_a_larger_estate_has_the_sizes_asked_for_and_the_second_tenant_besides(
    empty_database: str, settings: Settings
) -> None:
    seeded = seed(empty_database, settings, houses=500, developments=5, chunks=2000)
    of_second = sum(1 for _ in build_chunks(RATHMORE_GREEN))
    assert (seeded.houses, seeded.developments, seeded.chunks) == (500, 6, 2000 + of_second)
    houses = load_fixture(settings.seed.fixture)
    assert len({house.house_id for house in houses}) == 500
    assert len({house.development_id for house in houses}) == 5
    assert houses[0].lot == "LV-001"
    assert ask(empty_database, "SELECT count(*) FROM homeowners") == [(506,)]
    assert ask(empty_database, "SELECT count(*) FROM doc_chunks") == [(2000 + of_second,)]
    lengths = "SELECT min(vector_norm(embedding)), max(vector_norm(embedding)) FROM doc_chunks"
    assert ask(empty_database, lengths)[0] == pytest.approx((1, 1), abs=1e-6)
    distinct = "SELECT count(DISTINCT embedding::text) FROM doc_chunks WHERE development_id = %s"
    ((vectors,),) = ask(empty_database, distinct, houses[-1].development_id)
    assert vectors > 400


def test_a_smaller_seeding_removes_the_estates_of_a_larger_one(
    empty_database: str, settings: Settings
) -> None:
    seed(empty_database, settings)
    before = content_of(empty_database)
    seed(empty_database, settings, houses=60, developments=3, chunks=700)
    seed(empty_database, settings)
    assert content_of(empty_database) == before


def test_fewer_houses_in_a_generated_development_leave_none_behind(
    empty_database: str, settings: Settings
) -> None:
    seed(empty_database, settings, houses=60, developments=2)
    seed(empty_database, settings, houses=40, developments=2)
    assert ask(empty_database, "SELECT count(*) FROM homeowners") == [(46,)]
    assert len(load_fixture(settings.seed.fixture)) == 40


def test_a_database_with_other_tables_is_refused_and_left_as_it_is(
    empty_database: str, settings: Settings
) -> None:
    ask(empty_database, "CREATE TABLE invoices (id int); CREATE SCHEMA crm; CREATE TABLE crm.leads (id int)")
    with pytest.raises(
        LoadTestError, match=r"not the suite's: crm\.leads, invoices; nothing was written"
    ) as caught:
        seed(empty_database, settings)
    assert "--adopt" in caught.value.next_step
    assert ask(empty_database, "SELECT to_regclass('tenants')") == [(None,)]
    assert not settings.seed.fixture.exists()


def test_a_database_with_other_tables_is_filled_when_its_name_is_typed(
    empty_database: str, settings: Settings
) -> None:
    ask(empty_database, "CREATE TABLE invoices (id int)")
    ((name,),) = ask(empty_database, "SELECT current_database()")
    assert seed(empty_database, settings, adopt=name).houses == 20


def test_another_databases_name_is_refused_even_when_there_are_no_other_tables(
    empty_database: str, settings: Settings
) -> None:
    with pytest.raises(LoadTestError, match=r"--adopt production: .* another name"):
        seed(empty_database, settings, adopt="production")
    assert ask(empty_database, "SELECT to_regclass('tenants')") == [(None,)]


def test_the_tables_of_an_extension_are_nobodys_data(empty_database: str, settings: Settings) -> None:
    ask(empty_database, "CREATE TABLE spatial_ref_sys (id int)")
    ask(empty_database, "CREATE EXTENSION vector; ALTER EXTENSION vector ADD TABLE spatial_ref_sys")
    assert seed(empty_database, settings).houses == 20


def test_a_tenant_of_somebody_elses_with_our_slug_is_refused(empty_database: str, settings: Settings) -> None:
    seed(empty_database, settings)
    ask(empty_database, "DELETE FROM tenants WHERE slug = 'longview-estates'")
    ask(
        empty_database,
        "INSERT INTO tenants (id, name, slug) VALUES (gen_random_uuid(), 'The real one', 'longview-estates')",
    )
    with pytest.raises(
        LoadTestError, match="slug longview-estates belongs to a tenant that the suite did not make"
    ):
        seed(empty_database, settings)
    assert ask(empty_database, "SELECT name FROM tenants WHERE slug = 'longview-estates'") == [
        ("The real one",)
    ]


def test_other_tenants_rows_stay(empty_database: str, settings: Settings) -> None:
    seed(empty_database, settings)
    ask(empty_database, "INSERT INTO tenants (id, name, slug) VALUES (gen_random_uuid(), 'Other', 'other')")
    ask(
        empty_database,
        "INSERT INTO developments (id, tenant_id, name, address) SELECT gen_random_uuid(), id, 'Theirs', 'There' "
        "FROM tenants WHERE slug = 'other'",
    )
    before = content_of(empty_database)
    seed(empty_database, settings)
    assert content_of(empty_database) == before


def test_a_failing_step_keeps_the_ones_before_it_and_the_old_fixture(
    empty_database: str, settings: Settings
) -> None:
    seed(empty_database, settings)
    before, fixture = content_of(empty_database), settings.seed.fixture.read_bytes()
    ask(empty_database, "ALTER TABLE doc_chunks ADD CONSTRAINT short CHECK (length(content) < 5) NOT VALID")
    with pytest.raises(LoadTestError, match="step 'documents' failed") as caught:
        seed(empty_database, settings, houses=30, developments=2)
    assert caught.value.__suppress_context__
    assert "Failing row" not in str(caught.value)
    after = content_of(empty_database)
    assert after["doc_chunks"] == before["doc_chunks"]
    assert len(after["homeowners"]) == 36
    assert settings.seed.fixture.read_bytes() == fixture


def test_a_step_that_the_database_never_answers_is_given_up(empty_database: str, settings: Settings) -> None:
    seed(empty_database, settings)
    hurried = settings.seed.model_copy(update={"step_timeout_s": 0.5})
    with closing(psycopg2.connect(empty_database)) as holder, holder, holder.cursor() as cursor:
        cursor.execute("LOCK TABLE doc_chunks IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(LoadTestError, match=r"not done within 0\.5 s \(seed\.step_timeout_s\)"):
            seed(empty_database, settings.model_copy(update={"seed": hurried}))


def test_a_fixture_that_cannot_be_written_is_found_out_before_the_database_is_touched(
    empty_database: str, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    nowhere = settings.seed.model_copy(update={"fixture": tmp_path / "file" / "houses.jsonl"})
    with pytest.raises(LoadTestError, match="cannot be written"):
        seed(empty_database, settings.model_copy(update={"seed": nowhere}))
    assert ask(empty_database, "SELECT to_regclass('tenants')") == [(None,)]


def test_progress_goes_from_nothing_to_all_in_each_step(empty_database: str, settings: Settings) -> None:
    told: dict[str, list[tuple[int, int]]] = {}
    seed(
        empty_database,
        settings,
        progress=lambda step, done, total: told.setdefault(step, []).append((done, total)),
    )
    assert list(told) == ["tables", "developments", "houses", "documents", "index", "fixture"]
    for reports in told.values():
        total = reports[0][1]
        assert reports == [(done, total) for done in range(total + 1)]
    assert told["fixture"][-1] == (20, 20)


def test_seeding_works_in_a_process_whose_driver_is_cooperative(
    empty_database: str, settings: Settings
) -> None:
    before = get_wait_callback()
    set_wait_callback(wait_select)
    try:
        assert seed(empty_database, settings).houses == 20
        assert get_wait_callback() is wait_select
    finally:
        set_wait_callback(before)


def test_the_schema_makes_the_tables_the_suite_knows_and_no_other(seeded_database: SeededDatabase) -> None:
    rows = ask(seeded_database.url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert {name for (name,) in rows} == KNOWN_TABLES - {"qr_tokens"}


def test_a_later_contract_gets_its_tables_and_a_second_seeding_changes_nothing(
    empty_database: str, settings: Settings
) -> None:
    def units() -> list[tuple[Any, ...]]:
        return ask(empty_database, "SELECT * FROM units ORDER BY unit_uid")

    for contract in ("portal-2025-12", "portal-2026"):
        target = settings.target.model_copy(update={"contract": f"/of/a/test/{contract}.toml"})
        seed(empty_database, settings.model_copy(update={"target": target}))
        ask(empty_database, "DROP MATERIALIZED VIEW units CASCADE")
    target = settings.target.model_copy(update={"contract": "/of/a/test/theirs.toml"})
    based = settings.contract.model_copy(update={"based_on": contract})
    settings = settings.model_copy(update={"target": target, "contract": based})
    seed(empty_database, settings)
    before, (row, *_) = (
        units(),
        ask(empty_database, "SELECT unit_uid, lower(house_type_code) FROM units ORDER BY 1"),
    )
    seed(empty_database, settings)
    assert units() == before
    assert row == ("LV-PARK-001", "a")
    assert len(before) == len(LONGVIEW_PARK.type_codes) + len(RATHMORE_GREEN.type_codes)
    assert ask(empty_database, "SELECT count(*) FROM qr_tokens") == [(0,)]


def test_the_fixture_has_what_the_contracts_requests_name(
    empty_database: str, settings: Settings, tmp_path: Path
) -> None:
    for name in ("portal-2025-12", "portal-2026"):
        contract = load_settings({"target.contract": name}, environ={}).contract
        target = settings.target.model_copy(update={"contract": name})
        of_it = settings.model_copy(update={"target": target, "contract": contract})
        seed(empty_database, of_it)
        houses = load_fixture(settings.seed.fixture)
        require_fields(houses, contract.fields_of(Journey), tmp_path)
        assert [house.value("unit_uid") for house in houses[:2]] == ["LV-PARK-001", "LV-PARK-002"]
        assert len(houses) == len(LONGVIEW_PARK.type_codes)  # those of the second tenant carry no load
    assert ask(empty_database, "SELECT count(*) FROM qr_tokens") == [(20,)]


def test_the_function_of_portal_2026_finds_the_nearest_sections_of_one_project(
    empty_database: str, settings: Settings
) -> None:
    target = settings.target.model_copy(update={"contract": "portal-2026"})
    seed(empty_database, settings.model_copy(update={"target": target}))
    vector = vector_literal(embed(["Where is the stopcock?"])[0])
    project = str(LONGVIEW_PARK.development_id)
    found = ask(empty_database, "SELECT id FROM match_document_sections(%s::vector, %s)", vector, project)
    nearest = ask(
        empty_database,
        "SET enable_indexscan = off; SELECT id FROM doc_chunks WHERE development_id = %s ORDER BY embedding <=> %s::vector LIMIT 50",
        project,
        vector,
    )
    assert len(found) == 50
    assert found[:5] == nearest[:5]


@pytest.mark.parametrize("name", ["units", "document_sections"])
def test_a_portals_own_table_is_not_taken_for_a_view_of_the_suite(
    name: str, empty_database: str, settings: Settings
) -> None:
    for kind in ("TABLE", "VIEW", "MATERIALIZED VIEW"):
        ask(empty_database, f"CREATE {kind} {name} AS SELECT 1 AS id")
        with pytest.raises(LoadTestError, match=f"the database has {name} of another application"):
            seed(empty_database, settings)
        ask(empty_database, f"DROP {kind} {name}")


OWN = """
    CREATE EXTENSION vector;
    CREATE TABLE tenants (id uuid PRIMARY KEY, name text NOT NULL, slug text NOT NULL UNIQUE, theme jsonb);
    CREATE TABLE developments (id uuid PRIMARY KEY, tenant_id uuid REFERENCES tenants (id), name text, code text);
    CREATE TABLE homeowners (id uuid PRIMARY KEY, tenant_id uuid, development_id uuid, house_type text);
    CREATE TABLE documents (id uuid PRIMARY KEY, tenant_id uuid, development_id uuid, file_url text);
    CREATE TABLE doc_chunks (id uuid PRIMARY KEY, tenant_id uuid, development_id uuid, house_type_code text,
                             is_important boolean, content text, embedding vector(1536));
    CREATE TABLE messages (id uuid PRIMARY KEY, tenant_id uuid, development_id uuid, house_id uuid, created_at timestamptz);
    CREATE TABLE units (id uuid PRIMARY KEY, tenant_id uuid, development_id uuid, project_id uuid, unit_uid text UNIQUE);
    INSERT INTO tenants VALUES (gen_random_uuid(), 'Ours', 'ours', '{}');
"""
"""As the suite's are indexed: the indexes of ``schema.sql`` could be made on these tables."""
OF_2025 = (
    OWN
    + "CREATE TABLE qr_tokens (id uuid PRIMARY KEY, unit_id uuid, token_hash text, expires_at timestamptz);"
)
OF_2026 = f"""{OWN};
    CREATE TABLE document_sections (id uuid PRIMARY KEY, project_id uuid, content text, embedding vector(1536));
    CREATE FUNCTION match_document_sections(query_embedding vector, match_project_id uuid) RETURNS SETOF document_sections
        LANGUAGE sql STABLE AS 'TABLE document_sections';
"""
FUNCTION = "CREATE FUNCTION match_document_sections() RETURNS integer LANGUAGE sql AS 'SELECT 1'"
SLUG = """
    CREATE TABLE tenants (id uuid PRIMARY KEY, name text, slug text UNIQUE, created_at timestamptz);
    INSERT INTO tenants VALUES (gen_random_uuid(), 'The real one', 'longview-estates', now());
"""


@pytest.mark.parametrize(
    ("tables", "what"),
    [
        (OF_2025, "developments, doc_chunks, documents and 5 more of another application"),
        (OF_2026, "developments, doc_chunks, document_sections and 6 more of another application"),
        ("CREATE TABLE invoices (id int); CREATE MATERIALIZED VIEW units AS SELECT 1", "units of another application"),
        ("CREATE TABLE messages (id uuid)", "messages of another application"),
        (FUNCTION, r"match_document_sections\(\) of another application"),
        (SLUG, "slug longview-estates belongs to a tenant that the suite did not make"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("adopted", [False, True])
def test_a_portals_own_database_is_refused_adopted_or_not_and_nothing_in_its_whole_catalog_changes(
    tables: str,
    what: str,
    adopted: bool,  # noqa: FBT001 - a case of the test
    empty_database: str,
    settings: Settings,
) -> None:
    ask(empty_database, tables)
    ((name,),) = ask(empty_database, "SELECT current_database()")
    before = database_digest(empty_database)
    target = settings.target.model_copy(update={"contract": "portal-2026"})
    with pytest.raises(LoadTestError, match=what):
        seed(empty_database, settings.model_copy(update={"target": target}), adopt=name if adopted else None)
    assert database_digest(empty_database) == before
    assert not settings.seed.fixture.exists()


def test_tenant_isolation_is_the_front_of_an_index_on_every_table_below_a_tenant(
    seeded_database: SeededDatabase,
) -> None:
    rows = ask(seeded_database.url, "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'")
    led = {table for table, definition in rows if "btree (tenant_id, development_id" in definition}
    assert led == {"homeowners", "documents", "doc_chunks", "messages"}


def test_a_chunk_cannot_belong_to_another_tenant_than_its_document(
    empty_database: str, settings: Settings
) -> None:
    seed(empty_database, settings)
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        ask(
            empty_database,
            "UPDATE doc_chunks SET tenant_id = %s WHERE development_id = %s",
            str(RATHMORE_GREEN.tenant_id),
            str(LONGVIEW_PARK.development_id),
        )


def test_an_all_zero_vector_is_refused_by_the_table(empty_database: str, settings: Settings) -> None:
    seed(empty_database, settings)
    with pytest.raises(psycopg2.errors.CheckViolation):
        ask(empty_database, "UPDATE doc_chunks SET embedding = array_fill(0, ARRAY[1536])::vector")
