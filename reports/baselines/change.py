"""Whether a figure has changed by more than the floor, and how sure that is."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING

from conf.errors import ExitCode

if TYPE_CHECKING:
    from conf.settings import Floor
    from reports.baselines.estimate import Estimate


class Change(StrEnum):
    """The change of one figure, or of the whole run; the value is the word that people read."""

    NO_CHANGE = "NO CHANGE"
    """Certainly changed by less than the floor."""
    IMPROVED = "IMPROVED"
    """Certainly better by more than the floor."""
    REGRESSED = "REGRESSED"
    """Certainly worse by more than the floor."""
    NOT_DECIDABLE = "NOT DECIDABLE"
    """The results are too few, or scatter too much, to tell."""
    NOT_COMPARABLE = "NOT COMPARABLE"
    """The two runs answer different questions, or one of them answers none."""


def exit_code(change: Change) -> ExitCode:
    """The exit code of a process that found *change*."""
    match change:
        case Change.NO_CHANGE | Change.IMPROVED:
            return ExitCode.OK
        case Change.REGRESSED:
            return ExitCode.FAIL
        case Change.NOT_DECIDABLE | Change.NOT_COMPARABLE:
            return ExitCode.NO_VERDICT


def judge_latency(ratio: Estimate, difference: Estimate, floor: Floor) -> tuple[Change, str]:
    """
    Judge a latency: a change counts if it exceeds both the floor's share and its milliseconds.

    It has REGRESSED (IMPROVED) if both intervals lie wholly beyond the floor. There is NO CHANGE if, for better and
    for worse, at least one of the intervals ends before the floor. Otherwise it is NOT DECIDABLE: the 95 % hold both
    a change that counts and one that does not.

    Returns:
        The change, and a note where the figures alone do not explain it.
    """
    share, ms = floor.least_ratio, floor.least_ms
    if ratio.low > 1 + share and difference.low > ms:
        return Change.REGRESSED, ""
    if ratio.high < 1 - share and difference.high < -ms:
        return Change.IMPROVED, ""
    may_be_worse = ratio.high > 1 + share and difference.high > ms
    may_be_better = ratio.low < 1 - share and difference.low < -ms
    if may_be_worse or may_be_better:
        return Change.NOT_DECIDABLE, _more_results(
            min(_times(ratio.half, share) ** 2, _times(difference.half, ms) ** 2)
        )
    by_ms = ratio.high > 1 + share or ratio.low < 1 - share
    return Change.NO_CHANGE, f"less than {ms:g} ms" if by_ms else ""


def judge_share(difference: Estimate, floor: Floor, *, perfect: bool) -> tuple[Change, str]:
    """
    Judge a success ratio by its single floor; otherwise as a latency is judged.

    Args:
        difference: The new ratio minus the baseline's.
        floor: What a change must exceed to count.
        perfect: Whether nothing failed in either run; twice as many results then halve the interval.
    """
    least = floor.least_success_ratio
    if difference.high < -least:
        return Change.REGRESSED, ""
    if difference.low > least:
        return Change.IMPROVED, ""
    if -least <= difference.low and difference.high <= least:
        return Change.NO_CHANGE, ""
    return Change.NOT_DECIDABLE, _more_results(_times(difference.half, least) ** (1 if perfect else 2))


def _times(half: float, floor: float) -> float:
    return half / floor if floor else math.inf


def _more_results(times: float) -> str:
    if not math.isfinite(times):
        return ""
    if times <= 1:
        return "too close to the floor to tell"
    return f"would take about {math.ceil(times):,} times as many results in both"
