"""One browser for all pages that the tests of this process look at."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

BROWSING = Path(__file__).with_name("browsing.py")


class Browse(Protocol):
    """Looks at a page: takes the words of `browsing`, and returns what it saw."""

    def __call__(self, url: str, *words: str) -> Any: ...


@pytest.fixture(scope="session")
def browse() -> Iterator[Browse]:
    """Yield the browser. Each page has its own cookies and storage, and after a failure a new browser starts."""
    running: list[subprocess.Popen[str]] = []

    def look(url: str, *words: str) -> Any:
        if not running or running[-1].poll() is not None:
            command = [sys.executable, str(BROWSING), "--each"]
            running.append(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
        process = running[-1]
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([url, *words]) + "\n")
        process.stdin.flush()
        seen = process.stdout.readline()
        if not seen:
            process.wait()
        assert seen, "the browser broke off; what it said is above"
        return json.loads(seen)

    yield look
    for process in running:
        process.communicate()
