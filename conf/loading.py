"""
Loads the settings: once, from files, the environment and the command line, in that order; the later value wins.

All mistakes are reported together, each with its file or variable.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from conf.environment import ENVIRONMENT, SECRETS, split_paths, variable_layer
from conf.errors import SettingsError
from conf.layers import CONF_DIR, Layer, is_text, lookup, merge, nested, plain, read_layer
from conf.mistakes import mistake_sentence, shown_value
from conf.settings import Settings
from conf.threshold_layers import OWN, STREAMED, with_thresholds_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CHOICES = {"profile": ("run.profile", "profiles"), "contract": ("target.contract", "contracts")}

_DRIVERS_OWN = ("PGHOSTADDR", "PGSERVICE")
"""Variables that make libpq connect to another host than the address names."""


def load_settings(
    overrides: Mapping[str, Any] | None = None,
    *,
    config_files: Sequence[Path] = (),
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """
    Read every source of settings and validate the whole.

    Args:
        overrides: Dotted key → value, from the command line; None values are skipped.
        config_files: TOML files laid over ``conf/loadtest.toml``.
        environ: The environment; the process's own by default.

    Raises:
        SettingsError: Any key is unknown, missing or out of bounds, or a file cannot be read.
    """
    environ = os.environ if environ is None else environ
    mistakes: list[str] = []
    extra = split_paths(environ.get("LOADTEST_CONFIG", ""))
    layers = [read_layer(path, mistakes) for path in (CONF_DIR / "loadtest.toml", *extra, *config_files)]
    mistakes += [
        f"{layer.name}: {key}: a secret does not belong in a file; set {variable} in the environment"
        for layer in layers
        for variable, key in ENVIRONMENT.items()
        if key in SECRETS and lookup(layer.values, key) is not None
    ]
    mistakes += [
        f"{variable}: leads to another database than DATABASE_URL names; unset it"
        for variable in _DRIVERS_OWN
        if environ.get(variable)
    ]
    layers += [
        layer
        for variable, key in ENVIRONMENT.items()
        if (layer := variable_layer(variable, key, environ, mistakes)) is not None
    ]
    given = {key: value for key, value in (overrides or {}).items() if value is not None}
    layers += [Layer("command line", nested(key, value)) for key, value in given.items()]
    if mistakes_in_names := [f"{layer.name}: is not UTF-8" for layer in layers if not is_text(layer)]:
        raise SettingsError(mistakes_in_names)

    merged = merge(layers)
    for section, (key, folder) in _CHOICES.items():
        chosen = _chosen_file(section, lookup(merged, key), folder, mistakes)
        if chosen is None:
            continue
        if section == "contract":
            layers = list(with_thresholds_of(chosen, layers))
            chosen = Layer(chosen.name, {key: value for key, value in chosen.values.items() if key != OWN})
        layers.append(Layer(chosen.name, {section: chosen.values}))
    try:
        settings = _validated(merge(layers))
    except ValidationError as error:
        found = error.errors(include_url=False)
        unread: set[tuple[int | str, ...]] = {
            (OWN, *details["loc"][1:]) for details in found if details["loc"][0] == STREAMED
        }  # of streamed answers, reported where they are written
        if mistakes:
            unread |= {(section,) for section in _CHOICES}  # reported where their names were looked up
        mistakes += [mistake_sentence(details, layers) for details in found if details["loc"] not in unread]
    if mistakes:
        raise SettingsError(list(dict.fromkeys(mistakes)))
    return settings


def choice_name(choice: str) -> str:
    """The name of a profile or contract in a record: of the user's own file, only the file's name."""
    return Path(choice).name if _is_path(choice) else choice


def contract_file(choice: str) -> str:
    """The file of a contract, for messages."""
    return choice if _is_path(choice) else f"conf/contracts/{choice}.toml"


def absolute_choice(choice: str) -> str:
    """A profile or contract in a spelling that works in any working directory."""
    return str(Path(choice).resolve()) if _is_path(choice) else choice


def _is_path(choice: str) -> bool:
    """Whether a profile or contract is named by the path of a file, and not by the name of one of the suite."""
    return os.sep in choice or choice.endswith(".toml")


def _validated(values: dict[str, Any]) -> Settings:
    """
    Validate the settings, as JSON.

    A strict reader of JSON accepts neither a text as a number nor a boolean as 1, but it accepts a list as a tuple.

    Raises:
        ValidationError: A value is not allowed.
    """
    return Settings.model_validate_json(json.dumps(values, default=plain), strict=True)


def _chosen_file(section: str, choice: object, folder: str, mistakes: list[str]) -> Layer | None:
    """A profile or contract, the suite's or the user's own; where there is no such file, None, and a mistake is noted."""
    key, known = _CHOICES[section][0], sorted(path.stem for path in (CONF_DIR / folder).glob("*.toml"))
    if choice in known:
        return _on_its_base(read_layer(CONF_DIR / folder / f"{choice}.toml", mistakes), folder, mistakes)
    if isinstance(choice, str) and _is_path(choice):
        before = len(mistakes)
        layer = _on_its_base(read_layer(Path(choice), mistakes, key), folder, mistakes)
        return layer if len(mistakes) == before else None
    mistakes.append(
        f"{key}: {shown_value(choice)} is not a {section}; allowed: {', '.join(known)}, or the path of a TOML file"
    )
    return None


def _on_its_base(layer: Layer, folder: str, mistakes: list[str]) -> Layer:
    """A file with all tables that it does not hold itself of the suite's file that it is ``based_on``."""
    base = layer.values.get("based_on")
    if base is None:
        return layer
    whole = [
        path.stem for path in sorted((CONF_DIR / folder).glob("*.toml")) if path.stem != Path(layer.name).stem
    ]
    if base not in whole:
        mistakes.append(
            f"{layer.name}: based_on: {shown_value(base)} is none of the suite's {folder}; allowed: {', '.join(whole)}"
        )
        return layer
    below = _on_its_base(read_layer(CONF_DIR / folder / f"{base}.toml", mistakes), folder, mistakes)
    whole_layer = below.values | layer.values
    if folder != "contracts":  # of a contract it is kept: the reference portal speaks what it is based on
        del whole_layer["based_on"]
    return Layer(layer.name, whole_layer)
