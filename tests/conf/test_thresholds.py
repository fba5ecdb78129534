"""What may be demanded of a metric."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from conf.errors import SettingsError
from conf.loading import load_settings
from conf.measurable import require_measurable
from conf.metric import Metric, MetricKind, parse_metric
from conf.operations import Journey, Operation, Outcome
from conf.stream_figures import Moment
from conf.subject import Subject, parse_subject
from conf.thresholds import Limits


@pytest.mark.parametrize(
    "limits",
    [
        {"pass_below": 3000, "fail_above": 5000},
        {"pass_below": 3000, "fail_above": 3000},
        {"pass_below": 0},
        {"fail_above": 1},
        {"pass_above": 0.95, "fail_below": 0.9},
        {"pass_at_least": 1, "fail_below": 1},
        {"fail_below": 0.9},
    ],
)
def test_limits_of_one_direction_are_accepted(limits: dict[str, float]) -> None:
    assert Limits(**limits).model_dump(exclude_defaults=True) == limits


@pytest.mark.parametrize(
    ("limits", "complaint"),
    [
        ({}, "give either"),
        ({"pass_below": 1, "fail_below": 2}, "give either"),
        ({"fail_above": 1, "pass_at_least": 2}, "give either"),
        ({"pass_above": 0.9, "pass_at_least": 0.9}, "not both"),
        ({"pass_below": 5, "fail_above": 3}, r"fail_above \(3\) lies below pass_below \(5\)"),
        ({"pass_above": 0.9, "fail_below": 0.95}, "lies above where PASS begins"),
        ({"pass_at_least": 0.9, "fail_below": 0.95}, "lies above where PASS begins"),
        ({"pass_below": -1}, "greater than or equal to 0"),
        ({"pass_below": float("inf")}, "finite"),
        ({"pass_below": float("nan")}, "finite|greater"),
        ({"pass_under": 1}, "not permitted"),
    ],
)
def test_limits_that_contradict_each_other_are_refused(limits: dict[str, float], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Limits(**limits)


def complaints(thresholds: dict[str, Any]) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings({"thresholds": thresholds}, environ={})
    return str(caught.value)


def test_a_criterion_names_an_operation_or_the_portal() -> None:
    told = complaints({"chta": {"p95_ms": {"pass_below": 1}}})
    assert "command line: thresholds.chta: 'chta' is not an operation; allowed: chat, " in told


def test_a_criterion_names_a_metric_that_its_subject_has() -> None:
    assert "chat has no rss_mb; allowed: success_ratio, " in complaints(
        {"chat": {"rss_mb": {"pass_below": 1}}}
    )
    assert "portal has no p95_ms; allowed: rss_mb" in complaints({"portal": {"p95_ms": {"pass_below": 1}}})
    assert "thresholds.chat.p95: 'p95' is not a metric; allowed: success_ratio, " in complaints(
        {"chat": {"p95": {"pass_below": 1}}}
    )
    assert "chat.timeout has no success_ratio; allowed: ratio, " in complaints(
        {"chat.timeout": {"success_ratio": {"pass_above": 1}}}
    )


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("chat", Subject(Operation.CHAT)),
        ("chat.timeout", Subject(Operation.CHAT, Outcome.TIMEOUT)),
        ("rag_search@50", Subject(Operation.RAG_SEARCH, users=50)),
        ("rag_search.success@5", Subject(Operation.RAG_SEARCH, Outcome.SUCCESS, 5)),
        ("portal", Subject(None)),
    ],
)
def test_a_subject_is_an_operation_its_outcome_and_its_step(text: str, subject: Subject) -> None:
    assert parse_subject(text) == subject


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("chat.slow", "'slow' is not an outcome; allowed: success, status, "),
        ("chat@many", "'chat@many' is not an operation, operation.outcome or operation@users"),
        ("chat@0", "is not an operation, operation.outcome"),
        ("", "is not an operation, operation.outcome"),
        ("portal@5", "'portal' is not an operation; allowed: chat, "),
    ],
)
def test_a_subject_that_is_nothing_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_subject(text)


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("p95_ms", Metric(MetricKind.PERCENTILE, 95)),
        ("p99_9_ms", Metric(MetricKind.PERCENTILE, 99.9)),
        ("planned_p50_ms", Metric(MetricKind.PERCENTILE, 50, planned=True)),
        ("planned_max_ms", Metric(MetricKind.MAX, planned=True)),
        ("goodput_ratio", Metric(MetricKind.GOODPUT_RATIO)),
    ],
)
def test_a_metric_is_read_from_its_name(name: str, metric: Metric) -> None:
    assert parse_metric(name) == metric


@pytest.mark.parametrize(
    "name", ["p0_ms", "p100_ms", "p95", "planned_success_ratio", "pNN_ms", "p95,5_ms", ""]
)
def test_a_name_that_is_no_metrics_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a metric; allowed: success_ratio"):
        parse_metric(name)


def test_a_gap_has_no_planned_start() -> None:
    assert parse_metric("largest_gap_p95_ms").moment is Moment.LARGEST_GAP
    with pytest.raises(ValueError, match="planned_largest_gap_p95_ms' is not a metric: a gap"):
        parse_metric("planned_largest_gap_p95_ms")


@pytest.mark.parametrize(
    ("thresholds", "complaint"),
    [
        (
            {"chat": {"goodput_ratio": {"pass_above": 0.9}}},
            "within_ms belongs to goodput_ratio, which needs it",
        ),
        ({"chat": {"p95_ms": {"pass_below": 9, "within_ms": 5}}}, "within_ms belongs to goodput_ratio"),
        (
            {"chat": {"mean_ms": {"pass_below": 9, "stop_early": True}}},
            "stop_early needs fail_above or fail_below",
        ),
        (
            {"chat": {"mean_ms": {"fail_above": 9, "stop_early": True, "optional": True}}},
            "an optional criterion cannot stop a run",
        ),
        (
            {"portal": {"rss_mb": {"fail_above": 900, "stop_early": True}}},
            "only criteria about operations can stop",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(thresholds: dict[str, Any], complaint: str) -> None:
    assert complaint in complaints(thresholds)


def test_the_shipped_table_is_the_documents() -> None:
    shipped = load_settings(environ={}).thresholds
    assert shipped[Operation.CHAT]["p95_ms"] == Limits(pass_below=3000, fail_above=5000)
    assert shipped[Operation.ONBOARDING_FLOW]["success_ratio"] == Limits(pass_at_least=1, fail_below=0.9)
    assert shipped[Operation.RAG_SEARCH]["p99_ms"] == Limits(pass_below=1000)
    assert shipped["portal"]["rss_mb"] == Limits(pass_below=200, fail_above=500)


@pytest.mark.parametrize(
    ("contract", "journeys", "is_mistake"),
    [
        ("phase17", [Journey.CHAT], True),
        ("phase17", [Journey.RAG], False),
        ("phase17-stream", [Journey.CHAT], False),
    ],
)
def test_homeowners_who_shall_leave_answers_that_are_not_streamed_are_a_mistake_beside_the_others(
    contract: str, journeys: list[Journey], *, is_mistake: bool
) -> None:
    settings = load_settings({"target.contract": contract}, environ={})
    leaving = settings.profile.load(Journey.CHAT).model_copy(update={"abandon_ratio": 0.1})
    profile = settings.profile.model_copy(update={"chat": leaving})
    thresholds = settings.thresholds | {"rag_search@7": settings.thresholds["chat"]}
    streamed = settings.contract.streamed
    if not is_mistake:
        require_measurable(settings.thresholds, profile, journeys, streamed)
        return
    with pytest.raises(SettingsError) as refused:
        require_measurable(thresholds, profile, [*journeys, Journey.RAG], streamed)
    assert "profile.chat.abandon_ratio: the contract's answers to chat are not streamed" in str(refused.value)
    assert "the load has no step with 7 users" in str(refused.value)
