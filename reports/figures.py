"""
How values are written: always with a unit, thousands separated, and never rounded across a limit.

Durations are milliseconds throughout, so that a column can be read from top to bottom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.operations import Operation
from conf.thresholds import PORTAL, Metric
from reports.assessment import assess_metric
from reports.record import ISOLATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conf.thresholds import Limits
    from reports.record import Finding

NONE = "\u2013"
_NBSP = "\u00a0"
_MOST_DECIMALS = 6
_METRIC_LABELS = {
    Metric.SUCCESS_RATIO.value: "Success rate",
    Metric.P50_MS.value: "Half of the answers within (p50)",
    Metric.P95_MS.value: "95 of 100 answers within (p95)",
    Metric.P99_MS.value: "99 of 100 answers within (p99)",
    Metric.MEAN_MS.value: "Mean",
    Metric.MAX_MS.value: "Slowest answer",
    Metric.RSS_MB.value: "Memory at its peak",
    ISOLATION: "Answers with somebody else's data",
}


def metric_label(metric: str) -> str:
    """The name of a metric as people read it."""
    return _METRIC_LABELS[metric]


def subject_label(subject: str) -> str:
    """The name of what a finding is about."""
    if subject == PORTAL:
        return "Portal process"
    return Operation(subject).label if subject in set(Operation) else subject


def finding_value(finding: Finding) -> str:
    """The measured value, with as many decimals as it takes to stand on its own side of a limit."""
    return figure(finding.metric, finding.value, finding.limits)


def figure(metric: str, value: float | None, limits: Limits | None = None) -> str:
    """A value of *metric* with its unit; a dash where there is none."""
    if value is None:
        return NONE
    if metric == ISOLATION:
        return count(value)
    factor, unit = _scale(metric)
    shown = value * factor
    decimals = _decimals(shown, metric)
    while decimals < _MOST_DECIMALS and not _faithful(round(shown, decimals) / factor, value, metric, limits):
        decimals += 1
    return f"{shown:,.{decimals}f}{_NBSP}{unit}"


def _scale(metric: str) -> tuple[int, str]:
    """What a metric's value is multiplied by to be shown, and the unit it then has."""
    match metric.rpartition("_")[2]:
        case "ratio":
            return 100, "%"
        case "mb":
            return 1, "MB"
        case unit:
            return 1, unit


def _decimals(shown: float, metric: str) -> int:
    if metric.endswith("_ratio"):
        return 0 if shown in {0, 100} else 1
    return 0 if shown >= 100 or shown == 0 else 1 if shown >= 10 else 2  # noqa: PLR2004 - three digits


def _faithful(rounded: float, value: float, metric: str, limits: Limits | None) -> bool:
    """Whether the rounded value is judged as the value is, and does not claim a whole that is not one."""
    if metric.endswith("_ratio") and rounded in {0, 1} and value not in {0, 1}:
        return False
    return limits is None or assess_metric(rounded, limits) is assess_metric(value, limits)


def passes_text(metric: str, limits: Limits | None) -> str:
    """What passes, e.g. ``< 3,000 ms``."""
    if limits is None:
        return "none"
    if limits.pass_below is not None:
        return f"<{_NBSP}{_limit(metric, limits.pass_below)}"
    if limits.pass_above is not None:
        return f">{_NBSP}{_limit(metric, limits.pass_above)}"
    if limits.pass_at_least is not None:
        is_all = metric == Metric.SUCCESS_RATIO and limits.pass_at_least == 1
        return ("" if is_all else f"≥{_NBSP}") + _limit(metric, limits.pass_at_least)
    if limits.fail_above is not None:
        return f"<{_NBSP}{_limit(metric, limits.fail_above)}"
    assert limits.fail_below is not None
    return f">{_NBSP}{_limit(metric, limits.fail_below)}"


def fails_text(metric: str, limits: Limits | None) -> str:
    """What fails; a dash where the worst is a WARN."""
    if limits is None:
        return "any"
    if limits.fail_above is not None:
        return f">{_NBSP}{_limit(metric, limits.fail_above)}"
    if limits.fail_below is not None:
        return f"<{_NBSP}{_limit(metric, limits.fail_below)}"
    return NONE


def _limit(metric: str, value: float) -> str:
    factor, unit = _scale(metric)
    return f"{value * factor:,.10g}{_NBSP}{unit}"


def count(number: float | None) -> str:
    """A whole number."""
    return NONE if number is None else f"{number:,.0f}"


def per_second(rate: float | None) -> str:
    """A rate; the unit stands in the column's head."""
    return NONE if rate is None else f"{rate:,.0f}" if rate >= 100 else f"{rate:,.1f}"  # noqa: PLR2004 - three digits


def seconds(length_s: float | None) -> str:
    """A length of time: seconds, from two minutes on minutes and seconds."""
    if length_s is None:
        return NONE
    if length_s < 120:  # noqa: PLR2004 - two minutes
        return f"{length_s:.1f}{_NBSP}s"
    minutes, rest = divmod(round(length_s), 60)
    return f"{minutes:,}{_NBSP}min {rest}{_NBSP}s"


class Column:
    """
    Milliseconds of one table, all with the same decimals, so that the digits line up.

    Args:
        typical_ms: Typical values of the table; where one is below 10 ms, tenths are shown.
    """

    def __init__(self, typical_ms: Sequence[float | None]) -> None:
        present = [value for value in typical_ms if value is not None]
        self._decimals = 1 if present and min(present) < 10 else 0  # noqa: PLR2004 - two digits

    def text(self, value_ms: float | None) -> str:
        """The number alone; its unit stands in the column's head."""
        if value_ms is None:
            return NONE
        least = 10.0**-self._decimals
        if 0 < value_ms < least / 2:
            return f"<{least:g}"
        return f"{value_ms:,.{self._decimals}f}"
