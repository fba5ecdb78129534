"""Fields of JSON within each other, as a contract spells them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

PATH = r"^[^.]+(\.[^.]+)*$"
JsonPath = Annotated[str, Field(pattern=PATH, max_length=200)]
"""Names of fields within each other, joined by dots; a number counts in a list."""


def find(body: Any, path: str) -> Any:
    """The value of a field within others; None where it is not there."""
    if "." not in path and isinstance(body, dict):
        return body.get(path)
    for field in path.split("."):
        if isinstance(body, dict):
            body = body.get(field)
        elif isinstance(body, list) and field.isdecimal() and int(field) < len(body):
            body = body[int(field)]
        else:
            return None
    return body
