"""
Settings are read once, from files, the environment and the command line, in that order; later wins.

All mistakes are reported together, each with the file (or variable) it came from.
"""

from __future__ import annotations

import difflib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from pydantic import TypeAdapter, ValidationError

from conf.errors import LoadTestError, SettingsError
from conf.input_file import parse_toml, read_file, shortened
from conf.secret import read_secret, secret_variable
from conf.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic_core import ErrorDetails

CONF_DIR = Path(__file__).parent

ENVIRONMENT = {
    "SESSION_SECRET": "session_secret",
    "DATABASE_URL": "database.url",
    "LOADTEST_TARGET": "target.base_url",
    "LOADTEST_ALLOWED_HOSTS": "target.allowed_hosts",
    "LOADTEST_TARGET_PID": "target.pid",
    "LOADTEST_TARGET_EMBEDDED": "target.embedded",
    "LOADTEST_METRICS_URL": "target.metrics_url",
    "LOADTEST_PROFILE": "run.profile",
    "LOADTEST_CONTRACT": "target.contract",
    "LOADTEST_FIXTURE": "seed.fixture",
    "LOADTEST_OUTPUT_DIR": "run.output_dir",
    "LOADTEST_STRICT": "run.strict",
    "LOADTEST_BASELINE": "run.baseline",
    "LOADTEST_LOG_DIR": "monitoring.log_dir",
    "LOADTEST_METRICS_PORT": "monitoring.metrics_port",
    "LOADTEST_METRICS_HOST": "monitoring.metrics_host",
    "LOADTEST_TRACE_HOSTS": "monitoring.trace_hosts",
    "LOADTEST_WEB_ADDRESSES": "web.addresses",
}
"""
Environment variable → the key it sets. LOADTEST_CONFIG names further TOML files (`split_paths`); behind the name of a
secret, ``_FILE`` names the file that holds it.
"""

_CHOICES = {"profile": ("run.profile", "profiles"), "contract": ("target.contract", "contracts")}

_SECRETS = {"session_secret", "database.url"}
_LISTS = {"target.allowed_hosts", "monitoring.trace_hosts", "web.addresses"}
"""Written with commas in the environment."""
_SECRET_NAMES = {key.rpartition(".")[2] for key in _SECRETS}


_DRIVERS_OWN = ("PGHOSTADDR", "PGSERVICE")
"""Variables by which libpq connects to another host than the address names."""


class _Layer(NamedTuple):
    """One source of settings and the name people know it by."""

    name: str
    values: dict[str, Any]


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
    layers = [_read_layer(path, mistakes) for path in (CONF_DIR / "loadtest.toml", *extra, *config_files)]
    mistakes += [
        f"{layer.name}: {key}: a secret does not belong in a file; set {variable} in the environment"
        for layer in layers
        for variable, key in ENVIRONMENT.items()
        if key in _SECRETS and _lookup(layer.values, key) is not None
    ]
    mistakes += [
        f"{variable}: leads to another database than DATABASE_URL names; unset it"
        for variable in _DRIVERS_OWN
        if environ.get(variable)
    ]
    layers += [
        layer
        for variable, key in ENVIRONMENT.items()
        if (layer := _variable_layer(variable, key, environ, mistakes)) is not None
    ]
    given = {key: value for key, value in (overrides or {}).items() if value is not None}
    layers += [_Layer("command line", _nested(key, value)) for key, value in given.items()]
    if mistakes_in_names := [f"{layer.name}: is not UTF-8" for layer in layers if not _is_text(layer)]:
        raise SettingsError(mistakes_in_names)

    merged = _merge(layers)
    for section, (key, folder) in _CHOICES.items():
        chosen = _chosen_file(section, _lookup(merged, key), folder, mistakes)
        if chosen is not None:
            layers.append(_Layer(chosen.name, {section: chosen.values}))
    try:
        settings = _validated(_merge(layers))
    except ValidationError as error:
        unread = (
            {(section,) for section in _CHOICES} if mistakes else set()
        )  # reported where its name was looked up
        mistakes += [_sentence(d, layers) for d in error.errors(include_url=False) if d["loc"] not in unread]
    if mistakes:
        raise SettingsError(list(dict.fromkeys(mistakes)))
    return settings


def choice_name(choice: str) -> str:
    """What a profile or contract is called in a record: a file of one's own by its name, wherever it lies."""
    return Path(choice).name if _is_path(choice) else choice


def absolute_choice(choice: str) -> str:
    """A profile or contract as it is found from any working directory."""
    return str(Path(choice).resolve()) if _is_path(choice) else choice


def _is_path(choice: str) -> bool:
    """Whether a profile or contract is named by the path of a file, and not as one that comes with the suite."""
    return os.sep in choice or choice.endswith(".toml")


def _read_layer(path: Path, mistakes: list[str], named_by: str = "") -> _Layer:
    """What a file says; nothing, and a mistake noted, where it cannot be read. *named_by*: the key that led there."""
    name = _display(path)
    place = f"{named_by}: {name}" if named_by else name
    try:
        return _Layer(name, parse_toml(read_file(path)))
    except OSError as error:
        mistakes.append(f"{place}: cannot be read: {error.strerror}")
    except ValueError as error:
        mistakes.append(f"{place}: is not valid TOML: {error}")
    return _Layer(name, {})


def _variable_layer(
    variable: str, key: str, environ: Mapping[str, str], mistakes: list[str]
) -> _Layer | None:
    """What a variable says; None where it is empty, and where a mistake was noted about the file of a secret."""
    if key not in _SECRETS:
        value = environ.get(variable, "")
        parts = [part.strip() for part in value.split(",") if part.strip()]
        found = parts if key in _LISTS else _typed(key, value)
        return _Layer(variable, _nested(key, found)) if value else None
    try:
        secret = read_secret(variable, environ)
    except LoadTestError as error:
        mistakes.append(error.message)
        return None
    return _Layer(secret_variable(variable, environ), _nested(key, secret)) if secret else None


def _typed(key: str, text: str) -> object:
    """A variable is text; where its key is a number or a switch, what it says. Anything else is refused by its key."""
    model: Any = Settings
    for part in key.split("."):
        model = model.model_fields[part].annotation
    try:
        return TypeAdapter(model).validate_python(text)
    except ValidationError:
        return text


def _validated(values: dict[str, Any]) -> Settings:
    """
    As JSON, of which a strict reader takes no text for a number and no switch for a 1, and still a list for a tuple.

    Raises:
        ValidationError: Anything is not as it should be.
    """
    return Settings.model_validate_json(json.dumps(values, default=_plain), strict=True)


def _plain(value: object) -> object:
    """Paths are text. Dates are in TOML and in no setting: an object, which no setting is either."""
    return str(value) if isinstance(value, Path) else {type(value).__name__: str(value)}


def _is_text(layer: _Layer) -> bool:
    """Whether UTF-8 can hold what is given; bytes of another encoding come in through the environment."""
    try:
        json.dumps(layer.values, default=_plain, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def split_paths(text: str) -> list[Path]:
    """
    Paths separated by ``:``, as LOADTEST_CONFIG names them.

    A file that is there and has a ``:`` in its name is one path, the longest such name wins.
    """
    parts, paths = [part for part in text.split(os.pathsep) if part], []
    while parts:
        taken = next(
            (
                count
                for count in range(len(parts), 1, -1)
                if os.path.isfile(os.pathsep.join(parts[:count]))  # noqa: PTH113 - never raises
            ),
            1,
        )
        paths.append(Path(os.pathsep.join(parts[:taken])))
        parts = parts[taken:]
    return paths


def _chosen_file(section: str, choice: object, folder: str, mistakes: list[str]) -> _Layer | None:
    """The profile or contract, the suite's or one's own; None, and a mistake noted, where there is no such file."""
    key, known = _CHOICES[section][0], sorted(path.stem for path in (CONF_DIR / folder).glob("*.toml"))
    if choice in known:
        return _read_layer(CONF_DIR / folder / f"{choice}.toml", mistakes)
    if isinstance(choice, str) and _is_path(choice):
        before = len(mistakes)
        layer = _read_layer(Path(choice), mistakes, key)
        return layer if len(mistakes) == before else None
    mistakes.append(
        f"{key}: {_short(choice)} is not a {section}; allowed: {', '.join(known)}, or the path of a TOML file"
    )
    return None


def _display(path: Path) -> str:
    return f"conf/{path.relative_to(CONF_DIR)}" if path.is_relative_to(CONF_DIR) else str(path)


def _nested(key: str, value: object) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    assert isinstance(value, dict)
    return value


def _merge(layers: Sequence[_Layer]) -> dict[str, Any]:
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


def _lookup(values: Mapping[str, Any], key: str) -> object:
    found: Any = values
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _sentence(details: ErrorDetails, layers: Sequence[_Layer]) -> str:
    """``file: key: what is wrong``, with the nearest known key for a misspelt one."""
    location = [part for part in details["loc"] if part != "[key]"]
    key = shortened(".".join(str(part) for part in location))
    source = next((layer.name for layer in reversed(layers) if _holds(layer.values, location)), "settings")
    place = source if source.removesuffix("_FILE") in ENVIRONMENT else f"{source}: {key}"
    match details["type"]:
        case "extra_forbidden":
            return f"{place}: is not a known key" + _nearest(str(location[-1]), _known_keys(location[:-1]))
        case "missing":
            return f"{place}: is required"
        case "value_error":
            return f"{place}: {details['msg'].removeprefix('Value error, ')}"
    shown = isinstance(details["input"], (str, int, float)) and _SECRET_NAMES.isdisjoint(location)
    return f"{place}: {details['msg']}" + (f" (given: {_short(details['input'])})" if shown else "")


def _short(value: object) -> str:
    return shortened(str(value).lower() if isinstance(value, bool) else repr(value))


def _holds(values: Any, location: Sequence[int | str]) -> bool:
    """Whether a layer sets *location*, or the innermost part of it that any layer could."""
    for part in location:
        if not isinstance(values, dict):
            return isinstance(values, list)
        if part not in values:
            return False
        values = values[part]
    return True


def _known_keys(location: Sequence[int | str]) -> list[str]:
    """The keys allowed beside a misspelt one."""
    model: Any = Settings
    for part in location:
        if not hasattr(model, "model_fields"):  # a mapping or a list: go on with what it holds
            model = next((held for held in reversed(get_args(model)) if held is not Ellipsis), None)
        elif part in model.model_fields:
            model = model.model_fields[part].annotation
        else:
            return []
    return sorted(getattr(model, "model_fields", {}))


def _nearest(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; allowed: {', '.join(known)}" if known else ""
