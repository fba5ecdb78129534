from __future__ import annotations

import re
from collections import Counter, defaultdict
from uuid import UUID

import pytest

from seed.chunking import LONGEST_WORDS, cut, split_sentences
from seed.corpus import build_chunks
from seed.document import Scope, load_documents, parse_document
from seed.embedding import embed
from seed.longview import LONGVIEW_PARK, RATHMORE_GREEN
from seed.questions import sample_questions

CHUNKS = list(build_chunks(LONGVIEW_PARK))
VECTORS = embed([chunk.content for chunk in CHUNKS])


def nearest(question: str) -> str:
    return CHUNKS[int((VECTORS @ embed([question])[0]).argmax())].content


def words(count: int) -> str:
    return " ".join(["Seven words make up this one sentence."] * (count // 7))


@pytest.mark.parametrize(
    ("question", "heading"),
    [
        ("Where is the stopcock, and how do I turn off the water?", "House manual: Water: turning it off"),
        ("How do I clean the filters of the ventilation unit?", "Ventilation manual: Cleaning and changing"),
        ("How long does the structural warranty last?", "Warranty pack: The structural warranty"),
        ("Which day are the bins collected?", "Management company, bins and parking: Which day"),
        (
            "The induction hob shows an error, what should I do?",
            "Hob and oven manual: When the induction hob",
        ),
        ("What is the BER rating of my house?", "BER certificate: The BER rating of your house"),
        ("How do I bleed a radiator that stays cold at the top?", "Heat pump and heating guide: Bleeding"),
        (
            "How do I start the washing machine for the first time?",
            "Washing machine and dryer manual: Starting",
        ),
        ("Where are the smoke alarms, and how do I test them?", "Fire and safety guide: Smoke alarms"),
        ("How do I report a snag, and by when?", "Snag list and aftercare: Reporting a snag"),
    ],
)
def test_a_question_finds_the_chunk_that_answers_it_first(question: str, heading: str) -> None:
    assert nearest(question).startswith(heading)


def test_every_sample_question_has_five_chunks_within_the_widest_and_one_within_the_narrowest_limit() -> None:
    questions = sample_questions()
    assert len(questions) >= 30
    assert len(set(questions)) == len(questions)
    for question, distances in zip(questions, 1 - embed(questions) @ VECTORS.T, strict=True):
        assert (distances < 0.65).sum() >= 5, question
        assert distances.min() < 0.60, question


def test_there_are_eight_documents_or_more_of_the_kinds_a_homeowner_is_given() -> None:
    kinds = Counter(document.document_type for document in load_documents())
    assert kinds.total() >= 8
    assert {"house_manual", "warranty", "ber_certificate", "heating_manual"} <= kinds.keys()
    assert kinds["appliance_manual"] >= 3


def test_longview_has_a_few_hundred_chunks_of_a_size_that_can_be_searched() -> None:
    assert 200 <= len(CHUNKS) <= 400
    lengths = [len(chunk.content.split()) for chunk in CHUNKS]
    assert min(lengths) >= 40
    assert max(lengths) <= 130


def test_no_placeholder_is_left_and_no_chunk_is_there_twice_for_one_house_type() -> None:
    for development in (LONGVIEW_PARK, RATHMORE_GREEN):
        chunks = list(build_chunks(development))
        assert not [chunk for chunk in chunks if re.search(r"[{}]", chunk.content)]
        assert len({(chunk.house_type_code, chunk.content) for chunk in chunks}) == len(chunks)


def test_the_second_tenants_documents_name_their_own_development() -> None:
    text = " ".join(chunk.content for chunk in build_chunks(RATHMORE_GREEN))
    assert "Rathmore Green" in text
    assert "Longview" not in text
    assert "Drogheda" not in text


def test_chunks_count_from_zero_in_each_document() -> None:
    indexes = defaultdict(list)
    for chunk in CHUNKS:
        indexes[chunk.document_id].append(chunk.chunk_index)
    assert all(found == list(range(len(found))) for found in indexes.values())


def test_each_house_type_has_chunks_of_its_own_with_its_own_figures() -> None:
    stopcocks = {
        chunk.house_type_code: chunk.content
        for chunk in CHUNKS
        if chunk.metadata["section"] == "Where your stopcock is"
    }
    assert stopcocks.keys() == {"A", "B", "C", "D"}
    for house_type in LONGVIEW_PARK.house_types:
        assert house_type.stopcock in stopcocks[house_type.code]


def test_each_house_has_a_handover_record_that_only_names_itself() -> None:
    records = {UUID(chunk.metadata["houseId"]): chunk for chunk in CHUNKS if "houseId" in chunk.metadata}
    plots = [LONGVIEW_PARK.plot(number) for number in range(1, 21)]
    assert records.keys() == {plot.house_id for plot in plots}
    for plot in plots:
        record = records[plot.house_id]
        assert f"house {plot.number}," in record.content
        assert plot.lot in record.content
        assert record.house_type_code == plot.house_type
        assert not record.is_important


def test_a_short_text_is_one_chunk() -> None:
    assert cut(words(70)) == [words(70)]


def test_pieces_overlap_by_one_sentence_and_lose_none() -> None:
    sentences = [f"Sentence number {number} has seven words exactly." for number in range(40)]
    pieces = [split_sentences(piece) for piece in cut(" ".join(sentences))]
    assert [piece[-1] for piece in pieces[:-1]] == [piece[0] for piece in pieces[1:]]
    assert pieces[0] + [sentence for piece in pieces[1:] for sentence in piece[1:]] == sentences


def test_pieces_are_about_equally_long() -> None:
    lengths = [len(piece.split()) for piece in cut(words(4 * LONGEST_WORDS - 20))]
    assert len(lengths) == 4
    assert max(lengths) - min(lengths) <= 14


def test_a_sentence_is_never_cut() -> None:
    monster = "word " * 300 + "end."
    assert cut(monster) == [monster]


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("## Heading\ntext", "front matter"),
        ('+++\ntitle = "T"\ntype = "t"\n+++\n## Heading\ntext', "must hold title, type and important"),
        ('+++\ntitle = "T"\ntype = "t"\nimportant = true\n+++\ntext', "no section"),
    ],
)
def test_a_document_that_is_not_one_is_refused_by_name(source: str, fault: str) -> None:
    with pytest.raises(ValueError, match=f"leaflet: .*{fault}"):
        parse_document("leaflet", source)


def test_a_headings_brackets_say_whom_the_section_is_for() -> None:
    source = '+++\ntitle = "T"\ntype = "t"\nimportant = true\n+++\n## All\na\n## Types [each type]\nb\n## Mine [each house]\nc'
    sections = parse_document("leaflet", source).sections
    assert [(section.heading, section.text, section.scope) for section in sections] == [
        ("All", "a", Scope.DEVELOPMENT),
        ("Types", "b", Scope.HOUSE_TYPE),
        ("Mine", "c", Scope.HOUSE),
    ]
