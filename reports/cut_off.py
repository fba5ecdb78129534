"""Requests that the end of a run cut off."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CutOff:
    """
    Requests in flight when the run ended that did not finish within the stop timeout: neither successes nor failures.

    Args:
        longest_ms: How long the oldest of the requests had waited; None where there are none.
    """

    count: int = 0
    longest_ms: float | None = None


NOTHING_CUT_OFF = CutOff()
