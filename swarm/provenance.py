"""Where a run's figures come from: versions, commit, settings without secrets."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conf.settings import Settings

COMMIT_VARIABLE = "LOADTEST_COMMIT"
"""The image's: it has no repository, and says so what it was built of."""
_PACKAGES = ("locust", "gevent", "geventhttpclient", "psycopg2-binary", "hdrhistogram")
_SECRETS: Any = {"session_secret": True, "database": {"url"}}


@cache
def package_versions() -> dict[str, str]:
    """Name → version of what made the figures."""
    return {
        "suite": version("openhouse-loadtest"),
        "python": platform.python_version(),
        **{package: version(package) for package in _PACKAGES},
    }


@cache
def git_commit() -> str | None:
    """The commit of the suite that runs; asked for once."""
    return find_commit(Path(__file__).parent, os.environ)


def find_commit(directory: Path, environ: Mapping[str, str]) -> str | None:
    """
    The commit a directory is checked out at, with ``-dirty`` behind it where files differ.

    Outside a repository, or without Git, it is what the environment names; None where that names nothing.
    """
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"],  # noqa: S607 - git is on the PATH or absent
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return environ.get(COMMIT_VARIABLE) or None
    return described.stdout.strip()


def recorded_settings(settings: Settings) -> dict[str, Any]:
    """The settings as JSON, without what is secret."""
    return settings.model_dump(mode="json", exclude=_SECRETS, exclude_none=True)


def load_digest(settings: Settings) -> str:
    """Equal for settings that make the same load: profile, contract, how requests and searches are sent, and answers read."""
    parts: Any = {
        "profile": ...,
        "contract": ...,
        "answers": ...,
        "database": {"pool_size", "pool_timeout_s", "connect_timeout_s", "statement_timeout_s"},
    }
    parts |= {"target": {"connect_timeout_s", "request_timeout_s"}, "run": {"random_seed"}}
    load = settings.model_dump_json(include=parts) + settings.target.trust.digest
    return sha256(load.encode()).hexdigest()[:16]
