"""What makes the test itself invalid."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """
    Something that makes the test itself invalid.

    Args:
        code: For machines, e.g. ``worker_lost``.
        message: One sentence; begins with the place where there is one.
        next_step: What to do about it, as a command where one exists.
        at: When, as ISO 8601; empty where no moment can be named.
    """

    code: str
    message: str
    next_step: str = ""
    at: str = ""
