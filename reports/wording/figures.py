"""
How values are written: always with a unit, thousands separated, and never rounded across a limit.

Durations are milliseconds throughout, so that a column can be read from top to bottom.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from conf.metric import MetricKind, parse_metric
from conf.subject import AGGREGATED, GENERATOR, PORTAL, parse_subject
from reports.finding import ISOLATION
from reports.limits import assess_metric
from reports.statistics.certainty import least_count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from conf.thresholds import Limits
    from reports.cut_off import CutOff
    from reports.finding import Finding
    from reports.record import FigureBeside
    from reports.statistics.distribution import Latency

NONE = "\u2013"
_NBSP = "\u00a0"
AT_LEAST = f"≥{_NBSP}"
"""Before a lower bound."""
_MOST_DECIMALS = 6
_PROCESS_LABELS = {
    PORTAL: "Portal process",
    GENERATOR: "Load generators",
    AGGREGATED: "All requests together",
}
_METRIC_LABELS = {
    MetricKind.SUCCESS_RATIO: "Success rate",
    MetricKind.RATIO: "Share of the results",
    MetricKind.GOODPUT_RATIO: "Good and quick answers",
    MetricKind.KEEPS_READING_RATIO: "Text keeps up with reading",
    MetricKind.BROKEN_STREAM_RATIO: "Streams that broke off",
    MetricKind.FAKE_STREAM_RATIO: "Text came all at once",
    MetricKind.PER_SECOND: "Throughput",
    MetricKind.MEAN: "Mean",
    MetricKind.MAX: "Slowest",
    MetricKind.RSS: "Memory at its peak",
    MetricKind.RSS_SLOPE: "Memory: growth",
}


_PASSES = {"pass_below": "<", "pass_above": ">", "pass_at_least": "≥", "fail_above": "<", "fail_below": ">"}
"""Limit → the sign of values that pass. Where no limit says where PASS ends, every value that does not fail passes."""
_FAILS = {"fail_above": ">", "fail_below": "<"}
"""Limit → the sign of values that fail."""


def metric_label(name: str, limits: Limits | None = None) -> str:
    """The name of a metric as people read it."""
    if name == ISOLATION:
        return "Answers with somebody else's data"
    metric = parse_metric(name)
    if metric.percent is None:
        label = _METRIC_LABELS[metric.kind]
    elif metric.percent == 50:  # noqa: PLR2004 - the median
        label = "Half within (p50)"
    elif metric.percent == int(metric.percent):
        label = f"{metric.percent:g} of 100 within (p{metric.percent:g})"
    else:
        label = f"{metric.percent:g} % within (p{metric.percent:g})"
    if metric.moment is not None:
        label = f"{metric.moment.label}: {label[0].lower()}{label[1:]}"
    if metric.kind is MetricKind.GOODPUT_RATIO and limits is not None:
        spans = {
            "": limits.within_ms,
            "first text ": limits.first_content_within_ms,
            "gaps ": limits.largest_gap_within_ms,
        }
        label += "".join(f", {span}within {ms:,g}{_NBSP}ms" for span, ms in spans.items() if ms is not None)
    label += ", of all attempts" if metric.attempt else ""
    return label + (", from the planned start" if metric.planned else "")


def subject_label(subject: str) -> str:
    """The label of what a finding is about; a name that the suite does not know stays as it is."""
    if subject in _PROCESS_LABELS:
        return _PROCESS_LABELS[subject]
    try:
        parsed = parse_subject(subject)
    except ValueError:
        return subject
    if parsed.operation is None:
        return subject.removeprefix("* ")
    label = parsed.operation.label
    if parsed.outcome is not None:
        label += f", {parsed.outcome}"
    users = parsed.users
    return label + (f", with {users:,} user{'s' if users > 1 else ''}" if users else "")


def finding_value(finding: Finding) -> str:
    """The measured value, with enough decimals to stay on its own side of a limit."""
    if finding.never_answered:
        return "never answered"
    return figure(finding.metric, finding.value, finding.limits, at_least=finding.at_least)


def figure(metric: str, value: float | None, limits: Limits | None = None, *, at_least: bool = False) -> str:
    """
    A value of *metric* with its unit, e.g. ``1,702 ms``; a dash where there is none.

    A lower bound is rounded down, e.g. ``≥ 6,000 ms``.
    """
    if value is None:
        return NONE
    if metric == ISOLATION:
        return count(value)
    if at_least:
        low = _rounded_down(value)
        is_faithful = limits is None or assess_metric(low, limits) is assess_metric(value, limits)
        return AT_LEAST + figure(metric, low if is_faithful else value, limits)
    factor, unit = _scale(metric)
    shown = value * factor
    decimals = _decimals(shown, metric)
    while decimals < _MOST_DECIMALS and not _faithful(round(shown, decimals) / factor, value, metric, limits):
        decimals += 1
    return f"{shown:,.{decimals}f}{_NBSP}{unit}"


def latency_figure(latency: Latency, name: str) -> str:
    """One figure of *latency* with its unit."""
    return figure(name, getattr(latency, name), at_least=name in latency.at_least)


def _rounded_down(value: float) -> float:
    """The value, rounded down to three digits: a request was waited for at least that long."""
    if value <= 0:
        return value
    unit = 10.0 ** (math.floor(math.log10(value)) - 2)
    return math.floor(value / unit * (1 + 1e-9)) * unit


def interval_text(finding: Finding) -> str:
    """The 95 % interval of a finding's value, e.g. ``1,702 ... 1,893 ms``; empty where there is none."""
    if finding.interval is None:
        return ""
    interval = finding.interval
    low = figure(finding.metric, interval.low, finding.limits)
    high = figure(finding.metric, interval.high, finding.limits, at_least=interval.at_least)
    unit = low.rpartition(_NBSP)[2]
    return f"{low.removesuffix(_NBSP + unit)}{_NBSP}{NONE}{_NBSP}{high}"


def certainty_text(finding: Finding) -> str:
    """Why a finding is not certain; empty where it is, or where certainty does not apply."""
    if finding.certain is not False or finding.count is None:
        return ""
    percent = parse_metric(finding.metric).percent
    if finding.interval is None and percent is not None:
        least = f"p{percent:g} needs {least_count(percent):,}"
        return f"not certain at n = {finding.count:,}: {least}"
    return f"not certain at n = {finding.count:,}: 95 % interval {interval_text(finding)}"


def _scale(metric: str) -> tuple[int, str]:
    """The factor by which a metric's value is multiplied to be shown, and the unit that it then has."""
    match metric.rpartition("_")[2]:
        case "ratio":
            return 100, "%"
        case "mb":
            return 1, "MB"
        case "hour":
            return 1, "MB/h"
        case "s":
            return 1, "/s"
        case unit:
            return 1, unit


def _decimals(shown: float, metric: str) -> int:
    if metric.endswith("_ratio"):
        return 0 if shown in {0, 100} else 1
    return 0 if abs(shown) >= 100 or shown == 0 else 1 if abs(shown) >= 10 else 2  # noqa: PLR2004 - three digits


def _faithful(rounded: float, value: float, metric: str, limits: Limits | None) -> bool:
    """Whether the rounded value is judged as the value is, and is not 0 or 100 % where the value is not."""
    if metric.endswith("_ratio") and rounded in {0, 1} and value not in {0, 1}:
        return False
    return limits is None or assess_metric(rounded, limits) is assess_metric(value, limits)


def passes_text(metric: str, limits: Limits | None) -> str:
    """What passes, e.g. ``< 3,000 ms``."""
    if limits is None:
        return f">{_NBSP}0{_NBSP}%" if metric == MetricKind.SUCCESS_RATIO else "none"
    if metric == MetricKind.SUCCESS_RATIO and limits.pass_at_least == 1:
        return _limit(metric, 1)
    return _first_limit(metric, limits, _PASSES)


def fails_text(metric: str, limits: Limits | None) -> str:
    """What fails; a dash where the worst is a WARN."""
    if limits is None:
        return f"0{_NBSP}%" if metric == MetricKind.SUCCESS_RATIO else "any"
    return _first_limit(metric, limits, _FAILS)


def _first_limit(metric: str, limits: Limits, signs: Mapping[str, str]) -> str:
    """The first of these limits that is given, after its sign; a dash where none is given."""
    for name, sign in signs.items():
        value: float | None = getattr(limits, name)
        if value is not None:
            return f"{sign}{_NBSP}{_limit(metric, value)}"
    return NONE


def _limit(metric: str, value: float) -> str:
    factor, unit = _scale(metric)
    return f"{value * factor:,.10g}{_NBSP}{unit}"


def ratio_text(found: FigureBeside) -> str:
    """New divided by old, with its interval, e.g. ``1.04 (0.98 ... 1.11)``; a dash where there is none."""
    if found.ratio is None:
        return NONE
    ends = (NONE if end is None else f"{end:.2f}" for end in (found.low, found.high))
    return f"{found.ratio:.2f} ({f'{_NBSP}{NONE}{_NBSP}'.join(ends)})"


def count(number: float | None) -> str:
    """A whole number."""
    return NONE if number is None else f"{number:,.0f}"


def cut_off(found: CutOff) -> str:
    """How many requests the end of the run cut off, and after how long at most; a dash where there are none."""
    if not found.count or found.longest_ms is None:
        return NONE
    return f"{found.count:,} after up to {found.longest_ms / 1000:,.1f}{_NBSP}s"


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
    Milliseconds of one table, all with the same number of decimals, so that the digits line up.

    Args:
        typical_ms: Typical values of the table; where one is below 10 ms, tenths are shown.
    """

    def __init__(self, typical_ms: Sequence[float | None]) -> None:
        present = [value for value in typical_ms if value is not None]
        self._decimals = 1 if present and min(present) < 10 else 0  # noqa: PLR2004 - two digits

    def of(self, latency: Latency, name: str) -> str:
        """One figure of *latency*, as `text` shows it."""
        value_ms: float | None = getattr(latency, name)
        if value_ms is not None and name in latency.at_least:
            return AT_LEAST + self.text(_rounded_down(value_ms))
        return self.text(value_ms)

    def text(self, value_ms: float | None) -> str:
        """The number alone; its unit stands in the column's head."""
        if value_ms is None:
            return NONE
        least = 10.0**-self._decimals
        if 0 < value_ms < least / 2:
            return f"<{least:g}"
        return f"{value_ms:,.{self._decimals}f}"
