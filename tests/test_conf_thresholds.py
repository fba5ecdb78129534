"""What may be demanded of a metric."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from conf.errors import SettingsError
from conf.loading import load_settings
from conf.operations import Operation
from conf.thresholds import Limits, Metric


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
    assert Limits(**limits).model_dump(exclude_none=True) == limits


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
    assert "thresholds.chat.p96_ms: Input should be 'success_ratio'" in complaints(
        {"chat": {"p96_ms": {"pass_below": 1}}}
    )


def test_the_shipped_table_is_the_documents() -> None:
    shipped = load_settings(environ={}).thresholds
    assert shipped[Operation.CHAT][Metric.P95_MS] == Limits(pass_below=3000, fail_above=5000)
    assert shipped[Operation.ONBOARDING_FLOW][Metric.SUCCESS_RATIO] == Limits(pass_at_least=1, fail_below=0.9)
    assert shipped[Operation.RAG_SEARCH][Metric.P99_MS] == Limits(pass_below=1000)
    assert shipped["portal"][Metric.RSS_MB] == Limits(pass_below=200, fail_above=500)
