from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from measured_series import series

from conf.loading import load_settings
from conf.metric import parse_metric
from conf.operations import Operation, Outcome
from conf.subject import Subject
from conf.thresholds import Limits
from monitoring.measurement import Tag
from reports.finding import Finding, Undecided
from reports.judgement.assessment import assess_state, assess_subject
from reports.judgement.measured_sample import MeasuredSample
from reports.judgement.selection import build_sample
from reports.state import State
from reports.statistics.distribution import nearest_rank
from reports.statistics.latencies import Bound, Latencies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reports.statistics.series import Series

PHASE17 = load_settings(environ={}).thresholds["chat"]
QUICK = [outcome for outcome in Outcome if outcome.is_failure and not outcome.is_slow]
ANY = Limits(pass_below=1e9)

durations = st.integers(1, 70_000)
answers = st.lists(durations, min_size=1, max_size=60)
waits = st.lists(durations, max_size=30)
percents = st.sampled_from([1.0, 25.0, 50.0, 90.0, 95.0, 99.0, 99.9])


def at(values_ms: Sequence[float]) -> Series:
    """Half of them five seconds after the others: two windows."""
    half = len(values_ms) // 2
    return series((0.0, list(values_ms[:half])), (5.0, list(values_ms[half:])))


def latencies(answered: Sequence[float], waited: Sequence[float] = ()) -> Latencies:
    return Latencies(at(answered), at(waited))


def bound(found: Bound | None) -> Bound:
    assert found is not None
    return found


def sample(results: Mapping[Outcome, Sequence[float]], length_s: float = 60) -> MeasuredSample:
    measurements = {
        Tag(Operation.CHAT, outcome, 0, planned): at(values)
        for outcome, values in results.items()
        if values
        for planned in (False, True)
    }
    return build_sample(measurements, Subject(Operation.CHAT), None, length_s)


def judged(
    results: Mapping[Outcome, Sequence[float]], demands: Mapping[str, Limits] = PHASE17, minimum: int = 20
) -> dict[str, Finding]:
    findings = assess_subject("chat", [sample(results)], demands, minimum)
    return {finding.metric: finding for finding in findings}


@given(answers, waits, durations, percents)
def test_another_slow_failure_never_makes_a_latency_smaller(
    answered: list[int], waited: list[int], further: int, percent: float
) -> None:
    before, after = latencies(answered, waited), latencies(answered, [*waited, further])
    assert bound(after.percentile(percent)).value >= bound(before.percentile(percent)).value
    assert bound(after.mean()).value >= bound(before.mean()).value * (1 - 1e-9)
    assert bound(after.maximum()).value >= bound(before.maximum()).value


@given(answers, st.integers(0, 30), durations, percents)
def test_timeouts_have_their_place_behind_all_answers(
    answered: list[int], timeouts: int, longer_ms: int, percent: float
) -> None:
    waited = [max(answered) + longer_ms] * timeouts
    everything = sorted([*answered, *waited])
    rank = nearest_rank(len(everything), percent)
    found = bound(latencies(answered, waited).percentile(percent))
    assert found.value == pytest.approx(everything[rank - 1], rel=2e-3)
    assert found.at_least is (rank > len(answered))


@given(answers, waits, percents)
def test_a_latency_that_is_not_at_least_holds_however_long_what_waited_would_have_taken(
    answered: list[int], waited: list[int], percent: float
) -> None:
    found = bound(latencies(answered, waited).percentile(percent))
    forever = bound(latencies(answered, [10_000_000] * len(waited)).percentile(percent))
    assert found.value <= forever.value
    if not found.at_least:
        assert found.value == pytest.approx(forever.value, rel=2e-3)


@given(answers, waits, st.lists(durations, max_size=30), st.sampled_from(QUICK))
def test_quick_failures_change_no_latency(
    answered: list[int], waited: list[int], failed: list[int], outcome: Outcome
) -> None:
    results = {Outcome.SUCCESS: answered, Outcome.TIMEOUT: waited}
    before, after = sample(results), sample({**results, outcome: failed})
    for name in ("p50_ms", "p95_ms", "p99_ms", "mean_ms", "max_ms", "planned_p95_ms"):
        metric = parse_metric(name)
        assert after.measured(metric, ANY) == before.measured(metric, ANY)
        assert after.interval(metric, ANY) == before.interval(metric, ANY)
    assert after.latencies().summary() == before.latencies().summary()


@given(
    st.lists(st.integers(1, 6000), min_size=20, max_size=80),
    st.lists(st.integers(1, 8000), max_size=6),
    st.lists(st.integers(1, 8000), max_size=6),
    st.sampled_from([*QUICK, Outcome.TIMEOUT]),
)
def test_no_verdict_to_deploy_by_survives_better_than_if_all_that_was_cut_off_had_failed(
    answered: list[int], timeouts: list[int], cut_off: list[int], outcome: Outcome
) -> None:
    results = {Outcome.SUCCESS: answered, Outcome.TIMEOUT: timeouts}
    before = judged({**results, Outcome.CUT_OFF: cut_off})
    failed = {**results, outcome: [*results.get(outcome, []), *cut_off]}
    after = judged(failed)
    state = assess_state(before.values())
    assert state is not None
    if state < State.FAIL:
        worse = assess_state(after.values())
        assert worse is not None
        assert worse <= state


@given(answers, waits, percents)
def test_an_interval_holds_its_figure_and_is_finite(
    answered: list[int], waited: list[int], percent: float
) -> None:
    found = latencies(answered * 10, waited)
    interval = found.percentile_interval(percent)
    if interval is not None:
        value = bound(found.percentile(percent))
        assert interval.low <= value.value <= interval.high < math.inf
        assert interval.at_least or not value.at_least
    mean = found.mean_interval()
    assert mean is not None
    assert mean.low <= bound(found.mean()).value <= mean.high < math.inf


def test_requests_that_are_never_answered_are_seen_in_p99() -> None:
    results = {Outcome.SUCCESS: [2521.0] * 967, Outcome.TIMEOUT: [6000.4] * 33}
    finding = judged(results)["p99_ms"]
    assert finding.value == pytest.approx(6000, rel=1e-3)
    assert (finding.at_least, finding.state) == (True, State.WARN)
    assert judged(results, {"p99_ms": Limits(fail_above=5000)})["p99_ms"].state is State.FAIL


def test_timeouts_shorter_than_the_limit_decide_nothing() -> None:
    results = {Outcome.SUCCESS: [100.0] * 97, Outcome.TIMEOUT: [2000.0] * 3}
    finding = judged(results)["p99_ms"]
    assert (finding.state, finding.undecided) == (None, Undecided.TIMED_OUT)
    assert judged(results)["p95_ms"].state is State.PASS


def test_what_was_cut_off_is_neither_success_nor_failure() -> None:
    results = {Outcome.SUCCESS: [100.0] * 120, Outcome.CUT_OFF: [3000.0] * 4}
    found = sample(results)
    assert (found.requests, found.attempts, found.successes) == (124, 120, 120)
    assert found.cut_off.count == 4
    assert found.cut_off.longest_ms == pytest.approx(3000, rel=1e-3)
    finding = judged(results)["success_ratio"]
    assert (finding.value, finding.state) == (1.0, State.PASS)


def test_a_pass_that_would_not_be_one_had_what_was_cut_off_failed_is_undecided() -> None:
    results = {Outcome.SUCCESS: [100.0] * 120, Outcome.CUT_OFF: [3000.0] * 14}
    findings = judged(results)
    assert findings["success_ratio"].value == 1.0
    assert {name: f.undecided for name, f in findings.items()} == {
        "success_ratio": Undecided.CUT_OFF,
        "p50_ms": None,
        "p95_ms": Undecided.CUT_OFF,
        "p99_ms": Undecided.CUT_OFF,
    }
    assert assess_state(findings.values()) is State.NO_VERDICT
    failed = judged({**results, Outcome.STATUS: [5.0] * 30})
    assert assess_state(failed.values()) is State.FAIL


def test_what_was_cut_off_after_the_limit_of_a_quick_answer_is_none() -> None:
    demands = {"goodput_ratio": Limits(fail_below=0.95, within_ms=2000)}
    results = {Outcome.SUCCESS: [100.0] * 90, Outcome.CUT_OFF: [3000.0] * 10}
    finding = judged(results, demands)["goodput_ratio"]
    assert (finding.value, finding.state) == (0.9, State.FAIL)
    undecided = judged({**results, Outcome.CUT_OFF: [1000.0] * 10}, demands)["goodput_ratio"]
    assert (undecided.value, undecided.undecided) == (1.0, Undecided.CUT_OFF)


@pytest.mark.parametrize("limits", [Limits(pass_below=3000), Limits(fail_above=3000)])
def test_a_percentile_of_attempts_that_lies_among_failures_fails(limits: Limits) -> None:
    results = {Outcome.SUCCESS: [100.0] * 98, Outcome.STATUS: [5.0] * 2}
    findings = judged(results, {"attempt_p99_ms": limits, "attempt_p95_ms": limits})
    assert findings["attempt_p95_ms"].state is State.PASS
    assert not findings["attempt_p95_ms"].certain
    never = findings["attempt_p99_ms"]
    assert (never.value, never.state, never.never_answered) == (None, State.FAIL, True)


@given(answers, waits, waits, st.sampled_from(["attempt_p50_ms", "attempt_p99_ms", "p99_ms", "mean_ms"]))
def test_whatever_is_never_answered_no_figure_is_infinite(
    answered: list[int], timeouts: list[int], failed: list[int], name: str
) -> None:
    results = {Outcome.SUCCESS: answered * 10, Outcome.TIMEOUT: timeouts, Outcome.STATUS: failed}
    finding = judged(results, {name: Limits(fail_above=1000)})[name]
    interval = [finding.interval.low, finding.interval.high] if finding.interval else []
    json.dumps([finding.value, *interval], allow_nan=False)


def test_what_was_cut_off_early_says_nothing_of_the_longer_durations() -> None:
    found = latencies([100.0] * 50 + [900.0] * 50, [10.0] * 900)
    assert bound(found.percentile(99)) == (bound(latencies([900.0]).percentile(99)).value, math.inf)


def failing(kind: Outcome, seconds: float) -> MeasuredSample:
    results = {Outcome.SUCCESS: series((0.0, [1500.0] * 960)), kind: series((0.0, [seconds * 1000] * 40))}
    return MeasuredSample(Subject(Operation.CHAT), results, {}, 10.0)


P99 = parse_metric("p99_ms")
P99_LIMITS = Limits(pass_below=3000, fail_above=5000)


@pytest.mark.parametrize("kind", [Outcome.STATUS, Outcome.CONNECTION, Outcome.VALIDATION])
def test_an_error_that_comes_after_all_limits_is_no_quick_failure(kind: Outcome) -> None:
    late = failing(kind, 30.0).measured(P99, P99_LIMITS)
    assert late is not None
    assert late.value == pytest.approx(30_000, rel=1e-3)
    assert late.at_least
    quick = failing(kind, 0.01).measured(P99, P99_LIMITS)
    assert quick is not None
    assert quick.value == pytest.approx(1_500, rel=1e-3)
    assert not quick.at_least
