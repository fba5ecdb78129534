"""Settings from the environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from conf.errors import LoadTestError
from conf.layers import Layer, nested
from conf.secret import read_secret, secret_variable
from conf.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

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
Environment variable → the key it sets. LOADTEST_CONFIG names further TOML files (`split_paths`). The name of a secret's
variable with ``_FILE`` at its end names a file with the secret.
"""
SECRETS = {"session_secret", "database.url"}
_LISTS = {"target.allowed_hosts", "monitoring.trace_hosts", "web.addresses"}
"""Keys with a list, which the environment separates with commas."""


def variable_layer(variable: str, key: str, environ: Mapping[str, str], mistakes: list[str]) -> Layer | None:
    """The setting of a variable; None where it is empty, or where a mistake about a secret's file was noted."""
    if key not in SECRETS:
        value = environ.get(variable, "")
        parts = [part.strip() for part in value.split(",") if part.strip()]
        found = parts if key in _LISTS else _typed(key, value)
        return Layer(variable, nested(key, found)) if value else None
    try:
        secret = read_secret(variable, environ)
    except LoadTestError as error:
        mistakes.append(error.message)
        return None
    return Layer(secret_variable(variable, environ), nested(key, secret)) if secret else None


def _typed(key: str, text: str) -> object:
    """A variable's text as the number or boolean that its key needs; any other text stays, and validation refuses it."""
    model: Any = Settings
    for part in key.split("."):
        model = model.model_fields[part].annotation
    try:
        return TypeAdapter(model).validate_python(text)
    except ValidationError:
        return text


def split_paths(text: str) -> list[Path]:
    """
    Paths separated by ``:``, as LOADTEST_CONFIG names them.

    An existing file with a ``:`` in its name is one path; the longest such name wins.
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
