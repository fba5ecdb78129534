from __future__ import annotations

import subprocess
import sys

import pytest
from patience import TIMEOUT_S
from typer.main import get_command

from loadtest.app import COMMANDS, app

HELP = """
import sys
from loadtest.main import run_command
sys.argv = ["loadtest", "--help"]
assert run_command(["--help"]) == 0
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""
SLOW = {
    "numpy",
    "pandas",
    "scipy",
    "pydantic",
    "psycopg2",
    "jwt",
    "locust",
    "gevent",
    "fastapi",
    "jinja2",
    "seed",
    "reports",
}


def test_help_waits_for_no_library() -> None:
    """What is imported is counted, not seconds: they are the machine's."""
    done = subprocess.run(
        [sys.executable, "-c", HELP], capture_output=True, text=True, check=True, timeout=TIMEOUT_S
    )
    *_, imported = done.stdout.splitlines()
    assert {"typer", "loadtest"} <= {*imported.split()}
    assert SLOW & {*imported.split()} == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_all_says_of_each_command_what_its_own_help_begins_with(name: str) -> None:
    assert get_command(app).commands[name].get_short_help_str(1000) == COMMANDS[name]  # type: ignore[attr-defined]
