"""What homeowners ask: the sample questions of the chat and search journeys."""

from __future__ import annotations

from pathlib import Path

_FILE = Path(__file__).parent / "questions.txt"


def sample_questions() -> list[str]:
    """About thirty questions, one per line of ``questions.txt``; the seeded documents answer them."""
    return [line for line in _FILE.read_text(encoding="utf-8").splitlines() if line.strip()]
