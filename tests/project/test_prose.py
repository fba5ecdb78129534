"""Docstrings, comments and pages name their subject."""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
ROOMS = (
    "benchmarks",
    "conf",
    "loadtest",
    "locustfiles",
    "monitoring",
    "portal",
    "reports",
    "seed",
    "swarm",
    "tests/support",
)
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])
VAGUE = re.compile(r"\b(?:some|no|any|every)body\b|\bwhoever\b", re.IGNORECASE)
KEPT = (
    "if whoever runs the target agrees",
    "nobody would make the load",
    "with somebody else's data",
    "install -d -o nobody",
)
"""Three messages to users, and a user of the operating system."""


def prose(source: str) -> Iterator[str]:
    """Comments and texts of a module."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in {tokenize.COMMENT, tokenize.STRING}:
            yield token.string


def is_vague(text: str) -> bool:
    """Whether a text leaves open who acts, apart from the words that are kept."""
    for kept in KEPT:
        text = text.replace(kept, "")
    return VAGUE.search(text) is not None


@pytest.mark.parametrize("room", ROOMS)
def test_no_text_of_a_room_leaves_open_who_acts(room: str) -> None:
    texts = [
        (str(path.relative_to(ROOT)), text)
        for path in (ROOT / room).rglob("*.py")
        for text in prose(path.read_text(encoding="utf-8"))
    ]
    assert texts
    assert [(path, text) for path, text in texts if is_vague(text)] == []


@pytest.mark.parametrize("kept", KEPT)
def test_words_that_are_kept_are_still_there(kept: str) -> None:
    assert VAGUE.search(kept)
    assert any(
        kept in path.read_text(encoding="utf-8") for room in ROOMS for path in (ROOT / room).rglob("*.py")
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_leaves_open_who_acts(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if VAGUE.search(line)] == []


def test_a_vague_subject_is_found_in_docstrings_and_comments() -> None:
    source = '"""Whoever asks."""\nx = 1  # nobody waits\nnobody = "an answer"\n'
    assert [text for text in prose(source) if is_vague(text)] == ['"""Whoever asks."""', "# nobody waits"]
