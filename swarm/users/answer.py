"""Judges whether an answer is as the contract describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conf.answer import AnswerFormat
from conf.failures import status_words
from conf.json_path import find
from conf.operations import Outcome
from seed.request import DOT_SEGMENTS
from swarm.failure import CountedApart, RequestFailed
from swarm.users.field_judge import FieldJudge, invalid
from swarm.users.json_body import decode_object

if TYPE_CHECKING:
    from random import Random

    from conf.answer import Answer
    from conf.endpoint import Endpoint
    from seed.fixture import House
    from swarm.http.response import Response

_LONGEST_GIVEN = 1_000


def find_expected(endpoint: Endpoint, response: Response) -> Answer:
    """
    What the contract says about an answer with this status and of this content type.

    Raises:
        RequestFailed: It accepts no such answer.
    """
    status = response.status_code
    expected = endpoint.answer
    if expected is None or expected.stream is not None:  # else any content type will do
        expected = endpoint.answer_of(response.headers.get("content-type", ""))
    if status not in (endpoint.statuses if expected is None else expected.statuses):
        raise RequestFailed(Outcome.STATUS, status_words(status))
    if expected is None:
        raise invalid(f"the content type is not one of {endpoint.accepts}")
    return expected


def require_answer(expected: Answer, response: Response, house: House) -> None:
    """
    Compare a whole answer with the contract.

    Args:
        expected: What the contract says about an answer of this content type, be it a stream's or another.
        response: The answer, with an accepted status.
        house: The house that asked; what belongs to another one is an isolation failure.

    Raises:
        RequestFailed: The answer is not as the contract describes it.
        CountedApart: It is, and no model gave it.
    """
    if response.unreadable is not None:
        raise response.unreadable
    if expected.format is AnswerFormat.EVENTS:
        return  # judged as it came
    judge = FieldJudge(expected, house)
    if expected.format is AnswerFormat.JSON and expected.reads_body_of(response.status_code):
        body = decode_object(response.content)
        judge.take(body)
        if expected.sources:
            judge.take_sources(find(body, expected.sources))
        _require_not_empty(expected, body)
        judge.end()
    if judge.is_intercepted:
        raise CountedApart(Outcome.INTERCEPTED)


def _require_not_empty(expected: Answer, body: dict[str, Any]) -> None:
    for path in expected.not_empty:
        value = find(body, path)
        if not value or (isinstance(value, str) and not value.strip()):
            raise invalid(f"{path} is missing or empty")


def read_given(expected: Answer, response: Response, random: Random) -> dict[str, str]:
    """
    Read the values for later requests of the flow: placeholder → value.

    Args:
        expected: What the contract says about this answer.
        response: A success by `require_answer`.
        random: Chooses among a list's elements.

    Raises:
        RequestFailed: A field is missing, or is neither a whole number nor a text that can be sent.
    """
    if not expected.gives or not expected.reads_body_of(response.status_code):
        return {}
    body = decode_object(response.content)
    return {name: _pick(body, path, random) for name, path in expected.gives.items()}


def _pick(value: Any, path: str, random: Random) -> str:
    for field in path.split("."):
        if isinstance(value, list) and not field.isdecimal():
            value = random.choice(value) if value else None
        value = find(value, field)
    if isinstance(value, list):
        value = random.choice(value) if value else None
    text = str(value) if type(value) in {str, int} else ""
    if not text.strip() or not text.isprintable() or len(text) > _LONGEST_GIVEN or text in DOT_SEGMENTS:
        raise invalid(f"{path} is not there, or is no short text")
    return text
