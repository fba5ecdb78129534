"""What produced a run's figures: versions, commit, settings without secrets."""

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
"""Set in the image, which has no repository: the commit that the image was built from."""
_PACKAGES = ("locust", "gevent", "geventhttpclient", "psycopg2-binary", "hdrhistogram")
_SECRETS: Any = {"session_secret": True, "database": {"url"}}


@cache
def package_versions() -> dict[str, str]:
    """Name → version of the software that made the figures."""
    return {
        "suite": version("openhouse-loadtest"),
        "python": platform.python_version(),
        **{package: version(package) for package in _PACKAGES},
    }


@cache
def git_commit() -> str | None:
    """The commit of the running suite; Git is asked once."""
    return find_commit(Path(__file__).parent, os.environ)


def find_commit(directory: Path, environ: Mapping[str, str]) -> str | None:
    """
    The commit that a directory is checked out at, followed by ``-dirty`` where files differ from it.

    Outside a repository, or without Git, the commit that the environment names; None where it names none.
    """
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"],  # noqa: S607 - git is found on the PATH, or absent
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
    """The settings as JSON, without secrets."""
    return settings.model_dump(mode="json", exclude=_SECRETS, exclude_none=True)


def load_digest(settings: Settings) -> str:
    """A digest of all settings that shape the load: profile, contract, and how requests, searches and answers are handled."""
    parts: Any = {
        "profile": ...,
        "contract": ...,
        "answers": ...,
        "database": {"pool_size", "pool_timeout_s", "connect_timeout_s", "statement_timeout_s"},
    }
    parts |= {"target": {"connect_timeout_s", "request_timeout_s"}, "run": {"random_seed"}}
    load = settings.model_dump_json(include=parts) + settings.target.trust.digest
    return sha256(load.encode()).hexdigest()[:16]
