from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

import pytest
from portal_process import Estate, Portal, at_once, bearer

from seed.questions import sample_questions

if TYPE_CHECKING:
    from portal_process import Answer

    from seed.fixture import House

pytest_plugins = ["portal_estate"]

SOURCE_FIELDS = {"id", "title", "documentType", "developmentId", "chunkIndex", "similarity"}


def test_an_answer_quotes_its_best_sources(portal: Portal, estate: Estate) -> None:
    answer = portal.chat(estate.houses[0], "Where is the stopcock, and how do I turn off the water?")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert "stopcock" in answer.json["reply"].lower()
    sources = answer.json["sources"]
    assert 1 <= len(sources) <= 10
    assert all(source.keys() == SOURCE_FIELDS for source in sources)
    assert sources[0]["title"] in answer.json["reply"]


def test_every_sample_question_of_every_house_type_is_answered_from_its_own_development(
    portal: Portal, estate: Estate
) -> None:
    houses = list({house.house_type: house for house in estate.houses}.values())
    questions = sample_questions()
    for house in houses:
        answers = at_once(len(questions), partial(_ask_number, portal, house, questions))
        for question, answer in zip(questions, answers, strict=True):
            assert answer.status == 200
            assert {s["developmentId"] for s in answer.json["sources"]} == {house.development_id}, question


def test_a_house_is_never_shown_chunks_of_another_house_type_first(portal: Portal, estate: Estate) -> None:
    types = dict(estate.execute("SELECT id::text, house_type_code FROM doc_chunks"))
    for house in estate.houses[:6]:
        sources = portal.chat(house, "Which rooms does my house have?").json["sources"]
        assert {types[source["id"]] for source in sources} <= {None, house.house_type}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"message": "Hello?"},
        {"developmentId": "8c8f4f6e-0000-4000-8000-000000000000"},
        {"message": "  ", "developmentId": "8c8f4f6e-0000-4000-8000-000000000000"},
        {"message": "Hello?", "developmentId": ""},
        {"message": "nothing\0ness", "developmentId": "8c8f4f6e-0000-4000-8000-000000000000"},
        {"message": 7, "developmentId": "8c8f4f6e-0000-4000-8000-000000000000"},
        {"message": "x" * 8001, "developmentId": "8c8f4f6e-0000-4000-8000-000000000000"},
        [],
        b"",
        b"message=Hello",
        b"\xff\xfe",
    ],
)
def test_a_missing_or_empty_field_is_a_bad_request(body: object, portal: Portal, estate: Estate) -> None:
    answer = portal.ask("POST", "/api/chat", body, bearer(estate.houses[0]))
    assert answer.status == 400
    assert answer.json["error"]


def test_an_exchange_is_kept_and_only_its_own_house_sees_it(portal: Portal, estate: Estate) -> None:
    asker, neighbour = estate.houses[1], estate.houses[2]
    replies = [portal.chat(asker, f"{number}. Where is the stopcock?").json["reply"] for number in (1, 2)]
    kept = portal.ask("GET", "/api/chat/history", headers=bearer(asker)).json["messages"]
    assert [m["message"] for m in kept[:2]] == ["2. Where is the stopcock?", "1. Where is the stopcock?"]
    assert [m["reply"] for m in kept[:2]] == replies[::-1]
    others = portal.ask("GET", "/api/chat/history", headers=bearer(neighbour)).json["messages"]
    assert not [m for m in others if m["message"].startswith(("1.", "2."))]
    (latency_ms, tokens, cost), *_ = estate.execute(
        "SELECT latency_ms, token_count, cost_usd FROM messages WHERE user_message LIKE '2.%%'"
    )
    assert latency_ms >= 20
    assert tokens > 0
    assert cost > 0


def test_documents_are_those_of_the_own_development(portal: Portal, estate: Estate) -> None:
    house = estate.houses[0]
    listed = portal.ask("GET", "/api/documents", headers=bearer(house)).json["documents"]
    own = estate.execute("SELECT id::text FROM documents WHERE development_id = %s", house.development_id)
    assert {document["id"] for document in listed} == {row[0] for row in own}
    assert len(listed) >= 8


def test_a_document_is_opened_by_the_homeowners_of_its_own_development_alone(
    portal: Portal, estate: Estate
) -> None:
    house = estate.houses[0]
    listed = portal.ask("GET", "/api/documents", headers=bearer(house)).json["documents"]
    opened = portal.ask("GET", f"/api/documents/{listed[0]['id']}", headers=bearer(house))
    assert (opened.status, opened.json["id"], opened.json["title"]) == (
        200,
        listed[0]["id"],
        listed[0]["title"],
    )
    chunks = estate.execute(
        "SELECT content FROM doc_chunks WHERE document_id = %s ORDER BY chunk_index", listed[0]["id"]
    )
    assert opened.json["content"] == "\n\n".join(row[0] for row in chunks)
    ((foreign,),) = estate.execute(
        "SELECT id::text FROM documents WHERE development_id <> %s LIMIT 1", house.development_id
    )
    for unknown, status in ((foreign, 404), ("00000000-0000-0000-0000-000000000000", 404), ("x", 422)):
        assert portal.ask("GET", f"/api/documents/{unknown}", headers=bearer(house)).status == status
    assert portal.ask("GET", f"/api/documents/{foreign}").status == 401


def test_server_timing_names_every_step_of_a_chat(portal: Portal, estate: Estate) -> None:
    header = portal.chat(estate.houses[0]).headers["Server-Timing"]
    steps = dict(re.findall(r"(\w+);dur=([\d.]+)", header))
    assert list(steps) == ["auth", "retrieval", "llm", "insert"]
    assert float(steps["llm"]) >= 19  # the model takes 20 ms here


def test_a_hundred_questions_at_once_are_all_answered(portal: Portal, estate: Estate) -> None:
    answers = at_once(100, lambda number: portal.chat(estate.houses[number % 20]))
    assert {answer.status for answer in answers} == {200}


def _ask_number(portal: Portal, house: House, questions: list[str], number: int) -> Answer:
    return portal.chat(house, questions[number])
