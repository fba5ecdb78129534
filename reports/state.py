"""How a criterion, or a whole run, is judged."""

from __future__ import annotations

from enum import IntEnum


class State(IntEnum):
    """How a finding, or a whole run, is judged; the larger value is the worse."""

    PASS = 0
    WARN = 1
    FAIL = 2
    NO_VERDICT = 3

    @property
    def word(self) -> str:
        """The state as people read it."""
        return self.name.replace("_", " ")

    @property
    def shape(self) -> str:
        """A shape that distinguishes the states without colour."""
        return "●▲■◇"[self]
