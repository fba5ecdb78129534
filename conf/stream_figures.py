"""What is measured of a streamed answer, besides how it ended."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

READING_WORDS_PER_S = 4.0
"""As fast as adults read."""


class Moment(StrEnum):
    """
    A span of time of a streamed answer, of which a criterion may demand something. A row: its name, and its label.

    All but the gap begin when the request is sent, and end with the read that brought the bytes.
    """

    HEADERS = "headers", "Headers"
    """The answer's status and headers are there: no homeowner sees anything yet."""
    FIRST_EVENT = "first_event", "First event"
    """The first event, of whatever kind."""
    FIRST_SOURCE = "first_source", "First source"
    """The first document that the answer rests on."""
    FIRST_CONTENT = "first_content", "First text"
    """The first text that a homeowner can read."""
    LAST_CONTENT = "last_content", "Last text"
    DONE = "done", "Done"
    """The event that ends the answer; not the end of the connection."""
    LARGEST_GAP = "largest_gap", "Largest gap"
    """The longest time between two texts of one answer."""

    label: str

    def __new__(cls, value: str, *row: Any) -> Self:
        """A member for a row."""
        member = str.__new__(cls, value)
        member._value_ = value
        (member.label,) = row
        return member


class Quantity(StrEnum):
    """Another figure of each streamed answer; those in pieces are numbers, the others are spans of time."""

    GAP = "gap"
    """Each time between two texts."""
    STALLED = "stalled"
    """What an answer's gaps had too long, beyond `STALL_S` each, together; left out where there is none."""
    WAITED = "waited"
    """What a homeowner who reads had to wait for text after the first, together."""
    CONTENTS = "contents"
    """Events with text."""
    CHARACTERS = "characters"
    WORDS = "words"
    HEARTBEATS = "heartbeats"
    """Comments; left out where there are none."""
    TOKENS = "tokens"
    """As the portal counts them; left out where it does not."""
    GOOD = "good"
    """1 for an answer that keeps all limits of a ``goodput_ratio``, 2 for one that does not."""
    FAKE = "fake"
    """Answers whose text came as a whole, or nearly; left out for the others."""


STALL_S = 1.0
