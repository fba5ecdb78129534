"""Grafana's dashboard, with the thresholds drawn in: ``conf/grafana/dashboards/openhouse.json``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from conf.metric import MetricKind
from conf.operations import Operation, Outcome
from conf.stream_figures import Moment
from conf.subject import PORTAL
from monitoring.alerting.alerts_of_portal import JOB, portal_routes
from monitoring.alerting.alerts_of_run import WAITED_FOR
from monitoring.grafana.panel import Look, Query, Row, TableColumn, laid_out, stat, table, time_series

if TYPE_CHECKING:
    from conf.contract import Contract
    from conf.settings import GeneratorSettings, Settings
    from conf.thresholds import Limits, Thresholds
    from monitoring.grafana.panel import Panel

WINDOW = "1m"
_PERCENTILES = {"p50": "0.5", "p95": "0.95", "p99": "0.99"}
_STATES = {
    0: ("● PASS", "green"),
    1: ("▲ WARN", "orange"),
    2: ("■ FAIL", "red"),
    3: ("◇ NO VERDICT", "purple"),
}

_AT_LEAST = {0: ("", "text"), 1: ("≥", "text")}


def dashboard_file(settings: Settings) -> str:
    """The dashboard as Grafana's JSON."""
    thresholds = settings.thresholds
    rows = [
        Row("Verdict", _verdict()),
        Row("Latency of answers, and of what was waited for in vain: at least (≥)", _latencies(thresholds)),
        Row("Streamed chat answers, as a homeowner sees them", _streams(thresholds)),
        Row("Chat, by step", _steps()),
        Row("Requests and failures", _results()),
        Row("Users and houses", _load()),
        Row("Load generators", _generators(settings.generator)),
        Row("Portal", _portal(settings)),
        Row("The last 24 hours", _day(settings.contract)),
    ]
    return json.dumps(_frame(laid_out(rows)), indent=2, ensure_ascii=False) + "\n"


def _frame(panels: list[Panel]) -> dict[str, Any]:
    return {
        "uid": "openhouse",
        "title": "OpenHouse AI: load test and portal",
        "description": "Written by `loadtest alerts` from the thresholds; docs/monitoring.md.",
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "timezone": "browser",
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "tags": ["openhouse"],
        "templating": {"list": []},
        "annotations": {"list": []},
        "panels": panels,
    }


def _verdict() -> list[Panel]:
    findings = Query("sum by (state) (loadtest_findings)", "{{state}}")
    problems = Query("max by (code) (loadtest_problems)", "{{code}}")
    at_least, value, state = (
        f"max by (subject, metric) (loadtest_criterion_{figure})" for figure in ("at_least", "value", "state")
    )
    columns = [
        TableColumn("at least", at_least, Look("none", words=_AT_LEAST)),
        TableColumn("value, in the metric's unit", value, Look("short")),
        TableColumn("state", state, Look("none", words=_STATES)),
    ]
    return [
        stat("Verdict", Query("max(loadtest_verdict_state)"), Look("none", 4, words=_STATES)),
        stat("Run", Query("loadtest_run_info", "{{journeys}} {{run_id}}"), Look("none", 8), shows="name"),
        stat("Findings by state", findings, Look("short", 6)),
        stat("Problems", problems, Look("short", 6)),
        table("Criteria", columns, sort="state"),
    ]


def _percentiles(name: str, labels: str) -> list[Query]:
    """p50, p95 and p99 of a histogram."""
    buckets = f"sum by (le) (rate({name}_bucket{{{labels}}}[{WINDOW}]))"
    return [
        Query(f"histogram_quantile({quantile}, {buckets})", legend)
        for legend, quantile in _PERCENTILES.items()
    ]


def _by_step(name: str, labels: str, quantile: str) -> list[Query]:
    buckets = f"sum by (step, le) (rate({name}_bucket{{{labels}}}[{WINDOW}]))"
    return [Query(f"histogram_quantile({quantile}, {buckets})", "{{step}}")]


def _limits(thresholds: Thresholds, subject: str, metric: str, factor: float) -> list[float]:
    """Where PASS ends and where FAIL begins, for a metric that should be small, in the exposed unit."""
    limits: Limits | None = thresholds.get(subject, {}).get(metric)
    if limits is None:
        return []
    return [limit * factor for limit in (limits.pass_below, limits.fail_above) if limit is not None]


def _latencies(thresholds: Thresholds) -> list[Panel]:
    panels = []
    for operation in Operation:
        limits = _limits(thresholds, operation, "p95_ms", 0.001)
        labels = f'operation="{operation}",{WAITED_FOR}'
        panels.append(
            time_series(
                operation.label + ("; lines: p95" if limits else ""),
                _percentiles("loadtest_latency_seconds", labels),
                Look("s", 8, limits),
            )
        )
    return panels


def _streams(thresholds: Thresholds) -> list[Panel]:
    panels = [
        time_series(
            moment.label + ("; lines: p95" if limits else ""),
            _percentiles("loadtest_stream_seconds", f'operation="chat",moment="{moment}",{WAITED_FOR}'),
            Look("s", 8, limits),
        )
        for moment in (Moment.FIRST_CONTENT, Moment.LARGEST_GAP, Moment.DONE)
        if (limits := _limits(thresholds, Operation.CHAT, f"{moment}_p95_ms", 0.001)) is not None
    ]
    marked = Query(f"sum by (mark) (rate(loadtest_streamed_answers_total[{WINDOW}]))", "{{mark}}")
    apart = f'outcome=~"{Outcome.INTERCEPTED}|{Outcome.ABANDONED}"'
    counted = Query(f"sum by (outcome) (rate(loadtest_requests_total{{{apart}}}[{WINDOW}]))", "{{outcome}}")
    return [
        *panels,
        time_series("Read without a wait, waited for, all at once", [marked], Look("reqps", 12)),
        time_series("Apart: without the model, page closed", [counted], Look("reqps", 12)),
    ]


def _steps() -> list[Panel]:
    return [
        time_series(
            f"Chat by step, {name}",
            _by_step("loadtest_server_step_seconds", 'operation="chat"', quantile),
            Look("s", 8),
        )
        for name, quantile in _PERCENTILES.items()
    ]


def _results() -> list[Panel]:
    every = f"sum by (operation) (rate(loadtest_requests_total[{WINDOW}]))"
    failed = f'sum by (outcome) (rate(loadtest_requests_total{{outcome!~"success|intercepted|abandoned"}}[{WINDOW}]))'
    alike = "by (operation, outcome, message)"
    last = f"max {alike} (loadtest_failure_last_timestamp_seconds) * 1000"
    columns = [
        TableColumn("last seen", last, Look("dateTimeAsIso")),
        TableColumn("count", f"sum {alike} (loadtest_failures_total)", Look("short")),
    ]
    return [
        time_series("Results by operation", [Query(every, "{{operation}}")], Look("reqps", 12)),
        time_series("Errors by kind", [Query(failed, "{{outcome}}")], Look("reqps", 12)),
        table("Last errors", columns, sort="last seen"),
    ]


def _load() -> list[Panel]:
    users = [Query("sum(loadtest_users)", "now"), Query("sum(loadtest_users_wanted)", "wanted")]
    houses = [Query("sum(loadtest_houses)", "in all"), Query("sum(loadtest_houses_leased)", "leased")]
    return [time_series("Users", users, Look("short", 12)), time_series("Houses", houses, Look("short", 12))]


def _generators(limits: GeneratorSettings) -> list[Panel]:
    lag = 'max by (process) (loadtest_generator_lag_seconds{quantile="0.95"})'
    cpu = "max by (process) (loadtest_generator_cpu_ratio)"
    files = "max by (process) (loadtest_generator_open_files / loadtest_generator_open_files_limit)"
    rss = "max by (process) (loadtest_process_resident_bytes)"
    return [
        time_series(title, [Query(expr, "{{process}}")], Look(unit, 6, saturated))
        for title, expr, unit, saturated in (
            ("Event-loop lag, p95", lag, "s", [limits.lag_p95_ms / 1000]),
            ("Processor, of one core", cpu, "percentunit", [limits.cpu_ratio]),
            ("Open files, of those allowed", files, "percentunit", [limits.open_files_ratio]),
            ("Memory", rss, "decbytes", []),
        )
    ]


def _portal(settings: Settings) -> list[Panel]:
    thresholds = settings.thresholds
    requests = f"sum by (route, status) (rate(portal_requests_total[{WINDOW}]))"
    buckets = f"sum by (route, le) (rate(portal_request_seconds_bucket[{WINDOW}]))"
    pool = [
        Query("sum by (state) (portal_pool_connections)", "{{state}}"),
        Query("sum(portal_pool_waiting)", "waiting"),
    ]
    rss = f'max(process_resident_memory_bytes{{job="{JOB}"}})'
    chat = Look("s", 8, _limits(thresholds, Operation.CHAT, "p95_ms", 0.001))
    memory = Look("decbytes", 8, _limits(thresholds, PORTAL, MetricKind.RSS, 1e6))
    slow = Query(f"histogram_quantile(0.95, {buckets})", "{{route}}")
    answers = [
        panel
        for route in portal_routes(Operation.CHAT, settings.contract)
        for panel in (
            time_series(
                "Portal: chat answers; lines: p95", _percentiles("portal_request_seconds", route.labels), chat
            ),
            time_series(
                "Portal: chat by step, p95",
                _by_step("portal_step_seconds", f'route="{route.path}"', "0.95"),
                Look("s", 8),
            ),
        )
    ]
    return [
        time_series(
            "Portal: requests by route and status",
            [Query(requests, "{{route}} {{status}}")],
            Look("reqps", 8),
        ),
        *answers,
        time_series("Portal: p95 by route", [slow], Look("s", 8)),
        time_series("Portal: connection pool", pool, Look("short", 8)),
        time_series("Portal: memory", [Query(rss, "RSS")], memory),
    ]


def _day(contract: Contract) -> list[Panel]:
    portal = [
        stat(
            f"{route.operation.label}, portal",
            Query(f'sum(increase(portal_requests_total{{{route.labels},status=~"2.."}}[24h]))'),
            Look("short", 4),
        )
        for operation in contract.endpoints
        for route in portal_routes(operation, contract)
    ]
    results = "sum by (outcome) (increase(loadtest_requests_total{%s}[24h]))"
    return portal + [
        stat(
            f"{operation.label}, load test",
            Query(results % f'operation="{operation}"', "{{outcome}}"),
            Look("short", 6),
        )
        for operation in Operation
        if operation.begins_flow and operation.portal_requests
    ]
