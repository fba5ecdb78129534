"""Questions of a file: what is read, what is refused, how often each is asked, and the salt of a run."""

from __future__ import annotations

import json
import math
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from conf.errors import LoadTestError, SettingsError
from conf.loading import load_settings
from seed.corpus import build_chunks
from seed.embedding import embed
from seed.longview import LONGVIEW_PARK
from seed.questions import LONGEST, Questions, choose_salt, load_questions, sample_questions

if TYPE_CHECKING:
    from pathlib import Path

    from conf.settings import RunSettings


def run_with(questions: Path | None = None, **values: Any) -> RunSettings:
    given = {f"run.{key}": value for key, value in values.items()}
    return load_settings({"run.questions": questions, **given}, environ={}).run


def write(directory: Path, content: str | bytes, name: str = "asked.txt") -> Path:
    file = directory / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def refusal(run: RunSettings) -> str:
    with pytest.raises(LoadTestError) as caught:
        load_questions(run)
    assert caught.value.next_step
    return caught.value.message


def test_without_a_file_the_suites_own_questions_are_asked_each_as_often() -> None:
    questions = load_questions(run_with())
    assert questions == Questions(tuple(sample_questions()))
    assert questions.draw(Random(3), 4) == Random(3).sample(sample_questions(), 4)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_line_is_a_question_and_empty_lines_are_left_out(tmp_path: Path, line_end: str) -> None:
    lines = ["\ufeffWhere is the stopcock?", "", "  What, when it rains?  ", "Wo ist der Haupthahn ß, bitte?"]
    file = write(tmp_path, line_end.join(lines))
    assert load_questions(run_with(file)).texts == (
        "Where is the stopcock?",
        "What, when it rains?",
        "Wo ist der Haupthahn ß, bitte?",
    )


def test_a_question_that_stands_there_twice_is_one_with_twice_the_weight(tmp_path: Path) -> None:
    file = write(tmp_path, "Often?\nRare?\nOften?\n")
    assert load_questions(run_with(file)) == Questions(("Often?", "Rare?"))
    assert load_questions(run_with(file, question_mix="weights")).weights == (2.0, 1.0)


def test_a_csv_file_has_weights_and_questions_of_several_lines(tmp_path: Path) -> None:
    file = write(tmp_path, 'weight,question\n7,"Two\nlines, and a comma?"\n0.5,One?\n', "asked.csv")
    questions = load_questions(run_with(file, question_mix="weights"))
    assert questions == Questions(("Two\nlines, and a comma?", "One?"), (7.0, 0.5))
    alone = write(tmp_path, "question\nOne?\n", "alone.csv")
    assert load_questions(run_with(alone)) == Questions(("One?",))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "", "run.questions: {file}: holds no question"),
        ("a.txt", " \n\n", "run.questions: {file}: holds no question"),
        ("a.txt", b"One?\nT\xff?", "run.questions: {file}: is not UTF-8 (line 2)"),
        ("a.txt", "One?\n\n" + "x" * 8001, "{file}:3: the question has 8,001 characters, and 8,000 are allowed"),
        ("a.txt", "One?\nT\0wo?", "{file}:2: the question holds a control character"),
        ("a.csv", "question,weight\nOne?,1\n ,1\n", "{file}:3: the question is empty"),
        ("a.csv", 'question,weight\n"a\nb",0\n', "{file}:3: the weight is not a number above 0, up to 1,000,000,000"),
        ("a.csv", "question,weight\nOne?,nan\n", "{file}:2: the weight is not a number above 0, up to 1,000,000,000"),
        ("a.csv", "question,weight\nOne?\n", "run.questions: {file}: line 2 has not as many columns as the first line"),
        ("a.csv", "question\nOne?,2\n", "run.questions: {file}: line 2 has not as many columns as the first line"),
        ("a.csv", 'question\nOne?\n"Two?\n', "run.questions: {file}: line 2: unexpected end of data"),
        (
            "a.csv",
            "Where is it?,2\n",
            "run.questions: {file}: its first line must name the columns: question, or question,weight",
        ),
    ],
)  # fmt: skip
def test_what_is_no_question_is_refused_with_its_line(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    file = write(tmp_path, content, name)
    assert refusal(run_with(file)) == message.format(file=file)


def test_a_file_that_is_not_there_or_too_large_is_refused(tmp_path: Path) -> None:
    assert refusal(run_with(tmp_path / "none.txt")).endswith(
        "none.txt: cannot be read: No such file or directory"
    )
    assert "is larger than 8,000,000 bytes" in refusal(run_with(write(tmp_path, b"x" * 8_000_001)))


def test_the_salt_counts_among_the_letters_of_a_question(tmp_path: Path) -> None:
    salt = "2025-11-15"
    fits = "x" * (LONGEST - len(f" (ref. {salt})"))
    run = run_with(write(tmp_path, fits), question_salt=salt)
    assert len(load_questions(run).salted(salt).texts[0]) == LONGEST
    assert "7,982 are allowed" in refusal(run_with(write(tmp_path, fits + "x"), question_salt=salt))
    assert f"{LONGEST - len(' (ref. 01234567)'):,} are" in refusal(
        run_with(write(tmp_path, "x" * LONGEST), question_salt="run")
    )


def test_only_the_first_questions_are_asked_where_their_number_is_given(tmp_path: Path) -> None:
    file = write(tmp_path, "One?\nTwo?\nThree?\n")
    assert load_questions(run_with(file, question_count=2)).texts == ("One?", "Two?")
    assert refusal(run_with(file, question_count=4)) == (
        f"run.question_count: 4 different questions are wanted, and {file} holds 3"
    )


def test_weights_are_refused_where_the_file_has_none(tmp_path: Path) -> None:
    file = write(tmp_path, "One?\nTwo?\n")
    assert refusal(run_with(file, question_mix="weights")).endswith(f"all questions of {file} weigh the same")


def test_a_mix_or_a_salt_that_is_none_is_refused_with_its_key() -> None:
    with pytest.raises(SettingsError) as caught:
        run_with(question_mix="often", question_salt="a\nb", question_zipf=0, question_count=0)
    text = str(caught.value)
    for key in ("question_mix", "question_salt", "question_zipf", "question_count"):
        assert f"run.{key}: " in text or f"command line: run.{key}" in text


def test_questions_follow_zipfs_law_by_their_place_in_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "\n".join(f"Number {place}?" for place in range(1, 51)))
    questions = load_questions(run_with(file, question_mix="zipf", question_zipf=1.2))
    random, asked = Random(17), Counter[str]()
    for _ in range(40_000):
        asked.update(questions.draw(random, 1))
    whole = sum(place**-1.2 for place in range(1, 51))
    for place in (1, 2, 5, 20):
        expected = 40_000 * place**-1.2 / whole
        assert asked[f"Number {place}?"] == pytest.approx(expected, abs=5 * math.sqrt(expected))


def test_questions_asked_at_once_differ_and_each_is_drawn_by_the_weights_of_those_left() -> None:
    questions, random, pairs = Questions(("a", "b", "c"), (6.0, 3.0, 1.0)), Random(5), Counter[str]()
    for _ in range(30_000):
        pairs["".join(questions.draw(random, 2))] += 1
    assert pairs.keys() == {"ab", "ac", "ba", "bc", "ca", "cb"}
    for pair, share in {"ab": 0.6 * 0.75, "ca": 0.1 * 6 / 9, "bc": 0.3 / 7}.items():
        assert pairs[pair] == pytest.approx(30_000 * share, abs=5 * math.sqrt(30_000 * share))


def test_a_question_that_is_hardly_ever_asked_is_still_asked_where_no_other_is_left() -> None:
    questions = Questions(("often", "rare", "rarer"), (1e9, 1e-9, 1e-300))
    drawn = Counter(tuple(questions.draw(Random(seed), 2)) for seed in range(300))
    assert drawn == {("often", "rare"): 300}
    assert set(questions.draw(Random(1), 3)) == {"often", "rare", "rarer"}


def test_the_same_random_seed_asks_the_same_whatever_the_salt_is() -> None:
    questions = Questions(tuple(sample_questions()), tuple(1 / rank for rank in range(1, 32)))
    plain, salted = questions.draw(Random(9), 5), questions.salted("abc").draw(Random(9), 5)
    assert salted == [f"{text} (ref. abc)" for text in plain]


def test_each_run_has_a_salt_of_its_own_where_it_is_asked_for() -> None:
    assert choose_salt("none") == ""
    assert choose_salt("evening") == "evening"
    assert len({choose_salt("run") for _ in range(50)}) == 50
    assert Questions(("a",)).salted("") == Questions(("a",))


def test_a_salted_question_still_finds_its_chunk_among_the_nearest() -> None:
    vectors = embed([chunk.content for chunk in build_chunks(LONGVIEW_PARK)])
    plain = Questions(tuple(sample_questions()))
    first = (embed(plain.texts) @ vectors.T).argmax(axis=1)
    found = (-embed(plain.salted("4f2a91c0").texts) @ vectors.T).argsort(axis=1)
    assert all(chunk in nearest[:3] for chunk, nearest in zip(first, found, strict=True))


def test_questions_arrive_at_another_process_as_they_were() -> None:
    for questions in (Questions(("a", "b")), Questions(("a", "b"), (2.0, 0.5))):
        assert Questions.unpack(json.loads(json.dumps(questions.pack()))) == questions
