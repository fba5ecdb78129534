"""What homeowners ask: questions of the suite or of a file, how often each is asked, and the salt of a run."""

from __future__ import annotations

import csv
import io
import math
import re
import secrets
from dataclasses import dataclass, replace
from functools import cached_property
from heapq import nsmallest
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from conf.errors import LoadTestError
from conf.input_file import parse_text, read_file
from conf.settings import QuestionMix, RunSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

LONGEST = 8000
"""Letters of a question, its salt included: portals refuse longer ones."""
_FILE = Path(__file__).parent / "questions.txt"
_MOST_BYTES = 8_000_000
"""Of a file. Every worker gets all questions when a run begins."""
_MOST_WEIGHT = 1e9
_TRIES = 20
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NEXT_STEP = "One question a line, in UTF-8; or a .csv file with the columns question and weight"


@dataclass(frozen=True)
class Questions:
    """
    Different questions, and how often each is asked.

    Args:
        texts: As they are sent.
        weights: One for each text; empty where all are asked as often.
    """

    texts: tuple[str, ...]
    weights: tuple[float, ...] = ()

    def draw(self, random: Random, count: int) -> list[str]:
        """*count* different questions, each drawn by the weights of those that are left."""
        if not self.weights:
            return random.sample(self.texts, count)
        numbers = range(len(self.texts))
        drawn: dict[int, None] = {}
        for _ in range(_TRIES * count):
            drawn[random.choices(numbers, cum_weights=self._sums)[0]] = None
            if len(drawn) == count:
                break
        else:  # what is left is rare: the first of several clocks that tick at these rates
            left = (number for number in numbers if number not in drawn)
            first = nsmallest(
                count - len(drawn), left, key=lambda number: random.expovariate(self.weights[number])
            )
            drawn |= dict.fromkeys(first)
        return [self.texts[number] for number in drawn]

    @cached_property
    def _sums(self) -> tuple[float, ...]:
        return tuple(accumulate(self.weights))

    def salted(self, salt: str) -> Self:
        """
        The same questions, each with *salt* in brackets behind its words; without a salt, as they are.

        Behind the question it changes the key of every cache, and neither what is asked nor how the question begins.
        """
        return replace(self, texts=tuple(text + _suffix(salt) for text in self.texts))

    def pack(self) -> list[Any]:
        """The questions, to be sent to another process."""
        return [list(self.texts), list(self.weights)]

    @classmethod
    def unpack(cls, packed: Sequence[Any]) -> Self:
        """The questions that `pack` packed."""
        texts, weights = packed
        return cls(tuple(texts), tuple(weights))


def sample_questions() -> list[str]:
    """About thirty questions, one per line of ``questions.txt``; the seeded documents answer them."""
    return list(_read(_FILE, LONGEST))


def load_questions(run: RunSettings) -> Questions:
    """
    The questions of a run, without its salt.

    Raises:
        LoadTestError: The file cannot be read, or holds what is no question; there are fewer than
            ``run.question_count``; or ``run.question_mix`` wants weights that the file does not have.
    """
    path = run.questions or _FILE
    weights = _read(path, LONGEST - len(_suffix(choose_salt(run.question_salt))))
    if run.question_count is not None and run.question_count > len(weights):
        raise LoadTestError(
            f"run.question_count: {run.question_count:,} different questions are wanted, and {path} holds {len(weights):,}",
            "Ask for fewer, or write more of them (run.questions)",
        )
    texts = tuple(weights)[: run.question_count]
    match run.question_mix:
        case QuestionMix.UNIFORM:
            return Questions(texts)
        case QuestionMix.ZIPF:
            return Questions(texts, tuple(rank**-run.question_zipf for rank in range(1, len(texts) + 1)))
    if len(set(weights.values())) == 1:
        raise LoadTestError(
            f'run.question_mix: "weights", and all questions of {path} weigh the same',
            'Give it a column weight (.csv), or ask each as often: run.question_mix = "uniform"',
        )
    return Questions(texts, tuple(weights[text] for text in texts))


def choose_salt(setting: str) -> str:
    """The salt of one run: a new one for ``run``, none for ``none``, else the setting itself."""
    return {"run": secrets.token_hex(4), "none": ""}.get(setting, setting)


def _suffix(salt: str) -> str:
    return f" (ref. {salt})" if salt else ""


def _read(path: Path, longest: int) -> dict[str, float]:
    """Question → its weight, in the order of the file. The weights of a question that stands there twice are added."""
    found: dict[str, float] = {}
    try:
        text = parse_text(read_file(path, _MOST_BYTES))
        for place, question, weight in _csv_rows(text) if path.suffix == ".csv" else _lines(text):
            if fault := _fault(question, longest):
                raise LoadTestError(f"{path}:{place}: {fault}", _NEXT_STEP)
            found[question] = found.get(question, 0.0) + _parse_weight(weight, f"{path}:{place}")
    except OSError as error:
        raise LoadTestError(
            f"run.questions: {path}: cannot be read: {error.strerror}", "Name a file that is there"
        ) from None
    except ValueError as error:
        raise LoadTestError(f"run.questions: {path}: {error}", _NEXT_STEP) from None
    if not found:
        raise LoadTestError(f"run.questions: {path}: holds no question", _NEXT_STEP)
    return found


def _lines(text: str) -> Iterator[tuple[int, str, str]]:
    """Each line that is not empty: its number, what it says, and its weight."""
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        if question := line.strip():
            yield number, question, "1"


def _csv_rows(text: str) -> Iterator[tuple[int, str, str]]:
    """Each row below the head: the number of its last line, its question and its weight."""
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        if sorted(rows.fieldnames or ()) not in (["question"], ["question", "weight"]):
            raise ValueError("its first line must name the columns: question, or question,weight")
        for row in rows:
            if None in row or None in row.values():
                raise ValueError(f"line {rows.line_num} has not as many columns as the first line")
            yield rows.line_num, row["question"].strip(), row.get("weight", "1")
    except csv.Error as error:
        raise ValueError(f"line {rows.line_num}: {error}") from None


def _fault(question: str, longest: int) -> str:
    """What is wrong with a question; empty: nothing."""
    if not question:
        return "the question is empty"
    if len(question) > longest:
        return f"the question has {len(question):,} characters, and {longest:,} are allowed"
    if _CONTROL.search(question):
        return "the question holds a control character"
    return ""


def _parse_weight(text: str, place: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 < weight <= _MOST_WEIGHT:
        raise LoadTestError(
            f"{place}: the weight is not a number above 0, up to {_MOST_WEIGHT:,.0f}", _NEXT_STEP
        )
    return weight
