"""One thing that is looked at before a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conf.errors import LoadTestError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Check:
    """One check and its result."""

    name: str
    error: LoadTestError | None = None
    found: str = ""
    """What the check saw, when it passes."""


def check(name: str, look: Callable[[], str]) -> Check:
    """Call *look*, and keep what it saw, or its error."""
    try:
        return Check(name, found=look())
    except LoadTestError as error:
        return Check(name, error)
