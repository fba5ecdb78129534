"""Why pydantic refuses a value, in the words of the project's other sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_WORDS = {
    "extra_forbidden": "is not a known key",
    "missing": "is required",
    "string_type": "must be a text, in quotes",
    "path_type": "must be a path, in quotes",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be {le} or less",
    "too_short": "must hold at least {min_length}",
    "too_long": "must hold at most {max_length}",
    "string_too_short": "must have at least {min_length} letters",
    "string_too_long": "must have at most {max_length} letters",
    "string_pattern_mismatch": "must be of the form {pattern}",
}
"""Type of an error → its words, filled from its context."""


def refusal_words(details: ErrorDetails) -> str:
    """What is wrong with a value, to follow its key; never holds the value itself."""
    words = _WORDS.get(details["type"])
    if words is None:
        return details["msg"].removeprefix("Value error, ")
    return words.format_map({name: _plain(value) for name, value in details.get("ctx", {}).items()})


def _plain(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value
