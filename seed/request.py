"""Requests as the contract describes them, filled in for one house."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from conf.contract import Endpoint
    from seed.fixture import House


class Request(NamedTuple):
    """Everything that goes over the wire but the host."""

    method: str
    path: str
    headers: dict[str, str]
    body: str | None


def build_request(endpoint: Endpoint, house: House, question: str = "") -> Request:
    """Fill the templates of *endpoint*; a house without a type leaves that placeholder empty."""
    values = {**asdict(house), "question": question}
    values["house_type"] = house.house_type or ""
    headers = {name: template.format_map(values) for name, template in endpoint.headers.items()}
    body = None
    if endpoint.body:
        fields = {name: template.format_map(values) for name, template in endpoint.body.items()}
        body = json.dumps(fields)
        headers |= {"Content-Type": "application/json", "Accept": "application/json"}
    return Request(endpoint.method, endpoint.path.format_map(values), headers, body)
