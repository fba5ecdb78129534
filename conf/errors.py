"""The errors people read: one clear sentence, the place, and the next step."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a process of this suite exits with."""

    OK = 0
    """PASS, or WARN without ``--strict``."""
    FAIL = 1
    """FAIL, or WARN under ``--strict``."""
    USAGE = 2
    """Usage, configuration or environment: the run never became a test."""
    NO_VERDICT = 3
    """The test itself is not valid."""


INTERRUPTED = 130
"""By Ctrl-C or SIGTERM, as a shell spells it."""


class LoadTestError(Exception):
    """
    Something the person at the keyboard can put right.

    Args:
        message: One sentence; begins with the place (file, key, address) where there is one.
        next_step: What to do about it, as a command where one exists.
    """

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"Error: {self.message}" + (f"\n  {self.next_step}" if self.next_step else "")


class NoVerdictError(LoadTestError):
    """A run or a report was at stake, and broke."""

    exit_code = ExitCode.NO_VERDICT


class SettingsError(LoadTestError):
    """
    Every mistake in the settings, reported together.

    Args:
        mistakes: One ``place: what is wrong and what is allowed`` for each.
    """

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        super().__init__(
            "\nError: ".join(mistakes),
            "Nothing was sent. Correct the settings above; docs/settings.md lists what each key allows.",
        )
