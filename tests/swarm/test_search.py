"""The search that a contract describes, in a real database."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from conf.contract import Contract
from conf.errors import LoadTestError
from conf.loading import load_settings
from conf.operations import Journey, Outcome
from conf.vector_search import DOC_CHUNKS, VectorSearch
from monitoring.probing.searched_database import check_database
from swarm.database.search import Searches, assess_rows, nearest_chunks
from swarm.failure import RequestFailed

if TYPE_CHECKING:
    from longview_database import SeededDatabase

    from conf.settings import Settings

SAMPLE = "SELECT embedding FROM doc_chunks WHERE development_id = {project_id} AND 100 % 3 = 1 LIMIT {sample}"
OWN = VectorSearch(
    sql="SELECT development_id::text || '' AS project_id, tenant_id FROM doc_chunks WHERE development_id = {project_id}"
    " AND '{{}}'::jsonb IS NOT NULL ORDER BY embedding <=> {vector} LIMIT {rows}",
    vectors=SAMPLE,
    rows=100,
    own={"project_id": "project_id", "tenant_id": "tenant_id"},
)


def settings_with(database: SeededDatabase, search: VectorSearch | None) -> Settings:
    found = load_settings({"database.url": database.url}, environ={})
    changes = {"search": search, "house_fields": ("project_id",)}
    return found.model_copy(update={"contract": found.contract.model_copy(update=changes)})


@pytest.mark.parametrize(("search", "rows"), [(None, 5), (OWN, 100)])
def test_a_search_finds_as_many_rows_as_it_should_all_of_them_the_houses_own(
    seeded_database: SeededDatabase, search: VectorSearch | None, rows: int
) -> None:
    first = seeded_database.houses[0]
    house = replace(first, own={"project_id": first.development_id})
    searches = Searches(settings_with(seeded_database, search))
    try:
        space = searches.space_of(house)
        assert space is searches.space_of(replace(house, house_id="of the same place"))
        assert (space.rows, len(space.vectors)) == (rows, 64)
        with searches.pool.connection() as lent:
            found = nearest_chunks(lent, space.vectors[0], house, searches.search)
        assert assess_rows(found, house, space.rows, searches.search) is None
        other = replace(house, tenant_id="another")
        failed = assess_rows(found, other, space.rows, searches.search)
        assert failed is not None
        assert failed.outcome is Outcome.ISOLATION
        fewer = assess_rows(found[1:], house, space.rows, searches.search)
        assert repr(fewer) == f"validation: {rows - 1} rows instead of {rows}"
    finally:
        searches.close()


def test_a_search_without_the_columns_that_say_whose_a_row_is_fails(
    seeded_database: SeededDatabase,
) -> None:
    house = replace(seeded_database.houses[0], own={"project_id": seeded_database.houses[0].development_id})
    lacking = OWN.model_copy(update={"own": {"owner": "tenant_id"}})
    searches = Searches(settings_with(seeded_database, lacking))
    try:
        with searches.pool.connection() as lent, pytest.raises(RequestFailed, match="have no column owner"):
            nearest_chunks(lent, searches.space_of(house).vectors[0], house, lacking)
    finally:
        searches.close()


def test_what_is_no_vector_and_a_place_without_chunks_are_told(seeded_database: SeededDatabase) -> None:
    house = replace(seeded_database.houses[0], own={"project_id": seeded_database.houses[0].development_id})
    nowhere = replace(house, own={"project_id": house.tenant_id})
    texts = OWN.model_copy(update={"vectors": SAMPLE.replace("SELECT embedding", "SELECT content")})
    for search, asking, said in ((OWN, nowhere, "there are no chunks"), (texts, house, "else than vectors")):
        searches = Searches(settings_with(seeded_database, search))
        try:
            with pytest.raises(LoadTestError, match=said):
                searches.space_of(asking)
        finally:
            searches.close()


def test_the_contracts_search_is_tried_before_a_run(seeded_database: SeededDatabase) -> None:
    house = replace(seeded_database.houses[0], own={"project_id": seeded_database.houses[0].development_id})
    settings = settings_with(seeded_database, OWN)
    assert check_database(settings, house) == "the contract's search finds 100 rows for the first house"
    assert check_database(settings, seeded_database.houses[0]) == "can be reached"
    with pytest.raises(LoadTestError, match=r"search\.vectors finds no vector"):
        check_database(settings, replace(house, own={"project_id": house.tenant_id}))
    wrong = OWN.model_copy(update={"sql": "SELECT no_such_function({vector})"})
    with pytest.raises(LoadTestError, match="by the contract's search it cannot be searched: SQLSTATE 42883"):
        check_database(settings_with(seeded_database, wrong), house)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sql": "SELECT 1"}, "sql: does not name {vector}"),
        ({"vectors": "SELECT 1"}, "vectors: does not name {sample}"),
        ({"sql": "SELECT {vector!r}"}, "without a format"),
        (
            {"sql": "SELECT {vector}, {project}"},
            "search\n.*'project' is no field of a house; allowed: .*vector",
        ),
        ({"own": {"id": "question"}}, "'question' is no field of a house"),
        ({"rows": 0}, "greater than or equal to 1"),
    ],
)
def test_a_search_that_cannot_be_made_is_refused(changes: dict[str, Any], said: str) -> None:
    values = {"sql": DOC_CHUNKS.sql, "vectors": DOC_CHUNKS.vectors} | changes
    with pytest.raises(ValidationError, match=said):
        Contract.model_validate({"description": "", "health": "/", "search": values})


def test_a_journey_of_searches_needs_what_the_search_names() -> None:
    contract = load_settings({"target.contract": "portal-2026"}, environ={}).contract
    assert contract.fields_of([Journey.RAG]) == {"project_id": "rag"}
