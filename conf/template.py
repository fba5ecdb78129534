"""Templates of a contract: texts with names in braces, which the values of a house and a question fill."""

from __future__ import annotations

import string
from typing import Annotated

from pydantic import Field

Placeholder = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]

PLACEHOLDERS = frozenset(
    {"tenant_id", "tenant_slug", "development_id", "house_id", "house_type", "qr_token", "jwt", "question"}
)
"""Names that any template may use: the fields of a house, and the question."""


def placeholders_of(template: str) -> set[str]:
    """
    The names in *template*.

    Raises:
        ValueError: It cannot be filled in.
    """
    try:
        fields = [field for field in string.Formatter().parse(template) if field[1] is not None]
    except ValueError as error:
        raise ValueError(f"{template!r} cannot be filled in: {error}") from None
    if any(spec or conversion for _, _, spec, conversion in fields):
        raise ValueError(f"{template!r}: a placeholder is a name in braces, without a format")
    return {str(name) for _, name, _, _ in fields}
