from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
from pgvector import Vector

from portal.database import open_database
from portal.homeowner import Homeowner
from portal.retrieval import Tier, retrieve
from seed.database import vector_literal
from seed.embedding import embed
from seed.questions import sample_questions

if TYPE_CHECKING:
    from portal_process import Estate

    from portal.chunk import FoundChunk

pytest_plugins = ["portal_estate"]


def _retrieve(own_estate: Estate, question: str, house_type: str | None = None) -> list[FoundChunk]:
    house = own_estate.houses[0]
    homeowner = Homeowner(
        UUID(house.tenant_id),
        UUID(house.development_id),
        UUID(house.house_id),
        house_type or house.house_type,
    )

    async def once() -> list[FoundChunk]:
        async with open_database(own_estate.url, pool_size=1) as database:
            return await retrieve(database, question, homeowner)

    return asyncio.run(once())


def test_another_tenants_copy_of_the_answer_is_never_found(own_estate: Estate) -> None:
    hidden = "The stopcock of the other tenant is behind the purple curtain."
    own_estate.execute(
        "UPDATE doc_chunks SET content = %s, embedding = %s, is_important = true, house_type_code = NULL"
        " WHERE development_id = %s",
        hidden,
        vector_literal(embed([hidden])[0]),
        own_estate.foreign_house().development_id,
    )
    found = _retrieve(own_estate, hidden)
    assert found
    assert {str(chunk.development_id) for chunk in found} == {own_estate.houses[0].development_id}
    assert hidden not in {chunk.content for chunk in found}


def test_the_houses_own_chunk_is_found_where_others_are_too_far(own_estate: Estate) -> None:
    own_estate.execute(
        "DELETE FROM doc_chunks WHERE id NOT IN (SELECT id FROM doc_chunks"
        " WHERE development_id = %s AND house_type_code IS NULL AND NOT is_important LIMIT 2)",
        own_estate.houses[0].development_id,
    )
    chunks = own_estate.execute("SELECT id FROM doc_chunks")
    question = "zyxgorp quonfle"
    for (chunk_id,), house in zip(chunks, own_estate.houses, strict=False):
        own_estate.execute(
            "UPDATE doc_chunks SET embedding = %s, metadata = jsonb_build_object('houseId', %s::text)"
            " WHERE id = %s",
            _at_distance(0.72, question),  # farther than all tiers but the unit's and the house type's allow
            house.house_id,
            chunk_id,
        )
    found = {str(chunk.id) for chunk in _retrieve(own_estate, question)}
    assert found == {chunks[0][0]}


def test_a_record_of_the_neighbours_house_is_never_found(own_estate: Estate) -> None:
    own, neighbour = own_estate.houses[:2]
    record = "The meter of this house is number 10 305 977 208."
    own_estate.execute(
        "UPDATE doc_chunks SET content = %s, embedding = %s, house_type_code = %s, is_important = true,"
        " metadata = jsonb_build_object('houseId', %s::text)"
        " WHERE id = (SELECT id FROM doc_chunks WHERE development_id = %s LIMIT 1)",
        record,
        vector_literal(embed([record])[0]),
        own.house_type,
        neighbour.house_id,
        own.development_id,
    )
    assert record not in {chunk.content for chunk in _retrieve(own_estate, record)}


def test_another_house_types_chunks_come_only_when_there_is_too_little_else(own_estate: Estate) -> None:
    question = sample_questions()[0]
    development = own_estate.houses[0].development_id
    own_estate.execute("UPDATE doc_chunks SET house_type_code = 'Z', is_important = false, metadata = '{}'")
    assert len(_retrieve(own_estate, question)) == 10  # the global tier
    own_estate.execute(
        "UPDATE doc_chunks SET house_type_code = 'A' WHERE id IN (SELECT id FROM doc_chunks"
        " WHERE development_id = %s ORDER BY (embedding <=> %s) + 0 LIMIT 5)",
        development,
        vector_literal(embed([question])[0]),
    )
    assert len(_retrieve(own_estate, question, "A")) == 5


def test_an_approximate_index_loses_no_rows_to_the_filter(own_estate: Estate) -> None:
    for plan in ("seqscan", "bitmapscan", "sort"):  # leaves the vector index
        own_estate.execute(f"ALTER DATABASE {own_estate.name} SET enable_{plan} = off")
    query = Tier("all", "c.house_type_code IS NULL", None, max_distance=2.0, limit=50).query()
    house = own_estate.houses[0]
    arguments = (Vector(embed(["water"])[0]), UUID(house.tenant_id), UUID(house.development_id))

    async def search() -> tuple[str, int]:
        async with open_database(own_estate.url, pool_size=1) as database:
            plan = await database.fetch(f"EXPLAIN {query}", *arguments)
            return "\n".join(row[0] for row in plan), len(await database.fetch(query, *arguments))

    plan, found = asyncio.run(search())
    assert "Order By: (embedding <=> " in plan
    assert found == 50


def _at_distance(distance: float, text: str) -> str:
    """A unit vector at this cosine distance from *text*."""
    vector = embed([text])[0]
    other = embed(["entirely unrelated"])[0]
    other -= (other @ vector) * vector
    other /= np.linalg.norm(other)
    return vector_literal((1 - distance) * vector + np.sqrt(1 - (1 - distance) ** 2) * other)
