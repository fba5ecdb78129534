"""Alerts about the portal in production, from the metrics on its own page (``portal_…``), with the load test's limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from conf.metric import Metric, MetricKind, parse_metric
from conf.subject import PORTAL, Subject, parse_subject
from monitoring.alerting.alerts_of_run import WINDOW
from monitoring.alerting.rule import AlertRule, Figure, Runbook, Severity, criterion_rules, subject_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conf.contract import Contract
    from conf.operations import Operation
    from conf.settings import Settings
    from conf.thresholds import Limits

JOB = "portal"
"""The portal's job in conf/prometheus/prometheus.yml."""


class Route(NamedTuple):
    """Labels under which the portal counts an operation."""

    operation: Operation
    method: str
    path: str

    @property
    def labels(self) -> str:
        """The labels as a PromQL selector."""
        return f'route="{self.path}",method="{self.method}"'


def portal_routes(operation: Operation, contract: Contract) -> tuple[Route, ...]:
    """
    What the portal counts an operation under; nothing where the contract does not describe it.

    The portal does not see a flow: each part must keep the limits of the whole flow.
    """
    found = ((part, contract.endpoints.get(part)) for part in operation.portal_requests)
    return tuple(Route(part, one.method, one.path.partition("?")[0]) for part, one in found if one)


def portal_rules(settings: Settings) -> Iterator[AlertRule]:
    """A rule per limit and route, and the rules for a portal that does not answer."""
    for subject, demands in settings.thresholds.items():
        for metric, limits in demands.items():
            for name, figure in _figures(subject, parse_metric(metric), limits, settings):
                yield from criterion_rules(f"Portal{name}", (subject, metric), limits, figure)
    yield AlertRule(
        "PortalPoolWaiting",
        Severity.WARNING,
        "max(portal_pool_waiting) > 0",
        "5m",
        "Queries wait for a database connection, and have for five minutes",
        "{{ $value }} are waiting; the limit is 0",
        Runbook.POOL_IS_EXHAUSTED,
    )
    yield AlertRule(
        "PortalGone",
        Severity.CRITICAL,
        f'absent(up{{job="{JOB}"}} == 1)',
        "2m",
        "The portal's /metrics does not answer",
        "{{ $value }}: no target of the job portal is up; the limit is one",
        Runbook.PORTAL_IS_GONE,
    )


def _figures(text: str, metric: Metric, limits: Limits, settings: Settings) -> Iterator[tuple[str, Figure]]:
    subject = parse_subject(text)
    operation = subject.operation
    if text == PORTAL:
        yield "", _memory(metric)
    if (
        operation is None
        or subject != Subject(operation)
        or metric.planned
        or metric.attempt
        or metric.is_of_stream
    ):
        return
    for route in portal_routes(operation, settings.contract):
        figure = _figure(route, metric, limits, settings.run.minimum_requests)
        if figure is not None:
            yield subject_name(route.operation), figure


def _memory(metric: Metric) -> Figure:
    rss = f'process_resident_memory_bytes{{job="{JOB}"}}'
    if metric.kind is MetricKind.RSS_SLOPE:
        return Figure(f"max(deriv({rss}[1h])) * 3600", held="30m")
    return Figure(f"max({rss})", held="5m")


def _figure(route: Route, metric: Metric, limits: Limits, minimum: int) -> Figure | None:
    """The figure for one route. Status 4xx is the client's fault and is not counted; 5xx is the portal's."""
    name = "portal_request_seconds"
    chosen = f"{{{route.labels}}}[{WINDOW}]"
    enough = f"sum(increase({name}_count{chosen})) >= {minimum}"
    failed = f'sum(rate(portal_requests_total{{{route.labels},status=~"5.."}}[{WINDOW}]))'
    every = f'sum(rate(portal_requests_total{{{route.labels},status!~"4.."}}[{WINDOW}]))'
    match metric.kind:
        case MetricKind.SUCCESS_RATIO:
            return Figure(f"1 - ({failed} or vector(0)) / ({every} > 0)", held="5m")
        case MetricKind.GOODPUT_RATIO:
            assert limits.within_ms is not None
            within = f'{{{route.labels},le="{limits.within_ms / 1000}"}}[{WINDOW}]'
            return Figure(f"sum(rate({name}_bucket{within})) / ({every} > 0)", held="5m")
        case MetricKind.MEAN:
            mean = f"sum(rate({name}_sum{chosen})) / sum(rate({name}_count{chosen}))"
            return Figure(mean, enough, "5m")
        case MetricKind.PERCENTILE:
            assert metric.percent is not None
            buckets = f"sum by (le) (rate({name}_bucket{chosen}))"
            return Figure(f"histogram_quantile({metric.percent / 100:.8g}, {buckets})", enough, "5m")
    return None
