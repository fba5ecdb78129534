"""Whether an answer is the one that the contract describes."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from conf.contract import AnswerFormat
from conf.operations import Outcome
from locustfiles._failure import RequestFailed

if TYPE_CHECKING:
    from conf.contract import Answer
    from seed.fixture import House


def assess_answer(expected: Answer, status: int, content: bytes, house: House) -> RequestFailed | None:
    """
    Hold an answer against the contract; None if it is a success.

    Args:
        expected: What the contract says about this endpoint's answer.
        status: HTTP status.
        content: The whole body, decoded from any content encoding.
        house: The house that asked; a source of another development is an isolation failure.
    """
    if status not in expected.statuses:
        return RequestFailed(Outcome.STATUS, f"HTTP {status} {_phrase(status)}".rstrip())
    if expected.format is AnswerFormat.ANY or not expected.reads_body_of(status):
        return None
    try:
        body = json.loads(content)
    except ValueError:
        return RequestFailed(Outcome.VALIDATION, "the body is not JSON")
    if not isinstance(body, dict):
        return RequestFailed(Outcome.VALIDATION, "the body is not a JSON object")
    return _assess_sources(expected, body, house) or _assess_fields(expected, body)


def _assess_fields(expected: Answer, body: dict[str, Any]) -> RequestFailed | None:
    for field in expected.not_empty:
        value = body.get(field)
        if not value or (isinstance(value, str) and not value.strip()):
            return RequestFailed(Outcome.VALIDATION, f"{field} is missing or empty")
    return None


def _assess_sources(expected: Answer, body: dict[str, Any], house: House) -> RequestFailed | None:
    if not expected.source_development:
        return None
    sources = body.get(expected.sources)
    for source in sources if isinstance(sources, list) else []:
        development = source.get(expected.source_development) if isinstance(source, dict) else None
        if development is None:
            return RequestFailed(Outcome.VALIDATION, f"a source has no {expected.source_development}")
        if development != house.development_id:
            return RequestFailed(Outcome.ISOLATION, "a source belongs to another development")
    return None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
