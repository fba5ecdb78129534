"""Judges whether an answer is as the contract describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conf.answer import AnswerFormat
from conf.failures import status_words
from conf.operations import Outcome
from swarm.failure import RequestFailed
from swarm.users.json_body import decode_object

if TYPE_CHECKING:
    from random import Random

    from conf.answer import Answer
    from seed.fixture import House
    from swarm.http.response import Response


def assess_answer(expected: Answer, response: Response, house: House) -> RequestFailed | None:
    """
    Compare an answer with the contract; None if it is a success.

    Args:
        expected: What the contract says about this endpoint's answer.
        response: The answer.
        house: The house that asked; a source of another development is an isolation failure.
    """
    status = response.status_code
    if status not in expected.statuses:
        return RequestFailed(Outcome.STATUS, status_words(status))
    if response.unreadable is not None:
        return response.unreadable
    if expected.format is not AnswerFormat.JSON or not expected.reads_body_of(status):
        return None
    try:
        body = decode_object(response.content)
        return assess_sources(
            body.get(expected.sources), expected.source_development, house
        ) or _assess_fields(expected, body)
    except RequestFailed as failed:
        return failed


_LONGEST_GIVEN = 1_000
_DOT_SEGMENTS = frozenset({".", ".."})
"""In a path they stand for other pages, also percent-encoded."""


def _assess_fields(expected: Answer, body: dict[str, Any]) -> RequestFailed | None:
    for field in expected.not_empty:
        value = body.get(field)
        if not value or (isinstance(value, str) and not value.strip()):
            return _invalid(f"{field} is missing or empty")
    return None


def assess_sources(sources: Any, name: str, house: House) -> RequestFailed | None:
    """
    Judge the documents that an answer rests on; one of another development matters most, even where others are malformed.

    Args:
        sources: As the answer lists them.
        name: The field of each that names its development; empty where the contract names none.
        house: The house that asked.
    """
    if not name or not sources:
        return None
    if not isinstance(sources, list):
        return _invalid("the sources are not a list")
    developments = [source.get(name) if isinstance(source, dict) else None for source in sources]
    named = [value for value in developments if isinstance(value, str) and value.strip()]
    if any(value != house.development_id for value in named):
        return RequestFailed(Outcome.ISOLATION, "a source belongs to another development")
    return None if len(named) == len(sources) else _invalid(f"a source has no {name}")


def read_given(expected: Answer, response: Response, random: Random) -> dict[str, str]:
    """
    Read the values for later requests of the flow: placeholder → value.

    Args:
        expected: What the contract says about this endpoint's answer.
        response: A success by `assess_answer`.
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
        value = value.get(field) if isinstance(value, dict) else None
        if isinstance(value, list):
            value = random.choice(value) if value else None
    text = str(value) if type(value) in {str, int} else ""
    if not text.strip() or not text.isprintable() or len(text) > _LONGEST_GIVEN or text in _DOT_SEGMENTS:
        raise _invalid(f"{path} is not there, or is no short text")
    return text


def _invalid(message: str) -> RequestFailed:
    return RequestFailed(Outcome.VALIDATION, message)
