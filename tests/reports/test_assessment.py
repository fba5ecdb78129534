from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.errors import ExitCode
from conf.loading import load_settings
from conf.operations import Journey, Operation, Outcome
from conf.thresholds import Limits
from reports.finding import Finding
from reports.judgement.assessment import (
    assess_isolation,
    assess_memory,
    assess_subject,
    assess_success,
    exit_code,
    judged_subjects,
    worst_state,
)
from reports.judgement.locust_sample import LocustSample
from reports.judgement.validity import assess_validity
from reports.limits import assess_metric
from reports.problem import Problem
from reports.processes import MemoryRow
from reports.reading.locust_csv import StatsRow
from reports.record import FailureGroup, Verdict
from reports.rows import OperationRow, Source
from reports.state import State
from reports.statistics.distribution import Latency

NOTHING_JUDGED = Problem("nothing_judged", "No criterion names any operation of this run")

PHASE17 = load_settings(environ={}).thresholds
RATIO = PHASE17["chat"]["success_ratio"]
ALL = PHASE17["onboarding_flow"]["success_ratio"]
P95 = PHASE17["chat"]["p95_ms"]
P50 = PHASE17["chat"]["p50_ms"]
MEMORY = PHASE17["portal"]["rss_mb"]

positive = st.floats(min_value=0, max_value=1e6)


@st.composite
def small_limits(draw: st.DrawFn) -> Limits:
    low, high = sorted((draw(positive), draw(positive)))
    return draw(
        st.sampled_from(
            [Limits(pass_below=low, fail_above=high), Limits(pass_below=low), Limits(fail_above=high)]
        )
    )


@st.composite
def large_limits(draw: st.DrawFn) -> Limits:
    low, high = sorted((draw(st.floats(0, 1)), draw(st.floats(0, 1))))
    return draw(
        st.sampled_from(
            [
                Limits(pass_above=high, fail_below=low),
                Limits(pass_at_least=high, fail_below=low),
                Limits(pass_above=high),
                Limits(pass_at_least=high),
                Limits(fail_below=low),
            ]
        )
    )


def chat_row(requests: int, failures: int = 0, p95_ms: float = 100) -> OperationRow:
    latency = Latency(1, 50, 50, p95_ms, p95_ms, p95_ms) if requests > failures else Latency()
    return OperationRow(
        "chat", "POST", Operation.CHAT, requests, failures, None, latency, Source.MEASUREMENTS
    )


def sample_of(row: OperationRow) -> LocustSample:
    latency = row.latency
    percentiles = {50.0: latency.p50_ms, 95.0: latency.p95_ms, 99.0: latency.p99_ms}
    known = {percent: value for percent, value in percentiles.items() if value is not None}
    return LocustSample(StatsRow(row.method, row.name, row.requests, row.failures, None, latency, known))


def assess_chat(
    *rows: OperationRow, demands: dict[str, Limits] = PHASE17["chat"], minimum: int = 20
) -> list[Finding]:
    return assess_subject("chat", [sample_of(row) for row in rows], demands, minimum)


def chat_state(row: OperationRow, minimum: int = 20) -> State:
    findings = assess_chat(row, minimum=minimum)
    return worst_state(findings, assess_validity([row], findings, minimum, NOTHING_JUDGED))


@pytest.mark.parametrize("limits", [RATIO, ALL, P95, P50, MEMORY, Limits(fail_above=1), Limits(fail_below=1)])
@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_no_data_is_never_a_pass(limits: Limits, value: float | None) -> None:
    assert assess_metric(value, limits) is State.NO_VERDICT


@given(st.one_of(small_limits(), large_limits()))
def test_no_limits_make_a_pass_of_no_data(limits: Limits) -> None:
    assert assess_metric(None, limits) is State.NO_VERDICT


def test_a_run_without_any_finding_has_no_verdict() -> None:
    assert worst_state([], []) is State.NO_VERDICT


def test_a_run_whose_only_finding_could_not_be_judged_has_no_verdict() -> None:
    assert worst_state([Finding("portal", "rss_mb", None, MEMORY, None)], []) is State.NO_VERDICT


@pytest.mark.parametrize(
    ("limits", "value", "state"),
    [
        (RATIO, 0.9501, State.PASS),
        (RATIO, 57 / 60, State.WARN),
        (RATIO, 54 / 60, State.WARN),
        (RATIO, 0.8999, State.FAIL),
        (ALL, 1.0, State.PASS),
        (ALL, 0.9999, State.WARN),
        (ALL, 0.9, State.WARN),
        (ALL, 0.89, State.FAIL),
        (P50, 1999.9, State.PASS),
        (P50, 2000, State.WARN),
        (P50, 1e9, State.WARN),
        (P95, 2999.9, State.PASS),
        (P95, 3000, State.WARN),
        (P95, 5000, State.WARN),
        (P95, 5000.1, State.FAIL),
        (MEMORY, 199.9, State.PASS),
        (MEMORY, 200, State.WARN),
        (MEMORY, 500, State.WARN),
        (MEMORY, 500.1, State.FAIL),
        (Limits(fail_above=10), 9.9, State.PASS),
        (Limits(fail_above=10), 10, State.WARN),
        (Limits(fail_below=0.5), 0.6, State.PASS),
        (Limits(fail_below=0.5), 0.5, State.WARN),
    ],
)
def test_a_value_on_a_limit_belongs_to_the_milder_side(limits: Limits, value: float, state: State) -> None:
    assert assess_metric(value, limits) is state


@given(small_limits(), positive, positive)
def test_a_larger_duration_is_never_judged_better(limits: Limits, one: float, other: float) -> None:
    better, worse = sorted((one, other))
    assert assess_metric(better, limits) <= assess_metric(worse, limits)


@given(large_limits(), st.floats(0, 1), st.floats(0, 1))
def test_a_smaller_ratio_is_never_judged_better(limits: Limits, one: float, other: float) -> None:
    worse, better = sorted((one, other))
    assert assess_metric(better, limits) <= assess_metric(worse, limits)


@given(st.integers(0, 200), st.integers(0, 50), st.integers(1, 50), st.sampled_from([100, 3500, 6000]))
def test_further_failures_never_make_a_verdict_one_to_deploy_by(
    successes: int, failures: int, further: int, p95_ms: float
) -> None:
    before = chat_state(chat_row(successes + failures, failures, p95_ms))
    after = chat_state(chat_row(successes + failures + further, failures + further, p95_ms))
    assert min(after, State.FAIL) >= min(before, State.FAIL)


@given(st.integers(0, 500), st.integers(0, 500), st.integers(1, 100))
def test_fewer_requests_than_the_minimum_are_no_verdict(successes: int, failures: int, further: int) -> None:
    minimum = successes + failures + further
    assert chat_state(chat_row(successes + failures, failures), minimum) is State.NO_VERDICT


@given(st.integers(0, 500), st.integers(0, 500), st.integers(1, 100))
def test_fewer_answers_than_the_minimum_are_never_a_pass(successes: int, failures: int, further: int) -> None:
    minimum = successes + further
    assert chat_state(chat_row(successes + failures, failures), minimum) >= State.FAIL


def test_latencies_of_too_few_successes_are_shown_and_not_judged() -> None:
    findings = assess_chat(chat_row(60, 41))
    states = {finding.metric: (finding.value, finding.state) for finding in findings}
    assert states["success_ratio"] == (19 / 60, State.FAIL)
    assert states["p95_ms"] == (100, None)


def test_a_failed_share_stands_however_few_the_answers_are() -> None:
    for failures in (60, 41):
        assert chat_state(chat_row(60, failures)) is State.FAIL


def test_latencies_of_too_few_answers_are_no_verdict_where_nothing_else_fails() -> None:
    row = chat_row(60, 41)
    findings = assess_chat(row, demands={"p95_ms": P95, "success_ratio": Limits(pass_above=0.1)})
    assert [problem.code for problem in assess_validity([row], findings, 20, NOTHING_JUDGED)] == [
        "too_few_requests"
    ]
    assert assess_validity([row], assess_chat(row), 20, NOTHING_JUDGED) == []


def test_an_optional_latency_of_too_few_answers_warns() -> None:
    row, limits = chat_row(60, 41), P95.model_copy(update={"optional": True})
    findings = assess_chat(row, demands={"p95_ms": limits, "success_ratio": Limits(pass_above=0.1)})
    assert worst_state(findings, assess_validity([row], findings, 20, NOTHING_JUDGED)) is State.WARN


def test_what_was_not_asked_because_its_journey_fails_is_no_problem_of_the_test() -> None:
    searches = OperationRow(
        "rag_search", "FLOW", Operation.RAG_SEARCH, 60, 60, None, Latency(), Source.MEASUREMENTS
    )
    demands = {"success_ratio": RATIO}
    findings = [
        *assess_subject("rag_search", [sample_of(searches)], demands, 20),
        *assess_subject("rag_query", [], demands, 20),
    ]
    assert worst_state(findings, assess_validity([searches], findings, 20, NOTHING_JUDGED)) is State.FAIL
    findings += assess_subject("chat", [], demands, 20)
    problems = assess_validity([searches], findings, 20, NOTHING_JUDGED)
    assert [problem.code for problem in problems] == ["never_measured"]
    assert worst_state(findings, problems) is State.NO_VERDICT


def broken(row: OperationRow, *findings: Finding) -> list[str]:
    return [finding.subject for finding in assess_success([row], findings, 20)]


def test_an_operation_of_which_nothing_succeeds_fails_whatever_is_demanded() -> None:
    assert broken(chat_row(60, 60)) == ["chat"]
    assert broken(chat_row(60, 59)) == []
    assert broken(chat_row(19, 19)) == []
    assert broken(chat_row(60, 60), *assess_chat(chat_row(60, 60))) == []


def test_a_foreign_run_in_which_everything_failed_fails() -> None:
    rows = [
        OperationRow(name, "POST", None, 10, failures, None, Latency(), Source.LOCUST_CSV)
        for name, failures in (("/predict", 10), ("/train", 10))
    ]
    findings = assess_success(rows, [], 20)
    assert [finding.state for finding in findings] == [State.FAIL]
    assert worst_state(findings, assess_validity(rows, findings, 20, NOTHING_JUDGED)) is State.FAIL
    assert assess_success([*rows, replace(rows[0], failures=9)], [], 20) == []


def test_exactly_the_minimum_of_successes_is_judged() -> None:
    assert chat_state(chat_row(20)) is State.PASS


def test_an_operation_that_was_never_called_has_no_verdict_in_any_criterion() -> None:
    findings = assess_chat()
    assert {finding.state for finding in findings} == {State.NO_VERDICT}
    assert {finding.note for finding in findings} == {"never measured"}
    assert [problem.code for problem in assess_validity([], findings, 20, NOTHING_JUDGED)] == [
        "never_measured"
    ]


def test_a_metric_that_the_source_does_not_give_has_no_verdict() -> None:
    row = OperationRow("chat", "POST", Operation.CHAT, 90, 0, None, Latency(p50_ms=10), Source.LOCUST_CSV)
    states = {f.metric: f.state for f in assess_chat(row)}
    assert states["p50_ms"] is State.PASS
    assert states["p95_ms"] is State.NO_VERDICT


def test_percentiles_of_several_rows_are_never_combined() -> None:
    findings = assess_chat(chat_row(60), chat_row(60))
    assert {finding.state for finding in findings} == {State.NO_VERDICT}


def test_an_operation_is_judged_where_its_journey_is_claimed_even_if_it_was_never_seen() -> None:
    assert judged_subjects(PHASE17, [Journey.RAG], []) == ["rag_search"]
    assert judged_subjects(PHASE17, [], [chat_row(1)]) == ["chat"]
    assert judged_subjects(PHASE17, [], []) == []


def test_nothing_judged_makes_the_test_invalid() -> None:
    assert [problem.code for problem in assess_validity([chat_row(60)], [], 20, NOTHING_JUDGED)] == [
        "nothing_judged"
    ]


def test_one_isolation_failure_among_many_successes_fails() -> None:
    row = OperationRow(
        "chat", "POST", Operation.CHAT, 100_000, 1, None, Latency(), Source.MEASUREMENTS, isolation=1
    )
    (finding,) = assess_isolation([row], [])
    assert (finding.state, finding.value) == (State.FAIL, 1)
    assert assess_isolation([chat_row(100, 5)], []) == []


def test_isolation_failures_that_only_the_failure_list_knows_fail_too() -> None:
    group = FailureGroup("chat", "POST", Operation.CHAT, Outcome.ISOLATION, "a source …", 2)
    (finding,) = assess_isolation([chat_row(100, 5)], [group])
    assert (finding.state, finding.value) == (State.FAIL, 2)


def memory(process: str, peak_mb: float) -> MemoryRow:
    return MemoryRow(process, 3, 100, 100, peak_mb, (100, peak_mb, 100))


def test_the_portals_memory_is_judged_by_its_peak() -> None:
    (finding,) = assess_memory([memory("local", 900), memory("portal", 501)], PHASE17, [Journey.CHAT])
    assert (finding.value, finding.state) == (501, State.FAIL)


def test_memory_that_was_not_seen_is_reported_and_changes_no_verdict() -> None:
    (finding,) = assess_memory([memory("local", 900)], PHASE17, [Journey.ONBOARDING])
    assert finding.state is None
    assert "not seen" in finding.note
    assert worst_state([finding, Finding("chat", "p50_ms", 1, P50, State.PASS)], []) is State.PASS


def test_vector_search_alone_does_not_judge_the_portals_memory() -> None:
    assert assess_memory([memory("portal", 900)], PHASE17, [Journey.RAG]) == []


def test_any_problem_outweighs_every_finding() -> None:
    findings = [
        Finding("chat", "p50_ms", 1, P50, State.PASS),
        Finding("chat", "p95_ms", 9e9, P95, State.FAIL),
    ]
    assert worst_state(findings, []) is State.FAIL
    assert worst_state(findings, [Problem("worker_lost", "worker 2 was lost")]) is State.NO_VERDICT


@pytest.mark.parametrize(
    ("state", "strict", "code"),
    [
        (State.PASS, False, ExitCode.OK),
        (State.PASS, True, ExitCode.OK),
        (State.WARN, False, ExitCode.OK),
        (State.WARN, True, ExitCode.FAIL),
        (State.FAIL, False, ExitCode.FAIL),
        (State.FAIL, True, ExitCode.FAIL),
        (State.NO_VERDICT, False, ExitCode.NO_VERDICT),
        (State.NO_VERDICT, True, ExitCode.NO_VERDICT),
    ],
)
def test_every_state_has_its_exit_code(state: State, strict: bool, code: ExitCode) -> None:  # noqa: FBT001 - a parameter of the table
    assert exit_code(verdict_of(state), strict=strict) is code


def verdict_of(state: State, *findings: Finding) -> Verdict:
    return Verdict(state, "run", None, (), "limits", findings, *[()] * 11)


@pytest.mark.parametrize(
    ("certain", "optional", "code"), [(True, False, 0), (None, False, 0), (False, False, 1), (False, True, 0)]
)
def test_strict_lets_no_pass_through_that_is_not_certain(
    *, certain: bool | None, optional: bool, code: int
) -> None:
    limits = Limits(pass_below=2000, optional=optional)
    finding = Finding("chat", "p50_ms", 1900, limits, State.PASS, count=60, certain=certain)
    assert exit_code(verdict_of(State.PASS, finding), strict=True) == code
    assert exit_code(verdict_of(State.PASS, finding), strict=False) is ExitCode.OK
