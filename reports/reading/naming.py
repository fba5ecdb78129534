"""Finds the suite's operations in another project's Locust run, by the names that it gave them."""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING

from conf.operations import Operation

if TYPE_CHECKING:
    from conf.contract import Contract
    from conf.endpoint import Endpoint

_ORIGIN = re.compile(r"^\w+://[^/]*")
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


def parse_operation(method: str, name: str, contract: Contract) -> Operation | None:
    """
    The operation that a row of a Locust CSV is about; None if it is no operation of the suite.

    Args:
        method: Locust's type; an HTTP method must be the contract's.
        name: An operation's value, or a path of the contract, perhaps behind a method or a host.
        contract: Gives the paths; a placeholder stands for any one part of a path.
    """
    if name in set(Operation):
        return Operation(name)
    first, _, rest = name.strip().partition(" ")
    given_method, address = (first, rest.strip()) if first in _METHODS else (method, name.strip())
    path = _ORIGIN.sub("", address).partition("?")[0].rstrip("/")
    for operation, endpoint in contract.endpoints.items():
        if _matches(endpoint, path) and (given_method not in _METHODS or given_method == endpoint.method):
            return operation
    return None


def _matches(endpoint: Endpoint, path: str) -> bool:
    template = endpoint.path.partition("?")[0].rstrip("/")
    parts = [
        re.escape(literal) + ("" if placeholder is None else "[^/]+")
        for literal, placeholder, _, _ in string.Formatter().parse(template)
    ]
    return re.fullmatch("".join(parts), path) is not None
