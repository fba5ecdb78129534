"""One alert rule for Prometheus, and the rules of a criterion's limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from conf.metric import OF_STREAMS, MetricKind, parse_metric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conf.thresholds import Limits


class Severity(StrEnum):
    """How urgent an alert is."""

    WARNING = "warning"
    """The value no longer passes."""
    CRITICAL = "critical"
    """The value fails, or nothing can be said."""


class Runbook(StrEnum):
    """Headings of docs/runbook.md, as links spell them: what to do."""

    REQUESTS_FAIL = "requests-fail"
    ANSWERS_ARE_SLOW = "answers-are-slow"
    TOO_FEW_ANSWERS = "too-few-answers"
    TOO_MUCH_MEMORY = "too-much-memory"
    POOL_IS_EXHAUSTED = "the-pool-is-exhausted"
    PORTAL_IS_GONE = "the-portal-is-gone"
    GENERATOR_IS_SATURATED = "the-load-generator-is-saturated"
    RUN_IS_NOT_VALID = "the-run-is-not-valid"
    CRITERION_IS_NOT_MET = "a-criterion-is-not-met"
    NOTHING_IS_MEASURED = "nothing-is-measured"


class Condition(NamedTuple):
    """When a limit is crossed: *value operator limit*; *key* is the name of the limit in the settings."""

    severity: Severity
    key: str
    operator: str
    limit: float


class Unit(NamedTuple):
    """
    How a metric is shown and exposed.

    Args:
        factor: Limit of the settings → limit of the exposed figure.
        template: Shows an alert's value, in Prometheus's template language.
        suffix: Unit behind a limit, as the settings give it.
        nearest: Figures are rounded to a multiple of it: a quotient that lies on a limit must not miss it by its last digit.
    """

    factor: float
    template: str
    suffix: str
    nearest: str = ""


_SHARE = Unit(1, "{{ $value | humanizePercentage }}", "", "1e-8")
_LATENCY = Unit(0.001, "{{ $value | humanizeDuration }}", " ms", "1e-6")
_UNITS = {
    MetricKind.SUCCESS_RATIO: _SHARE,
    MetricKind.RATIO: _SHARE,
    MetricKind.GOODPUT_RATIO: _SHARE,
    **dict.fromkeys(OF_STREAMS, _SHARE),
    MetricKind.PERCENTILE: _LATENCY,
    MetricKind.MEAN: _LATENCY,
    MetricKind.PER_SECOND: Unit(1, "{{ $value | humanize }} per second", " per second"),
    MetricKind.RSS: Unit(1e6, "{{ $value | humanize }}B", " MB"),
    MetricKind.RSS_SLOPE: Unit(1e6, "{{ $value | humanize }}B per hour", " MB per hour"),
}
"""Metrics that Prometheus can show; not MAX: a histogram does not hold its largest result."""
_RUNBOOKS = {
    MetricKind.SUCCESS_RATIO: Runbook.REQUESTS_FAIL,
    MetricKind.RATIO: Runbook.REQUESTS_FAIL,
    MetricKind.GOODPUT_RATIO: Runbook.ANSWERS_ARE_SLOW,
    MetricKind.KEEPS_READING_RATIO: Runbook.ANSWERS_ARE_SLOW,
    MetricKind.BROKEN_STREAM_RATIO: Runbook.REQUESTS_FAIL,
    MetricKind.FAKE_STREAM_RATIO: Runbook.ANSWERS_ARE_SLOW,
    MetricKind.PERCENTILE: Runbook.ANSWERS_ARE_SLOW,
    MetricKind.MEAN: Runbook.ANSWERS_ARE_SLOW,
    MetricKind.PER_SECOND: Runbook.TOO_FEW_ANSWERS,
    MetricKind.RSS: Runbook.TOO_MUCH_MEMORY,
    MetricKind.RSS_SLOPE: Runbook.TOO_MUCH_MEMORY,
}


@dataclass(frozen=True, slots=True)
class AlertRule:
    """
    One alert.

    Args:
        name: Shared by the two severities of one criterion.
        expr: PromQL; the alert is on while it has a result.
        held: How long it must have a result before the alert, in Prometheus's spelling.
        summary: What is wrong, in a line.
        description: The details, with the value.
        labels: Further labels; with name and severity they are unique to this alert.
    """

    name: str
    severity: Severity
    expr: str
    held: str
    summary: str
    description: str
    runbook: Runbook
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Figure:
    """
    The figure that a criterion judges, as PromQL.

    Args:
        expr: The figure, in the exposed unit.
        guard: Only while this has a result too, the figure is judged; empty: always.
        held: As in `AlertRule`.
    """

    expr: str
    guard: str = ""
    held: str = "1m"


def crossed(limits: Limits) -> list[Condition]:
    """
    When PASS ends and when FAIL begins; a value on a limit belongs to the milder side, as reports judge it.

    An optional criterion only warns.
    """
    passing = [(">=", "pass_below"), ("<=", "pass_above"), ("<", "pass_at_least")]
    failing = [(">", "fail_above"), ("<", "fail_below")]
    warnings, failures = (
        [
            Condition(severity, key, operator, limit)
            for operator, key in keys
            if (limit := getattr(limits, key)) is not None
        ]
        for severity, keys in ((Severity.WARNING, passing), (Severity.CRITICAL, failing))
    )
    if limits.optional:
        return warnings or [one._replace(severity=Severity.WARNING) for one in failures]
    return warnings + failures


def criterion_rules(name: str, place: tuple[str, str], limits: Limits, figure: Figure) -> Iterator[AlertRule]:
    """
    A rule for each limit of one criterion.

    Args:
        name: Beginning of the alert's name.
        place: Subject and metric, as the settings spell them.
        limits: In the metric's unit.
        figure: Compared with the limits.
    """
    subject, metric = place
    kind = parse_metric(metric).kind
    unit = _UNITS[kind]
    value = f"round({figure.expr}, {unit.nearest})" if unit.nearest else figure.expr
    guard = f"\nand {figure.guard}" if figure.guard else ""
    for severity, key, operator, limit in crossed(limits):
        yield AlertRule(
            name=name + _camel(metric),
            severity=severity,
            expr=f"{value} {operator} {limit * unit.factor:.12g}{guard}",
            held=figure.held,
            summary=f"{subject}: {metric} {'fails' if severity is Severity.CRITICAL else 'does not pass'}",
            description=f"{unit.template}; thresholds.{subject}.{metric}: {key} = {limit:g}{unit.suffix}",
            runbook=_RUNBOOKS[kind],
            labels={"subject": subject, "metric": metric},
        )


def subject_name(subject: str) -> str:
    """A subject as part of an alert's name: ``chat.timeout`` → ``ChatTimeout``."""
    return _camel(subject)


def _camel(text: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in text.replace(".", "_").split("_"))
