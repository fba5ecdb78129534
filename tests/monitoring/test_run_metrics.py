from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics_pages import full_run, histogram
from prometheus_client.parser import text_string_to_metric_families
from promtool import needs_promtool, promtool

from conf.loading import load_settings
from conf.thresholds import Limits
from monitoring.cumulative import cumulative
from monitoring.histogram_bounds import BOUNDS_S, latency_bounds_s
from monitoring.measurement import HIGHEST_US
from monitoring.run_metrics import (
    LONGEST_MESSAGE,
    MOST_FAILURES,
    STATE_NUMBERS,
    FailureCount,
    RunMetrics,
    render,
)
from reports.state import State

Labels = frozenset[tuple[str, str]]


def samples(metrics: RunMetrics) -> dict[tuple[str, Labels], float]:
    """Every sample of the page, as a Prometheus parser reads it."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(render(metrics).decode())
        for sample in family.samples
    }


def sample(metrics: RunMetrics, name: str, **labels: str) -> float | None:
    return samples(metrics).get((name, frozenset(labels.items())))


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("loadtest_users", {}, 8),
        ("loadtest_users_wanted", {}, 10),
        ("loadtest_houses", {}, 20),
        ("loadtest_houses_leased", {}, 8),
        ("loadtest_requests_total", {"operation": "chat", "outcome": "success"}, 3),
        ("loadtest_requests_total", {"operation": "chat", "outcome": "timeout"}, 1),
        ("loadtest_latency_seconds_count", {"operation": "chat", "outcome": "success"}, 3),
        ("loadtest_latency_seconds_bucket", {"operation": "chat", "outcome": "success", "le": "2.0"}, 1),
        ("loadtest_latency_seconds_bucket", {"operation": "chat", "outcome": "slow", "le": "60.0"}, 1),
        ("loadtest_server_step_seconds_count", {"operation": "chat", "step": "llm"}, 3),
        (
            "loadtest_stream_seconds_count",
            {"operation": "chat", "moment": "first_content", "outcome": "success"},
            3,
        ),
        ("loadtest_streamed_answers_total", {"operation": "chat", "mark": "read"}, 2),
        ("loadtest_streamed_answers_total", {"operation": "chat", "mark": "fake"}, 0),
        ("loadtest_generator_lag_seconds", {"process": "local", "quantile": "0.95"}, 0.01),
        ("loadtest_generator_lag_seconds", {"process": "local", "quantile": "1"}, 0.1),
        ("loadtest_generator_cpu_ratio", {"process": "local"}, 0.4),
        ("loadtest_process_resident_bytes", {"process": "portal"}, 90e6),
        ("loadtest_generator_open_files", {"process": "local"}, 30),
        ("loadtest_generator_open_files_limit", {"process": "local"}, 1024),
        ("loadtest_findings", {"state": "WARN"}, 1),
        ("loadtest_findings", {"state": "PASS"}, 0),
        ("loadtest_criterion_value", {"subject": "chat", "metric": "p95_ms"}, 4000),
        ("loadtest_criterion_state", {"subject": "chat", "metric": "p95_ms"}, 1),
        ("loadtest_criterion_state", {"subject": "portal", "metric": "rss_mb"}, 3),
        ("loadtest_problems", {"code": "too_few_requests"}, 1),
        ("loadtest_verdict_state", {}, 3),
    ],
)
def test_the_page_says_what_is_known(name: str, labels: dict[str, str], value: float) -> None:
    assert sample(full_run(), name, **labels) == value


def test_the_run_is_named() -> None:
    labels = {
        "run_id": "20261124T163435Z-chat",
        "journeys": "chat",
        "profile": "pilot",
        "contract": "phase17",
    }
    assert sample(full_run(), "loadtest_run_info", **labels) == 1


def test_what_is_not_known_is_not_on_the_page_rather_than_zero() -> None:
    names = {name for name, _ in samples(RunMetrics())}
    assert names == {
        "loadtest_users", "loadtest_users_wanted", "loadtest_houses", "loadtest_houses_leased",
        "loadtest_findings",
    }  # fmt: skip
    run = full_run()
    assert sample(run, "loadtest_criterion_value", subject="portal", metric="rss_mb") is None
    assert sample(run, "loadtest_generator_cpu_ratio", process="portal") is None


def test_an_outcome_that_has_not_happened_yet_is_zero_so_that_its_first_is_an_increase() -> None:
    assert sample(full_run(), "loadtest_requests_total", operation="chat", outcome="isolation") == 0


def test_every_family_is_described_whether_it_has_samples_or_not() -> None:
    lines = [line.split()[2] for line in render(RunMetrics()).decode().splitlines() if line[:6] == "# HELP"]
    full = [line.split()[2] for line in render(full_run()).decode().splitlines() if line[:6] == "# TYPE"]
    assert lines == full
    assert len(lines) == len(set(lines)) == 23


@needs_promtool
@pytest.mark.parametrize("metrics", [RunMetrics(), full_run()], ids=["idle", "full"])
def test_promtool_finds_nothing_wrong_with_the_page(metrics: RunMetrics) -> None:
    assert promtool("check", "metrics", page=render(metrics)) == ""


def test_the_numbers_of_the_states_are_those_of_the_record() -> None:
    assert {state.word: state.value for state in State} == STATE_NUMBERS


# --- failures


def test_messages_carry_no_secrets_and_have_a_longest_length() -> None:
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
    page = render(
        RunMetrics(failures=[FailureCount("chat", "status", f"401 {jwt} {'x' * 999}", 2, 5.0)])
    ).decode()
    assert jwt not in page
    assert "401 [token]" in page
    assert max(len(line) for line in page.splitlines()) < LONGEST_MESSAGE + 150


def test_groups_that_are_alike_once_redacted_are_one() -> None:
    rows = [
        FailureCount("chat", "status", f"404 house {id_}", 2, at)
        for id_, at in (
            ("0f0f0f0f-0000-4000-8000-000000000001", 10.0),
            ("0f0f0f0f-0000-4000-8000-000000000002", 9.0),
        )
    ]
    run = RunMetrics(failures=rows)
    labels = {"operation": "chat", "outcome": "status", "message": "404 house [id]"}
    assert sample(run, "loadtest_failures_total", **labels) == 4
    assert sample(run, "loadtest_failure_last_timestamp_seconds", **labels) == 10


def test_of_many_groups_the_most_frequent_are_shown() -> None:
    rows = [FailureCount("chat", "status", f"message {n}", n, 1.0) for n in range(1, MOST_FAILURES + 11)]
    shown = {
        dict(labels)["message"]
        for name, labels in samples(RunMetrics(failures=rows))
        if name == "loadtest_failures_total"
    }
    assert shown == {f"message {n}" for n in range(11, MOST_FAILURES + 11)}


# --- histograms


def test_every_latency_limit_of_the_shipped_settings_is_a_bound_as_it_is() -> None:
    assert latency_bounds_s(load_settings(environ={}).thresholds) == BOUNDS_S


def test_a_limit_of_ones_own_becomes_a_bound() -> None:
    thresholds = {
        "chat": {
            "p95_ms": Limits(pass_below=2200, fail_above=5000),
            "goodput_ratio": Limits(pass_above=0.9, within_ms=1234),
            "success_ratio": Limits(pass_above=0.95),
        },
        "portal": {"rss_mb": Limits(pass_below=7)},
    }
    assert set(latency_bounds_s(thresholds)) - set(BOUNDS_S) == {2.2, 1.234}
    assert list(latency_bounds_s(thresholds)) == sorted(latency_bounds_s(thresholds))


@given(st.lists(st.integers(min_value=1, max_value=HIGHEST_US), max_size=60))
def test_the_count_up_to_a_bound_is_right_to_a_thousandth_of_the_bound(values_us: list[int]) -> None:
    buckets, sum_s = cumulative(histogram(values_us), BOUNDS_S)
    assert [bound for bound, _ in buckets] == [*map(str, BOUNDS_S), "+Inf"]
    for (_, count), bound in zip(buckets, BOUNDS_S, strict=False):
        bound_us = bound * 1e6
        assert sum(value <= bound_us for value in values_us) <= count
        assert count <= sum(value <= bound_us * 1.001 for value in values_us)
    assert buckets[-1][1] == len(values_us)
    assert sum_s == pytest.approx(sum(values_us) / 1e6, rel=1e-3, abs=1e-5)


def test_a_value_on_a_bound_is_within_it() -> None:
    buckets, _ = cumulative(histogram(round(bound * 1e6) for bound in BOUNDS_S), BOUNDS_S)
    assert [count for _, count in buckets] == [*range(1, len(BOUNDS_S) + 1), len(BOUNDS_S)]
