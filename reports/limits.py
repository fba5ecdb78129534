"""One value held against its limits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from reports.state import State

if TYPE_CHECKING:
    from conf.thresholds import Limits


def assess_metric(value: float | None, limits: Limits) -> State:
    """
    Judge one value; no value is NO VERDICT, never PASS.

    Args:
        value: In the unit of the metric.
        limits: A value on a limit is a WARN, unless the limit is ``pass_at_least``. If ``pass_below`` is the only
            limit, a value beyond it is a WARN; if ``fail_above`` is the only limit, a value short of it passes.
    """
    if value is None or not math.isfinite(value):
        return State.NO_VERDICT
    if limits.pass_below is not None or limits.fail_above is not None:
        return _assess_small(value, limits)
    return _assess_large(value, limits)


def _assess_small(value: float, limits: Limits) -> State:
    passes_below = limits.pass_below if limits.pass_below is not None else limits.fail_above
    assert passes_below is not None
    if limits.fail_above is not None and value > limits.fail_above:
        return State.FAIL
    return State.PASS if value < passes_below else State.WARN


def _assess_large(value: float, limits: Limits) -> State:
    if limits.fail_below is not None and value < limits.fail_below:
        return State.FAIL
    if limits.pass_at_least is not None:
        return State.PASS if value >= limits.pass_at_least else State.WARN
    passes_above = limits.pass_above if limits.pass_above is not None else limits.fail_below
    assert passes_above is not None
    return State.PASS if value > passes_above else State.WARN
