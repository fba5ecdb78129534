"""A mistake in the settings as a sentence: its place, what is wrong, and what was probably meant."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, get_args

from conf.environment import ENVIRONMENT, SECRETS
from conf.input_file import shortened
from conf.refusal_words import refusal_words
from conf.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic_core import ErrorDetails

    from conf.layers import Layer

_RENAMED = {"source_development": 'source_own = { … = "development_id" }'}
"""Key of earlier settings, and what stands in its place."""
_FILES = frozenset({"contract", "profile"})
"""Sections that are one file each, which is then the place of what is missing in it."""
_SECRET_NAMES = {key.rpartition(".")[2] for key in SECRETS}


def shown_value(value: object) -> str:
    """A value in TOML's spelling, shortened."""
    return shortened(str(value).lower() if isinstance(value, bool) else repr(value))


def mistake_sentence(details: ErrorDetails, layers: Sequence[Layer]) -> str:
    """``file: key: what is wrong``, with the nearest known key for a misspelt one."""
    location = [part for part in details["loc"] if part != "[key]"]
    key = shortened(".".join(str(part) for part in location))
    held = location[:1] if details["type"] == "missing" and location[0] in _FILES else location
    source = next((layer.name for layer in reversed(layers) if _holds(layer.values, held)), "settings")
    place = source if source.removesuffix("_FILE") in ENVIRONMENT else f"{source}: {key}"
    words = refusal_words(details)
    match details["type"]:
        case "extra_forbidden":
            if location[-1] in _RENAMED:
                return f"{place}: is now {_RENAMED[str(location[-1])]}"
            return f"{place}: {words}" + _nearest(str(location[-1]), _known_keys(location[:-1]))
        case "missing" | "value_error":
            return f"{place}: {words}"
    shown = isinstance(details["input"], (str, int, float)) and _SECRET_NAMES.isdisjoint(location)
    return f"{place}: {words}" + (f" (given: {shown_value(details['input'])})" if shown else "")


def _holds(values: Any, location: Sequence[int | str]) -> bool:
    """Whether a layer sets *location*, or its innermost part that a layer can set."""
    for part in location:
        if not isinstance(values, dict):
            return isinstance(values, list)
        if part not in values:
            return False
        values = values[part]
    return True


def _known_keys(location: Sequence[int | str]) -> list[str]:
    """The keys that are allowed in the place of a misspelt one."""
    model: Any = Settings
    for part in location:
        if not hasattr(model, "model_fields"):  # a mapping or a list: take the type of its values
            model = next((held for held in reversed(get_args(model)) if held is not Ellipsis), None)
        elif part in model.model_fields:
            model = _present(model.model_fields[part].annotation)
        else:
            return []
    return sorted(getattr(model, "model_fields", {}))


def _present(annotation: Any) -> Any:
    """The type of a value that may be missing."""
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    return kinds[0] if len(kinds) == 1 and type(None) in get_args(annotation) else annotation


def _nearest(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; allowed: {', '.join(known)}" if known else ""
