"""Which commit a run names: that of the checkout it runs from, or the one its image says it was built of."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from patience import TIMEOUT_S

from swarm.provenance import COMMIT_VARIABLE, find_commit

if TYPE_CHECKING:
    from pathlib import Path

NAMED = {COMMIT_VARIABLE: "0a1b2c3"}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit."""
    (tmp_path / "file").write_text("as committed")
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.invalid"]
    for words in (["init", "--quiet"], ["add", "file"], [*identity, "commit", "--quiet", "--message", "one"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True, timeout=TIMEOUT_S)
    return tmp_path


def test_a_checkout_is_asked_before_the_environment_and_says_where_files_differ(repository: Path) -> None:
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT_S,
    ).stdout.strip()
    assert find_commit(repository, NAMED) == head
    (repository / "file").write_text("and changed")
    assert find_commit(repository, NAMED) == f"{head}-dirty"


@pytest.mark.parametrize(
    ("environ", "commit"), [(NAMED, "0a1b2c3"), ({COMMIT_VARIABLE: ""}, None), ({}, None)]
)
def test_outside_a_checkout_the_environment_names_the_commit_and_an_empty_name_is_none(
    environ: dict[str, str], commit: str | None, tmp_path: Path
) -> None:
    assert find_commit(tmp_path, environ) == commit
