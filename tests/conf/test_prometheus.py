"""What the shipped rules alert about, and what they do not; promtool, which is Prometheus's own, evaluates them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from alerting import PORTAL_UP, RULES, Series, assert_alerts, constant, counter, histogram, run_case
from promtool import needs_promtool, promtool

from conf.layers import CONF_DIR
from conf.loading import load_settings
from conf.operations import Operation
from monitoring.alerting.alerts_of_portal import portal_routes
from monitoring.alerting.rules_file import rules_file

if TYPE_CHECKING:
    from pathlib import Path

(CHAT,) = portal_routes(Operation.CHAT, load_settings(environ={}).contract)

pytestmark = needs_promtool

WARNING, CRITICAL = "warning", "critical"


def chat_answers(up_to: dict[str, float]) -> Series:
    return histogram("loadtest_latency_seconds", 'operation="chat",outcome="success"', up_to)


def portal_chats(up_to: dict[str, float]) -> Series:
    return histogram("portal_request_seconds", CHAT.labels, up_to)


def results(operation: str, successes: float, failures: float) -> Series:
    name = "loadtest_requests_total"
    return counter(f'{name}{{operation="{operation}",outcome="success"}}', successes) | counter(
        f'{name}{{operation="{operation}",outcome="timeout"}}', failures
    )


def answered(**per_interval: float) -> Series:
    """Chat requests that the portal answered, by status, as in ``s500=1``."""
    series: Series = {}
    for status, count in per_interval.items():
        series |= counter(f'portal_requests_total{{{CHAT.labels},status="{status[1:]}"}}', count)
    return series


def test_the_configuration_and_its_rules_are_valid() -> None:
    said = promtool("check", "config", str(CONF_DIR / "prometheus" / "prometheus.yml"))
    assert "rules found" in said
    assert "uplicate" not in promtool("check", "rules", str(RULES))


def test_rules_of_every_kind_of_criterion_are_valid(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        """
[thresholds."chat.timeout"]
ratio = { pass_below = 0.01, fail_above = 0.02 }
per_second = { fail_above = 2 }
[thresholds."rag_search@20"]
p95_ms = { pass_below = 500 }
[thresholds.chat]
p99_9_ms = { fail_above = 5500 }
mean_ms = { pass_below = 1900 }
max_ms = { pass_below = 9000 }
goodput_ratio = { pass_above = 0.9, within_ms = 2200 }
per_second = { pass_at_least = 5 }
[thresholds.generator]
rss_mb = { pass_below = 300 }
[thresholds.portal]
rss_mb_per_hour = { pass_below = 10, fail_above = 20 }
"""
    )
    rules = tmp_path / "rules.yml"
    rules.write_text(rules_file(load_settings(config_files=[tmp_path / "own.toml"], environ={})))
    said = promtool("check", "rules", str(rules))
    assert "SUCCESS" in said
    assert "uplicate" not in said


# --- the load test


@pytest.mark.parametrize(
    ("up_to", "expected"),
    [
        ({"2.0": 12, "2.5": 20}, []),
        ({"2.0": 10, "2.5": 20}, [("LoadTestChatP50Ms", WARNING)]),  # p50 on its limit
        ({"2.0": 18, "2.5": 18, "3.0": 19, "5.0": 20}, [("LoadTestChatP95Ms", WARNING)]),  # p95 on its limit
        (
            {"2.0": 12, "3.0": 12, "5.0": 19, "6.0": 20},  # p95 on the limit of FAIL: the milder side
            [("LoadTestChatP95Ms", WARNING), ("LoadTestChatP99Ms", WARNING)],
        ),
        (
            {"2.0": 12, "3.0": 12, "5.0": 18, "6.0": 20},
            [("LoadTestChatP95Ms", WARNING), ("LoadTestChatP95Ms", CRITICAL), ("LoadTestChatP99Ms", WARNING)],
        ),
    ],
)
def test_percentiles_alert_beyond_their_limits(
    up_to: dict[str, float], expected: list[tuple[str, str]], tmp_path: Path
) -> None:
    assert_alerts(tmp_path, PORTAL_UP | chat_answers(up_to), expected)


def test_a_percentile_of_too_few_results_alerts_nobody(tmp_path: Path) -> None:
    every_answer_is_slow = chat_answers({"5.0": 0, "6.0": 0.9})  # 18 in five minutes
    assert_alerts(tmp_path, PORTAL_UP | every_answer_is_slow, [])


def test_what_was_waited_for_in_vain_is_in_the_percentiles(tmp_path: Path) -> None:
    labels = 'operation="chat",outcome="slow"'
    slow = histogram("loadtest_latency_seconds", labels, {"5.0": 0, "60.0": 2})
    expected = [
        ("LoadTestChatP95Ms", WARNING), ("LoadTestChatP95Ms", CRITICAL), ("LoadTestChatP99Ms", WARNING),
    ]  # fmt: skip
    assert_alerts(tmp_path, PORTAL_UP | chat_answers({"1.0": 20}) | slow, expected)


def test_what_was_cut_off_is_no_attempt(tmp_path: Path) -> None:
    name = 'loadtest_requests_total{operation="chat",outcome="cut_off"}'
    assert_alerts(tmp_path, PORTAL_UP | results("chat", 20, 0) | counter(name, 5), [])


def test_quick_failures_are_in_no_percentile(tmp_path: Path) -> None:
    labels = 'operation="chat",outcome="failure"'
    slow = histogram("loadtest_latency_seconds", labels, {"5.0": 0, "60.0": 20})
    assert_alerts(tmp_path, PORTAL_UP | chat_answers({"1.0": 20}) | slow, [])


@pytest.mark.parametrize(
    ("operation", "successes", "failures", "expected"),
    [
        ("chat", 96, 4, []),
        ("chat", 95, 5, [("LoadTestChatSuccessRatio", WARNING)]),
        ("chat", 90, 10, [("LoadTestChatSuccessRatio", WARNING)]),
        ("chat", 89, 11, [("LoadTestChatSuccessRatio", WARNING), ("LoadTestChatSuccessRatio", CRITICAL)]),
        ("chat", 0, 20, [("LoadTestChatSuccessRatio", WARNING), ("LoadTestChatSuccessRatio", CRITICAL)]),
        ("onboarding_flow", 7, 0, []),
        ("onboarding_flow", 2000, 1, [("LoadTestOnboardingFlowSuccessRatio", WARNING)]),
        ("rag_search", 95, 5, [("LoadTestRagSearchSuccessRatio", WARNING)]),
    ],
)
def test_success_ratios_alert_beyond_their_limits(
    operation: str, successes: float, failures: float, expected: list[tuple[str, str]], tmp_path: Path
) -> None:
    assert_alerts(tmp_path, PORTAL_UP | results(operation, successes, failures), expected)


def test_a_run_without_traffic_alerts_of_that_alone(tmp_path: Path) -> None:
    silence = results("chat", 0, 0) | chat_answers({"1.0": 0, "60.0": 0})
    assert_alerts(tmp_path, PORTAL_UP | silence | constant("loadtest_users", 0), [])
    assert_alerts(
        tmp_path, PORTAL_UP | silence | constant("loadtest_users", 5), [("LoadTestMeasuresNothing", CRITICAL)]
    )
    never_any = PORTAL_UP | constant("loadtest_users", 5)
    assert_alerts(tmp_path, never_any, [("LoadTestMeasuresNothing", CRITICAL)])
    assert_alerts(tmp_path, never_any | results("chat", 1, 0), [])


@pytest.mark.parametrize(
    ("rss_bytes", "severities"),
    [
        (199_999_999, []),
        (200_000_000, [WARNING]),
        (500_000_000, [WARNING]),
        (500_000_001, [WARNING, CRITICAL]),
    ],
)
@pytest.mark.parametrize(
    ("series", "name"),
    [
        ('loadtest_process_resident_bytes{process="portal"}', "LoadTestPortalRssMb"),
        ('process_resident_memory_bytes{job="portal"}', "PortalRssMb"),
    ],
)
def test_memory_alerts_beyond_its_limits(
    series: str, name: str, rss_bytes: int, severities: list[str], tmp_path: Path
) -> None:
    expected = [(name, severity) for severity in severities]
    assert_alerts(tmp_path, PORTAL_UP | constant(series, rss_bytes), expected)


def test_the_memory_of_a_load_generator_is_not_the_portals(tmp_path: Path) -> None:
    own = constant('loadtest_process_resident_bytes{process="local"}', 9e9)
    assert_alerts(tmp_path, PORTAL_UP | own | constant('process_resident_memory_bytes{job="other"}', 9e9), [])


@pytest.mark.parametrize(
    ("series", "on_limit", "beyond", "name"),
    [
        (
            'loadtest_generator_lag_seconds{process="local",quantile="0.95"}',
            0.1,
            0.11,
            "LoadTestGeneratorLag",
        ),
        ('loadtest_generator_lag_seconds{process="local",quantile="1"}', 0.1, 0.1, ""),
        ('loadtest_generator_cpu_ratio{process="local"}', 0.95, 0.96, "LoadTestGeneratorCpu"),
        ('loadtest_generator_open_files{process="local"}', 900, 901, "LoadTestGeneratorOpenFiles"),
    ],
)
def test_a_generator_alerts_beyond_its_limits(
    series: str, on_limit: float, beyond: float, name: str, tmp_path: Path
) -> None:
    allowed = PORTAL_UP | constant('loadtest_generator_open_files_limit{process="local"}', 1000)
    assert_alerts(tmp_path, allowed | constant(series, on_limit), [])
    assert_alerts(tmp_path, allowed | constant(series, beyond), [(name, CRITICAL)] if name else [])


@pytest.mark.parametrize(
    ("series", "value", "expected"),
    [
        ('loadtest_criterion_state{subject="chat@20",metric="p95_ms"}', 0, []),
        ('loadtest_criterion_state{subject="chat@20",metric="p95_ms"}', 1, [("LoadTestCriterion", WARNING)]),
        ('loadtest_criterion_state{subject="chat@20",metric="p95_ms"}', 2, [("LoadTestCriterion", CRITICAL)]),
        ('loadtest_criterion_state{subject="chat@20",metric="p95_ms"}', 3, []),
        ('loadtest_problems{code="worker_lost"}', 1, [("LoadTestRunNotValid", CRITICAL)]),
        ('loadtest_problems{code="worker_lost"}', 0, []),
    ],
)
def test_the_runs_own_judgement_alerts(
    series: str, value: float, expected: list[tuple[str, str]], tmp_path: Path
) -> None:
    assert_alerts(tmp_path, PORTAL_UP | constant(series, value), expected)


def test_an_alert_tells_value_limit_and_where_to_read_on(tmp_path: Path) -> None:
    alert = {
        "exp_labels": {"severity": CRITICAL, "subject": "portal", "metric": "rss_mb"},
        "exp_annotations": {
            "summary": "portal: rss_mb fails",
            "description": "600MB; thresholds.portal.rss_mb: fail_above = 500 MB",
            "runbook": "docs/runbook.md#too-much-memory",
        },
    }
    warning = {
        "exp_labels": {**alert["exp_labels"], "severity": WARNING},
        "exp_annotations": {
            **alert["exp_annotations"],
            "summary": "portal: rss_mb does not pass",
            "description": "600MB; thresholds.portal.rss_mb: pass_below = 200 MB",
        },
    }
    test = {"eval_time": "15m", "alertname": "LoadTestPortalRssMb", "exp_alerts": [warning, alert]}
    series = constant('loadtest_process_resident_bytes{process="portal"}', 600e6)
    run_case(
        tmp_path,
        {
            "interval": "15s",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "alert_rule_test": [test],
        },
    )


# --- the portal in production


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ({"s200": 96, "s500": 4}, []),
        ({"s200": 95, "s500": 5}, [("PortalChatSuccessRatio", WARNING)]),
        ({"s200": 90, "s503": 10}, [("PortalChatSuccessRatio", WARNING)]),
        (
            {"s200": 89, "s503": 11},
            [("PortalChatSuccessRatio", WARNING), ("PortalChatSuccessRatio", CRITICAL)],
        ),
        ({"s500": 20}, [("PortalChatSuccessRatio", WARNING), ("PortalChatSuccessRatio", CRITICAL)]),
        ({"s200": 10, "s401": 90}, []),
        ({"s200": 94, "s500": 6, "s401": 900}, [("PortalChatSuccessRatio", WARNING)]),
        ({"s401": 20}, []),
        ({"s200": 0, "s500": 0}, []),
    ],
)
def test_the_portals_server_errors_alert_beyond_the_limits_and_its_refusals_do_not(
    statuses: dict[str, float], expected: list[tuple[str, str]], tmp_path: Path
) -> None:
    assert_alerts(tmp_path, PORTAL_UP | answered(**statuses), expected)


@pytest.mark.parametrize(
    ("up_to", "expected"),
    [
        ({"1.5": 20}, []),
        ({"1.5": 18, "2.5": 18, "3.0": 19, "5.0": 20}, [("PortalChatP95Ms", WARNING)]),
        (
            {"2.0": 12, "3.0": 12, "5.0": 18, "6.0": 20},
            [("PortalChatP95Ms", WARNING), ("PortalChatP95Ms", CRITICAL), ("PortalChatP99Ms", WARNING)],
        ),
        ({"5.0": 0, "6.0": 0.9}, []),  # too few
    ],
)
def test_the_portals_latencies_alert_beyond_the_limits(
    up_to: dict[str, float], expected: list[tuple[str, str]], tmp_path: Path
) -> None:
    assert_alerts(tmp_path, PORTAL_UP | portal_chats(up_to), expected)


def test_each_half_of_an_onboarding_is_held_to_the_whole_ones_limits(tmp_path: Path) -> None:
    slow = {"0.4": 15, "1.0": 15, "2.0": 20}
    page = histogram("portal_request_seconds", 'route="/onboarding/{qr_token}",method="GET"', slow)
    assert_alerts(tmp_path, PORTAL_UP | page, [("PortalOnboardingPageP95Ms", WARNING)])
    resolve = histogram("portal_request_seconds", 'route="/api/qr/resolve",method="POST"', slow)
    assert_alerts(tmp_path, PORTAL_UP | resolve, [("PortalOnboardingResolveP95Ms", WARNING)])


def test_queries_that_wait_for_a_connection_alert(tmp_path: Path) -> None:
    assert_alerts(tmp_path, PORTAL_UP | constant("portal_pool_waiting", 0), [])
    assert_alerts(tmp_path, PORTAL_UP | constant("portal_pool_waiting", 1), [("PortalPoolWaiting", WARNING)])


@pytest.mark.parametrize("series", [{}, constant('up{job="portal"}', 0), constant('up{job="loadtest"}', 1)])
def test_a_portal_that_is_down_or_not_scraped_at_all_alerts(series: Series, tmp_path: Path) -> None:
    assert_alerts(tmp_path, series, [("PortalGone", CRITICAL)])


def test_a_load_test_that_is_not_running_alerts_nobody(tmp_path: Path) -> None:
    assert_alerts(tmp_path, PORTAL_UP | constant('up{job="loadtest"}', 0), [])
