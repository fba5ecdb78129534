"""The errors for people: the place, one clear sentence, and the next step."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the suite's processes."""

    OK = 0
    """PASS, or WARN without ``--strict``."""
    FAIL = 1
    """FAIL, or WARN under ``--strict``."""
    USAGE = 2
    """A mistake in usage, configuration or environment: the test did not begin."""
    NO_VERDICT = 3
    """The test itself is not valid."""


INTERRUPTED = 130
"""Exit code after Ctrl-C or SIGTERM, as shells have it."""


class LoadTestError(Exception):
    """
    An error that the user can correct.

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
    """An error that leaves a run or a report without a verdict."""

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
