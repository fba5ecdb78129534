from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import jwt
import pytest
import warm_python

from seed.fixture import load_fixture

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of the tests


class Shell:
    """Runs the command in a directory of its own, with an environment that holds nothing of the developer's."""

    def __init__(self, directory: Path, url: str) -> None:
        self.fixture = directory / "data" / "houses.jsonl"
        self.directory = directory
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("LOADTEST_")},
            "SESSION_SECRET": SECRET,
            "DATABASE_URL": url,
            "NO_COLOR": "1",
        }

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return warm_python.run(["loadtest", *arguments], cwd=self.directory, env=self.environ | environ)


@pytest.fixture
def shell(tmp_path: Path, empty_database: str) -> Shell:
    return Shell(tmp_path, empty_database)


def test_seed_then_qrs_then_token_do_what_they_say(shell: Shell) -> None:
    seeded = shell.run("seed", "--houses", "30", "--developments", "2")
    assert (seeded.returncode, seeded.stdout.splitlines()[-1]) == (0, "data/houses.jsonl"), seeded.stderr
    assert "Seeded 30 houses" in seeded.stdout
    assert "documents" in seeded.stderr
    before = load_fixture(shell.fixture)
    assert len(before) == 30

    drawn = shell.run("qrs", "--portal-url", "https://portal.invalid")
    assert (drawn.returncode, drawn.stdout.splitlines()[-1]) == (0, "data/qr/summary.json"), drawn.stderr
    entries = json.loads((shell.directory / "data/qr/summary.json").read_text())
    assert entries[0]["onboarding_url"] == f"https://portal.invalid/onboarding/{before[0].qr_token}"
    assert len(entries) == len(list((shell.directory / "data/qr").glob("*.png"))) == 30

    signed = shell.run("token", SESSION_SECRET=SECRET[::-1])
    assert (signed.returncode, signed.stderr) == (0, "")
    after = load_fixture(shell.fixture)
    assert [house.qr_token for house in after] == [house.qr_token for house in before]
    for house in after:
        assert jwt.decode(house.jwt, SECRET[::-1], algorithms=["HS256"])["house_id"] == house.house_id

    for output in (seeded, drawn, signed):
        for house in after:
            assert house.qr_token not in output.stdout + output.stderr
            assert house.jwt not in output.stdout + output.stderr


def test_token_for_one_house_prints_it_alone_and_writes_nothing(shell: Shell) -> None:
    assert shell.run("seed").returncode == 0
    before = shell.fixture.read_bytes()
    printed = shell.run("token", "--house", "LV-007")
    assert (printed.returncode, printed.stderr) == (0, "")
    claims = jwt.decode(printed.stdout.removesuffix("\n"), SECRET, algorithms=["HS256"])
    assert claims["house_id"] == load_fixture(shell.fixture)[6].house_id
    assert shell.fixture.read_bytes() == before


@pytest.mark.parametrize("command", ["seed", "token"])
def test_without_a_secret_nothing_starts(shell: Shell, command: str) -> None:
    refused = shell.run(command, SESSION_SECRET="")
    assert refused.returncode == 2
    assert refused.stderr.startswith("Error: SESSION_SECRET environment variable is required\n")
    assert not shell.fixture.exists()


def test_without_a_database_seed_says_which_variable_names_it(shell: Shell) -> None:
    refused = shell.run("seed", DATABASE_URL="")
    assert refused.returncode == 2
    assert refused.stderr.startswith("Error: DATABASE_URL environment variable is required\n")


@pytest.mark.parametrize("command", ["qrs", "token"])
def test_without_a_fixture_the_command_that_makes_it_is_named(shell: Shell, command: str) -> None:
    refused = shell.run(command)
    assert refused.returncode == 2
    assert refused.stderr.startswith("Error: data/houses.jsonl: the fixture does not exist\n")
    assert "loadtest seed" in refused.stderr
    assert refused.stdout == ""


def test_a_password_is_not_shown_when_the_database_is_out_of_reach(shell: Shell) -> None:
    refused = shell.run("seed", DATABASE_URL="postgresql://portal:s3cret@127.0.0.1:1/openhouse")
    assert refused.returncode == 2
    assert "cannot be reached: nothing listens there" in refused.stderr
    assert "s3cret" not in refused.stdout + refused.stderr


@pytest.mark.parametrize("command", ["seed", "qrs", "token"])
def test_help_says_what_is_read_and_written_and_what_it_exits_with(shell: Shell, command: str) -> None:
    shown = shell.run(command, "--help").stdout
    for word in ("Reads", "rite", "Exits with 0", "--config"):
        assert word in shown
