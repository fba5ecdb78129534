"""A user class that says aloud what it knows: nothing that Locust or the suite writes down repeats it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from command_process import LOCUSTFILES, Commands

from seed.fixture import load_fixture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtest.embedded import Stack

PASSWORD = "hush+hush/of the=web"  # noqa: S105 - of the tests
TALKATIVE = r"""
import os, sys
from urllib.parse import quote
from locust import task

import chat
from conf.operations import Journey

SECRETS = [os.environ["SESSION_SECRET"], os.environ["LOADTEST_WEB_PASSWORD"], quote(os.environ["LOADTEST_WEB_PASSWORD"], safe="")]


class Talkative(chat.HomeownerChatUser):
    journey = Journey.CHAT

    @task(3)
    def talk(self):
        token = os.environ["A_JWT"]
        broken = token[:40] + "\n" + token[40:]
        steer = "\x1b[2J\x1b]0;owned\x07\u202e"
        words = " | ".join([*SECRETS, token, broken, os.environ["A_QR_TOKEN"], steer])
        self.environment.events.request.fire(
            request_type="GET", name="talk", response_time=1, response_length=0, context={}, exception=OSError(words)
        )
        print(words, file=sys.stderr)
        raise KeyError(words)
"""


@pytest.fixture
def commands(stack: Stack, tmp_path: Path) -> Iterator[Commands]:
    house = load_fixture(Path(stack.environ["LOADTEST_FIXTURE"]))[0]
    directory = tmp_path / "here"
    directory.mkdir()
    (directory / "talkative.py").write_text(TALKATIVE)
    environ = {
        **stack.environ,
        "LOADTEST_PROFILE": "smoke",
        "PYTHONDONTWRITEBYTECODE": "1",  # compiled, the locustfile of the test holds what it does
        "LOADTEST_WEB_PASSWORD": PASSWORD,
        "A_JWT": house.jwt,
        "A_QR_TOKEN": house.qr_token,
        "PYTHONPATH": str(LOCUSTFILES),
    }
    secrets = [
        PASSWORD,
        quote(PASSWORD, safe=""),
        stack.environ["SESSION_SECRET"],
        house.qr_token,
        *parts(house.jwt),
    ]
    commands = Commands(directory, environ, secrets)
    yield commands
    commands.kill_all()


def parts(jwt: str) -> list[str]:
    """Pieces of a JWT that stand for it, wherever it was broken."""
    return [jwt[start : start + 16] for start in range(48, len(jwt) - 16, 16)]


@pytest.mark.parametrize("spread", [(), ("--processes", "2")], ids=["local", "two processes"])
def test_no_file_and_no_line_of_a_run_holds_a_secret_or_steers_a_terminal(
    commands: Commands, spread: tuple[str, ...]
) -> None:
    process = commands.start(
        "locust", "-f", "talkative.py", "--headless", "-u", "2", "-r", "2", "-t", "4s", *spread,
        "--csv", "own", "--csv-full-history", "--html", "own.html", "--logfile", "own.log", "--json-file", "own",
    )  # fmt: skip
    out, err = process.communicate(timeout=300)
    written = {str(path): path.read_text() for path in commands.directory.rglob("*") if path.is_file()}
    del written[str(commands.directory / "talkative.py")]
    assert any("exceptions.csv" in name for name in written), err
    assert "KeyError" in written[str(commands.directory / "own_exceptions.csv")]
    assert "KeyError" in written[str(commands.directory / "own.log")]
    assert "talk" in written[str(commands.directory / "own_failures.csv")]
    for name, text in {**written, "stdout": out, "stderr": err}.items():
        decoded = re.sub(r"\\u001b", "\x1b", text)
        assert not [secret for secret in commands.secrets if secret in decoded], name
        assert "\x1b" not in decoded, name
        assert "\u202e" not in decoded, name
    verdict = next(path for path in commands.directory.glob("runs/*/verdict.json"))
    assert json.loads(verdict.read_text())["state"]
