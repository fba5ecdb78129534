"""Layers of settings: each is one source, a file, a variable or the command line. A later layer overrides earlier ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from conf.input_file import parse_toml, read_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONF_DIR = Path(__file__).parent
"""Directory of the suite's own settings, profiles, contracts and baselines."""


MOMENT = "\0moment"
"""Key of such an object, which no file can hold."""


class Layer(NamedTuple):
    """One source of settings, with its name for people."""

    name: str
    values: dict[str, Any]


def read_layer(path: Path, mistakes: list[str], named_by: str = "") -> Layer:
    """The settings of a file; where it cannot be read, none, and a mistake is noted. *named_by*: the key that names it."""
    name = _display(path)
    place = f"{named_by}: {name}" if named_by else name
    try:
        return Layer(name, parse_toml(read_file(path)))
    except OSError as error:
        mistakes.append(f"{place}: cannot be read: {error.strerror}")
    except ValueError as error:
        mistakes.append(f"{place}: is not valid TOML: {error}")
    return Layer(name, {})


def _display(path: Path) -> str:
    return f"conf/{path.relative_to(CONF_DIR)}" if path.is_relative_to(CONF_DIR) else str(path)


def nested(key: str, value: object) -> dict[str, Any]:
    """The table of one dotted key: ``run.profile`` → ``{"run": {"profile": value}}``."""
    for part in reversed(key.split(".")):
        value = {part: value}
    assert isinstance(value, dict)
    return value


def merge(layers: Sequence[Layer]) -> dict[str, Any]:
    """The settings of all layers; tables are merged key by key."""
    merged: dict[str, Any] = {}
    for layer in layers:
        _lay_over(merged, layer.values)
    return merged


def _lay_over(base: dict[str, Any], upper: Mapping[str, Any]) -> None:
    for key, value in upper.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            base[key] = dict(base[key])
            _lay_over(base[key], value)
        else:
            base[key] = value


def lookup(values: Mapping[str, Any], key: str) -> object:
    """The value of a dotted key; None where it is not given."""
    found: Any = values
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def plain(value: object) -> object:
    """A value for JSON: a path becomes text; a date or time of TOML becomes an object, which no setting accepts."""
    return str(value) if isinstance(value, Path) else {MOMENT: str(value)}


def is_text(layer: Layer) -> bool:
    """Whether all values are UTF-8; the environment may hold bytes of another encoding."""
    try:
        json.dumps(layer.values, default=plain, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
