"""Requests as the contract describes them, filled in for one house."""

from __future__ import annotations

import json
import re
import string
from dataclasses import fields
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from conf.errors import LoadTestError
from conf.template import placeholders_of
from seed.fixture import House

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pydantic import JsonValue

    from conf.contract import Contract
    from conf.endpoint import Endpoint

_FIELDS = tuple(field.name for field in fields(House) if field.name != "own")
_NOTHING: Mapping[str, str] = {}
_RESERVED = "!$%&'()*+,/:;=?@[]~"
"""Characters with a meaning in a path of the contract; in a value that is filled in they are percent-encoded."""
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
DOT_SEGMENTS = frozenset({".", ".."})
"""In a path they stand for other pages, also percent-encoded."""


class Request(NamedTuple):
    """All of a request except its host."""

    method: str
    path: str
    """With its query, percent-encoded."""
    headers: dict[str, str]
    body: str | None


def build_request(endpoint: Endpoint, house: House, words: Mapping[str, str] = _NOTHING) -> Request:
    """
    Fill the templates of *endpoint*; for a house without a type, that placeholder becomes empty.

    Args:
        endpoint: Of the contract.
        house: Whose fields fill the templates.
        words: What fills the other placeholders: the question, and what earlier answers gave.

    Raises:
        ValueError: A header's value cannot stand in a header. The text names the header, never the value.
    """
    values = _values(house, words)
    headers = {name: template.format_map(values) for name, template in endpoint.headers.items()}
    if unfit := [name for name, value in headers.items() if not _HEADER_VALUE.fullmatch(value)]:
        raise ValueError(
            f"header {unfit[0]} of the contract would hold a line end or a letter that no header may"
        )
    named = {name.lower() for name in headers}
    usual = {"Content-Type": "application/json" if endpoint.body else "", "Accept": endpoint.accepts}
    headers |= {name: value for name, value in usual.items() if value and name.lower() not in named}
    return Request(endpoint.method, _fill_path(endpoint, values), headers, build_body(endpoint, house, words))


def build_path(endpoint: Endpoint, house: House) -> str:
    """A path of the contract with its query, percent-encoded; a filled-in value stays within its segment or parameter."""
    return _fill_path(endpoint, _values(house, _NOTHING))


def build_body(endpoint: Endpoint, house: House, words: Mapping[str, str] = _NOTHING) -> str | None:
    """The body alone, which differs from one question of a house to the next."""
    if not endpoint.body:
        return None
    return json.dumps(_filled(endpoint.body, _values(house, words)))


def _filled(value: JsonValue, values: dict[str, object]) -> JsonValue:
    """A value of a body, the templates in it filled in."""
    if isinstance(value, str):
        return value.format_map(values)
    if isinstance(value, dict):
        return {name: _filled(inner, values) for name, inner in value.items()}
    return [_filled(inner, values) for inner in value] if isinstance(value, list) else value


def heads_differ(endpoint: Endpoint, words: Mapping[str, str]) -> bool:
    """Whether path or headers hold one of *words*, and so differ from one request of a house to the next."""
    templates = (endpoint.path, *endpoint.query.values(), *endpoint.headers.values())
    return any(f"{{{word}}}" in template for word in words for template in templates)


def require_askable(contract: Contract, questions: Iterable[str]) -> None:
    """
    Check that the contract's headers can hold the questions, where one is filled with them.

    Raises:
        LoadTestError: A question cannot stand in a header.
    """
    headers = sorted(header for header, field in _header_fields(contract) if field == "question")
    if headers and not all(map(_HEADER_VALUE.fullmatch, questions)):
        raise LoadTestError(
            f"contract: header {headers[0]}: a question has letters that no header may hold",
            'Ask in the body instead: body = { message = "{question}" }',
        )


def require_sendable(contract: Contract, houses: Sequence[House]) -> None:
    """
    Check that the contract's headers and paths can hold the values that fill them.

    Raises:
        LoadTestError: A house's field cannot stand in a header, or would lead to another page.
    """
    for header, field in sorted(set(_header_fields(contract))):
        if field != "question":
            unfit = [house.lot for house in houses if not _HEADER_VALUE.fullmatch(house.value(field))]
            what = "has a line end or letters that no header may hold"
            _refuse_unfit(unfit, field, what, f"header {header}")
    for endpoint in _all_endpoints(contract):
        for field in sorted(placeholders_of(endpoint.path)):
            unfit = [house.lot for house in houses if house.value(field) in DOT_SEGMENTS]
            _refuse_unfit(unfit, field, "is one that leads to another page", f"path {endpoint.path}")


def _refuse_unfit(unfit: Sequence[str], field: str, what: str, where: str) -> None:
    if unfit:
        raise LoadTestError(
            f"fixture: {field} of {len(unfit)} houses ({unfit[0]!r} first) {what}, and the contract's {where} is filled "
            "with it",
            "Write the fixture anew, without them: loadtest seed, or loadtest houses; or change the contract",
        )


def _all_endpoints(contract: Contract) -> list[Endpoint]:
    asked = (*contract.endpoints.values(), contract.token_check, contract.house_check)
    return [endpoint for endpoint in asked if endpoint is not None]


def _header_fields(contract: Contract) -> Iterator[tuple[str, str]]:
    for endpoint in _all_endpoints(contract):
        for header, template in endpoint.headers.items():
            yield from ((header, name) for name in placeholders_of(template))


def _fill_path(endpoint: Endpoint, values: dict[str, object]) -> str:
    path = _encoded(endpoint.path, values, _RESERVED)
    query = "&".join(
        f"{quote(name, '', errors='replace')}={_encoded(template, values, '')}"
        for name, template in endpoint.query.items()
    )
    return f"{path}{'&' if '?' in path else '?'}{query}" if query else path


def _encoded(template: str, values: dict[str, object], kept: str) -> str:
    """A lone surrogate, which a fixture's JSON may hold, cannot be encoded; it becomes a question mark."""
    return "".join(
        quote(literal, kept, errors="replace")
        + (quote(str(values[name]), "", errors="replace") if name else "")
        for literal, name, _, _ in string.Formatter().parse(template)
    )


def _values(house: House, words: Mapping[str, str]) -> dict[str, object]:
    own = {name: getattr(house, name) for name in _FIELDS}
    return {**house.own, **own, "house_type": house.house_type or "", "question": "", **words}
