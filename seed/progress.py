"""Progress of a long step: the library reports it, and the caller shows it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called as ``progress(step, done, total)``."""


def ignore_progress(step: str, done: int, total: int) -> None:
    """Show nothing."""


def counter(progress: Progress, step: str, total: int) -> Callable[[], None]:
    """Report the beginning of *step*; each call of the result reports one more of *total* done."""
    done = 0
    progress(step, 0, total)

    def advance() -> None:
        nonlocal done
        done += 1
        progress(step, done, total)

    return advance
