"""How a criterion, or a whole run, is judged."""

from __future__ import annotations

from enum import IntEnum


class State(IntEnum):
    """How a finding, or a whole run, is judged; the larger is the worse."""

    PASS = 0
    WARN = 1
    FAIL = 2
    NO_VERDICT = 3

    @property
    def word(self) -> str:
        """As people read it."""
        return self.name.replace("_", " ")

    @property
    def shape(self) -> str:
        """What tells the states apart without colour."""
        return "●▲■◇"[self]
