"""Settings as they stand in one source: a file, a variable, the command line. A later layer lies over those before it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from conf.input_file import parse_toml, read_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONF_DIR = Path(__file__).parent
"""Where the suite's own settings, profiles, contracts and baselines are."""


class Layer(NamedTuple):
    """One source of settings and the name people know it by."""

    name: str
    values: dict[str, Any]


def read_layer(path: Path, mistakes: list[str], named_by: str = "") -> Layer:
    """What a file says; nothing, and a mistake noted, where it cannot be read. *named_by*: the key that led there."""
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
    """What a source says that gives one dotted key: ``run.profile`` → ``{"run": {"profile": value}}``."""
    for part in reversed(key.split(".")):
        value = {part: value}
    assert isinstance(value, dict)
    return value


def merge(layers: Sequence[Layer]) -> dict[str, Any]:
    """All layers, one over the other; tables are merged key by key."""
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
    """Paths are text. Dates are in TOML and in no setting: an object, which no setting is either."""
    return str(value) if isinstance(value, Path) else {type(value).__name__: str(value)}


def is_text(layer: Layer) -> bool:
    """Whether UTF-8 can hold what is given; bytes of another encoding come in through the environment."""
    try:
        json.dumps(layer.values, default=plain, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
