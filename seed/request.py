"""Requests as the contract describes them, filled in for one house."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, NamedTuple

from seed.fixture import House

if TYPE_CHECKING:
    from conf.contract import Endpoint

_FIELDS = tuple(field.name for field in fields(House))


class Request(NamedTuple):
    """Everything that goes over the wire but the host."""

    method: str
    path: str
    headers: dict[str, str]
    body: str | None


def build_request(endpoint: Endpoint, house: House, question: str = "") -> Request:
    """Fill the templates of *endpoint*; a house without a type leaves that placeholder empty."""
    values = _values(house, question)
    headers = {name: template.format_map(values) for name, template in endpoint.headers.items()}
    if endpoint.body:
        headers |= {"Content-Type": "application/json", "Accept": "application/json"}
    path = endpoint.path.format_map(values)
    return Request(endpoint.method, path, headers, build_body(endpoint, house, question))


def build_body(endpoint: Endpoint, house: House, question: str = "") -> str | None:
    """The body alone, which is what differs from one question of a house to the next."""
    if not endpoint.body:
        return None
    values = _values(house, question)
    return json.dumps({name: template.format_map(values) for name, template in endpoint.body.items()})


def asks_in_head(endpoint: Endpoint) -> bool:
    """Whether path or headers hold the question, and so differ from one question of a house to the next."""
    return any("{question}" in template for template in (endpoint.path, *endpoint.headers.values()))


def _values(house: House, question: str) -> dict[str, object]:
    values = {name: getattr(house, name) for name in _FIELDS}
    values["house_type"] = house.house_type or ""
    values["question"] = question
    return values
