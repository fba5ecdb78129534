from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.thresholds import Limits
from reports.limits import assess_metric
from reports.wording.figures import Column, fails_text, figure, passes_text, per_second, seconds

P95 = Limits(pass_below=3000, fail_above=5000)
RATIO = Limits(pass_above=0.95, fail_below=0.9)


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("p95_ms", 12345.6, "12,346 ms"),
        ("p95_ms", 845.4, "845 ms"),
        ("p95_ms", 12.34, "12.3 ms"),
        ("p95_ms", 1.2345, "1.23 ms"),
        ("success_ratio", 58 / 60, "96.7 %"),
        ("success_ratio", 1.0, "100 %"),
        ("success_ratio", 0.0, "0 %"),
        ("success_ratio", 0.9999, "99.99 %"),
        ("rss_mb", 145.4, "145 MB"),
        ("isolation_failures", 1234, "1,234"),
        ("p95_ms", None, "\u2013"),
    ],
)
def test_values_have_a_unit_and_separators(metric: str, value: float | None, text: str) -> None:
    assert plain(figure(metric, value)) == text


@pytest.mark.parametrize(
    ("metric", "value", "limits", "text"),
    [
        ("p95_ms", 2999.6, P95, "2,999.6 ms"),
        ("p95_ms", 5000.004, P95, "5,000.004 ms"),
        ("p95_ms", 3000, P95, "3,000 ms"),
        ("success_ratio", 0.95001, RATIO, "95.001 %"),
        ("success_ratio", 0.89996, RATIO, "89.996 %"),
    ],
)
def test_a_value_is_never_rounded_across_its_limit(
    metric: str, value: float, limits: Limits, text: str
) -> None:
    assert plain(figure(metric, value, limits)) == text


@given(st.floats(2990, 3010) | st.floats(4990, 5010))
def test_what_is_shown_is_judged_as_what_was_measured(value: float) -> None:
    shown = float(plain(figure("p95_ms", value, P95)).removesuffix(" ms").replace(",", ""))
    near = min(abs(value - 3000), abs(value - 5000))
    assert near < 1e-6 or assess_metric(shown, P95) is assess_metric(value, P95)


@pytest.mark.parametrize(
    ("metric", "limits", "passes", "fails"),
    [
        ("p95_ms", P95, "< 3,000 ms", "> 5,000 ms"),
        ("p50_ms", Limits(pass_below=2000), "< 2,000 ms", "\u2013"),
        ("p50_ms", Limits(fail_above=2000), "< 2,000 ms", "> 2,000 ms"),
        ("success_ratio", RATIO, "> 95 %", "< 90 %"),
        ("success_ratio", Limits(pass_at_least=1, fail_below=0.9), "100 %", "< 90 %"),
        ("success_ratio", Limits(pass_at_least=0.995), "≥ 99.5 %", "\u2013"),
        ("success_ratio", Limits(fail_below=0.5), "> 50 %", "< 50 %"),
        ("rss_mb", Limits(pass_below=200, fail_above=500), "< 200 MB", "> 500 MB"),
        ("isolation_failures", None, "none", "any"),
    ],
)
def test_limits_say_what_passes_and_what_fails(
    metric: str, limits: Limits | None, passes: str, fails: str
) -> None:
    assert (plain(passes_text(metric, limits)), plain(fails_text(metric, limits))) == (passes, fails)


def test_the_digits_of_a_column_line_up() -> None:
    assert [Column([168, 1900]).text(value) for value in (168.4, 1900.2, 0.2, None)] == [
        "168", "1,900", "<1", "\u2013",
    ]  # fmt: skip
    assert [Column([1.2, 1900]).text(value) for value in (1.23, 1900.2, 0.01, 0)] == [
        "1.2", "1,900.2", "<0.1", "0.0",
    ]  # fmt: skip


def test_rates_and_lengths_of_time() -> None:
    assert [per_second(rate) for rate in (None, 2.345, 1234.5)] == ["\u2013", "2.3", "1,234"]
    assert [plain(seconds(length)) for length in (None, 6, 119.96, 14400)] == [
        "\u2013", "6.0 s", "120.0 s", "240 min 0 s",
    ]  # fmt: skip
