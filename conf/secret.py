"""A secret from the environment: in the variable NAME, or in a file that NAME_FILE names, as is usual for containers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from conf.errors import LoadTestError
from conf.input_file import parse_text, read_file

if TYPE_CHECKING:
    from collections.abc import Mapping

_SUFFIX = "_FILE"
_MOST_BYTES = 10_000


def secret_variable(variable: str, environ: Mapping[str, str]) -> str:
    """The variable that is set: *variable*, or the name with ``_FILE`` where only that is set."""
    named = variable + _SUFFIX
    return named if environ.get(named) and not environ.get(variable) else variable


def read_secret(variable: str, environ: Mapping[str, str]) -> str:
    """
    The secret, without the line end of its file; empty where neither variable is set.

    Raises:
        LoadTestError: Both variables are set; or the file cannot be read, is empty, or is not one line of text.
    """
    named = variable + _SUFFIX
    value, path = environ.get(variable, ""), environ.get(named, "")
    if not path:
        return value
    if value:
        raise LoadTestError(f"{named}: {variable} is set too", f"Unset one of them: unset {variable}")
    try:
        secret = parse_text(read_file(Path(path), _MOST_BYTES)).strip()
    except OSError as error:
        raise LoadTestError(
            f"{named}: {path} cannot be read: {error.strerror}",
            "It must be there, and readable by the user of this process; in a container, by that of the container",
        ) from None
    except ValueError:
        raise LoadTestError(f"{named}: {path} is not text", "It holds the secret alone") from None
    if len(secret.splitlines()) != 1:
        found = "is empty" if not secret else "holds more than one line"
        raise LoadTestError(f"{named}: {path} {found}", "It holds the secret alone, on one line")
    return secret
