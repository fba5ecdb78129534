"""The words for journeys on the command line."""

from __future__ import annotations

import typer

from conf.operations import ALL, Journey

JOURNEY_WORDS = (*Journey, ALL)


def known_word(word: str) -> str:
    """*word*, where it names a journey or all of them; for Typer."""
    if word not in JOURNEY_WORDS:
        known = ", ".join(map(repr, map(str, JOURNEY_WORDS)))
        raise typer.BadParameter(f"{word!r} is not one of {known}.")
    return word


def known_words(words: list[str] | None) -> list[str]:
    """The same for any number of words."""
    return [known_word(word) for word in words or ()]
