from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from built_run import BuiltRun, Result, evenly, failing
from hypothesis import given
from hypothesis import strategies as st

from conf.errors import LoadTestError
from conf.loading import load_settings
from conf.operations import Journey, Operation, Outcome
from conf.thresholds import Limits
from monitoring.measurement import new_histogram
from reports.finding import ISOLATION
from reports.rows import Source
from reports.state import State
from reports.statistics.distribution import Distribution
from reports.verdict import judge_run

if TYPE_CHECKING:
    from pathlib import Path

    from reports.record import Verdict


def codes(verdict: Verdict) -> list[str]:
    return [problem.code for problem in verdict.problems]


def onboardings(count: int) -> list[Result]:
    results = []
    for number in range(count):
        page, resolve = 100.0 + number, 200.0 + number
        results += [
            Result("onboarding_page", page),
            Result("onboarding_resolve", resolve),
            Result("onboarding_flow", page + resolve),
        ]
    return results


def test_a_healthy_chat_run_passes_every_criterion(tmp_path: Path) -> None:
    verdict = judge_run(BuiltRun(evenly("chat", 2800)).write(tmp_path / "run"))
    assert verdict.state is State.PASS
    assert [finding.metric for finding in verdict.findings] == [
        "success_ratio", "p50_ms", "p95_ms", "p99_ms", "rss_mb",
    ]  # fmt: skip
    assert (verdict.problems, verdict.notes, verdict.advice) == ((), (), ())


def test_percentiles_are_of_successful_requests_and_right_to_a_thousandth(tmp_path: Path) -> None:
    quick_failures = failing("chat", 4, message="HTTP 429 Too Many Requests", ms=1)
    verdict = judge_run(BuiltRun([*evenly("chat", 2000), *quick_failures]).write(tmp_path / "run"))
    (row,) = verdict.operations
    assert (row.requests, row.failures, row.source) == (104, 4, Source.MEASUREMENTS)
    assert row.latency.p50_ms == pytest.approx(1000, rel=1e-3)
    assert row.latency.p95_ms == pytest.approx(1900, rel=1e-3)
    assert row.latency.p99_ms == pytest.approx(1980, rel=1e-3)
    assert row.latency.min_ms == pytest.approx(20, rel=1e-3)
    assert row.latency.max_ms == pytest.approx(2000, rel=1e-3)
    assert row.latency.mean_ms == pytest.approx(1010, rel=1e-3)


def record(distribution: Distribution, us: int) -> None:
    histogram = new_histogram()
    histogram.record_value(us)
    distribution.add_encoded(histogram.encode())


@given(st.lists(st.integers(1, 600_000_000), min_size=1, max_size=120), st.sampled_from([50, 95, 99]))
def test_a_percentile_is_the_nearest_rank_and_never_too_small(values_us: list[int], percent: int) -> None:
    distribution = Distribution()
    for value in values_us:
        record(distribution, value)
    truth_ms = sorted(values_us)[-(-len(values_us) * percent // 100) - 1] / 1000
    assert truth_ms <= distribution.percentile(percent) <= truth_ms * 1.001


@given(st.lists(st.integers(1, 600_000_000), min_size=1, max_size=60), st.integers(0, 60))
def test_merging_distributions_loses_nothing(values_us: list[int], cut: int) -> None:
    whole, first, second = Distribution(), Distribution(), Distribution()
    for index, value in enumerate(values_us):
        record(whole, value)
        record(first if index < cut else second, value)
    merged = Distribution.merged([first, second])
    assert (merged.count, merged.latency()) == (whole.count, whole.latency())


def test_a_slow_run_warns_and_a_slower_one_fails(tmp_path: Path) -> None:
    assert judge_run(BuiltRun(evenly("chat", 3900)).write(tmp_path / "slow")).state is State.WARN
    assert judge_run(BuiltRun(evenly("chat", 5500)).write(tmp_path / "slower")).state is State.FAIL


def test_onboarding_is_judged_by_its_whole_flow_and_shows_its_parts(tmp_path: Path) -> None:
    run = BuiltRun(onboardings(20), journeys=(Journey.ONBOARDING,))
    verdict = judge_run(run.write(tmp_path / "run"))
    assert verdict.state is State.PASS
    assert {finding.subject for finding in verdict.findings} == {"onboarding_flow", "portal"}
    assert [row.operation for row in verdict.operations] == [
        Operation.ONBOARDING_PAGE, Operation.ONBOARDING_RESOLVE, Operation.ONBOARDING_FLOW,
    ]  # fmt: skip
    assert verdict.asked == (40, 0)


def test_each_step_has_its_own_figures(tmp_path: Path) -> None:
    results = [*evenly("rag_search", 100, step=0), *evenly("rag_search", 400, count=300, step=1)]
    results.append(Result("rag_search", 9, Outcome.VALIDATION, "4 rows", step=1))
    run = BuiltRun(results, journeys=(Journey.RAG,), step_users=(1, 50))
    verdict = judge_run(run.write(tmp_path / "run"))
    first, second = verdict.steps
    assert (first.users, first.requests, first.failures, first.per_second) == (1, 100, 0, 10.0)
    assert (second.users, second.requests, second.failures, second.per_second) == (50, 301, 1, 30.0)
    assert first.latency.p95_ms == pytest.approx(95, rel=1e-3)
    assert second.latency.p95_ms == pytest.approx(380, rel=1e-3)


def test_a_run_of_one_step_has_no_table_of_steps(tmp_path: Path) -> None:
    assert judge_run(BuiltRun(evenly("chat", 900)).write(tmp_path / "run")).steps == ()


def test_a_single_answer_with_foreign_data_fails_the_run(tmp_path: Path) -> None:
    foreign = failing("chat", 1, Outcome.ISOLATION, "a source belongs to another development")
    verdict = judge_run(BuiltRun([*evenly("chat", 900, count=5000), *foreign]).write(tmp_path / "run"))
    assert verdict.state is State.FAIL
    assert [f.metric for f in verdict.findings if f.state is State.FAIL] == [ISOLATION]


def test_a_claimed_journey_without_a_request_has_no_verdict(tmp_path: Path) -> None:
    run = BuiltRun(evenly("chat", 900), journeys=(Journey.CHAT, Journey.RAG))
    verdict = judge_run(run.write(tmp_path / "run"))
    assert verdict.state is State.NO_VERDICT
    assert codes(verdict) == ["never_measured"]


def test_an_empty_run_has_no_verdict(tmp_path: Path) -> None:
    verdict = judge_run(BuiltRun([]).write(tmp_path / "run"))
    assert verdict.state is State.NO_VERDICT
    assert codes(verdict) == ["never_measured"]


def test_every_problem_of_the_manifest_makes_no_verdict_and_keeps_its_moment(tmp_path: Path) -> None:
    lost = {"code": "worker_lost", "message": "worker 2 was lost", "at": "2025-11-15T20:00:07+00:00"}
    run = BuiltRun(evenly("chat", 900), manifest={"problems": [lost]})
    verdict = judge_run(run.write(tmp_path / "run"))
    assert verdict.state is State.NO_VERDICT
    (problem,) = verdict.problems
    assert (problem.code, problem.at) == ("worker_lost", "2025-11-15T20:00:07+00:00")
    assert verdict.operations[0].requests == 100


def test_an_exception_of_the_load_itself_makes_no_verdict(tmp_path: Path) -> None:
    run = BuiltRun(evenly("chat", 900), exceptions=[(3, "KeyError('house')")])
    verdict = judge_run(run.write(tmp_path / "run"))
    assert (verdict.state, codes(verdict)) == (State.NO_VERDICT, ["exceptions"])


def test_counts_that_differ_between_measurements_and_locust_are_not_reconciled(tmp_path: Path) -> None:
    run = BuiltRun(evenly("chat", 900))
    directory = run.write(tmp_path / "run")
    run.results.append(Result("chat", 5))
    run.write_csv(directory, "locust", own=True)
    verdict = judge_run(directory)
    assert (verdict.state, codes(verdict)) == (State.NO_VERDICT, ["not_reconciled"])
    assert "100 results" in verdict.problems[0].message
    assert "101 results" in verdict.problems[0].message


def test_a_failure_that_only_one_account_knows_is_not_reconciled(tmp_path: Path) -> None:
    run = BuiltRun(evenly("chat", 900))
    directory = run.write(tmp_path / "run")
    run.results[0] = failing("chat", 1)[0]
    run.write_csv(directory, "locust", own=True)
    assert codes(judge_run(directory)) == ["not_reconciled"]


def test_an_operation_that_only_one_account_knows_is_not_reconciled(tmp_path: Path) -> None:
    run = BuiltRun([*evenly("chat", 900), *onboardings(30)])
    directory = run.write(tmp_path / "run")
    run.results = run.results[:100]
    run.write_csv(directory, "locust", own=True)
    assert codes(judge_run(directory)) == ["not_reconciled"] * 3


def test_a_run_is_judged_as_it_was_configured_unless_other_thresholds_are_given(tmp_path: Path) -> None:
    settings = load_settings({"thresholds.chat.p95_ms": {"pass_below": 10}}, environ={})
    recorded = {"settings": settings.model_dump(mode="json", include={"thresholds", "run", "generator"})}
    directory = BuiltRun(evenly("chat", 900), manifest=recorded).write(tmp_path / "run")
    assert judge_run(directory).state is State.WARN
    given = {"chat": {"p95_ms": Limits(pass_below=2000)}}
    verdict = judge_run(directory, given)
    assert verdict.state is State.PASS
    assert "given" in verdict.judged_by
    assert judge_run(directory, given, minimum_requests=101).state is State.NO_VERDICT


def test_a_journey_without_a_criterion_is_shown_and_said_to_be_unjudged(tmp_path: Path) -> None:
    run = BuiltRun([*evenly("chat", 900), *onboardings(20)], journeys=(Journey.CHAT, Journey.ONBOARDING))
    verdict = judge_run(run.write(tmp_path / "run"), {"chat": {"p50_ms": Limits(pass_below=2000)}})
    assert verdict.state is State.PASS
    assert verdict.notes == ("No criterion is about onboarding: shown, not judged.",)


def test_shared_houses_are_said(tmp_path: Path) -> None:
    run = BuiltRun(evenly("chat", 900), manifest={"houses_shared": True})
    assert "shared" in judge_run(run.write(tmp_path / "run")).notes[0]


def test_somebody_elses_csv_is_judged_and_what_that_costs_is_said(tmp_path: Path) -> None:
    run = BuiltRun(evenly("POST /api/chat", 2345))
    verdict = judge_run(run.write_csv(tmp_path / "theirs"))
    assert verdict.state is State.PASS
    (row,) = verdict.operations
    assert (row.operation, row.source) == (Operation.CHAT, Source.LOCUST_CSV)
    assert row.latency.p95_ms == 2300
    assert "two significant digits" in verdict.notes[0]
    assert "failed requests" in verdict.notes[0]


def test_the_csv_of_this_suite_is_judged_without_its_other_files(tmp_path: Path) -> None:
    run = BuiltRun([*onboardings(30)])
    verdict = judge_run(run.write_csv(tmp_path / "copied", "locust", own=True))
    assert (verdict.state, verdict.journeys) == (State.PASS, (Journey.ONBOARDING,))


def test_names_that_are_not_ours_are_shown_and_not_judged(tmp_path: Path) -> None:
    run = BuiltRun([*evenly("/api/chat", 900), *evenly("/api/documents", 90_000)])
    verdict = judge_run(run.write_csv(tmp_path / "theirs"))
    assert verdict.state is State.PASS
    assert verdict.operations[1].name == "/api/documents"
    assert verdict.operations[1].operation is None


def test_a_csv_without_any_operation_of_ours_has_no_verdict(tmp_path: Path) -> None:
    verdict = judge_run(BuiltRun(evenly("/login", 900)).write_csv(tmp_path / "theirs"))
    assert (verdict.state, codes(verdict)) == (State.NO_VERDICT, ["nothing_judged"])
    assert verdict.operations[0].requests == 100


def test_two_names_of_one_operation_have_no_verdict(tmp_path: Path) -> None:
    run = BuiltRun([*evenly("/api/chat", 900), *evenly("chat", 900)])
    verdict = judge_run(run.write_csv(tmp_path / "theirs"))
    assert verdict.state is State.NO_VERDICT


def test_a_csv_without_a_judged_percentile_has_no_verdict(tmp_path: Path) -> None:
    directory = BuiltRun(evenly("/api/chat", 900)).write_csv(tmp_path / "theirs")
    path = directory / "theirs_stats.csv"
    path.write_text(path.read_text().replace("99%", "97%", 1))
    verdict = judge_run(directory)
    assert verdict.state is State.NO_VERDICT
    assert {f.metric: f.state for f in verdict.findings}["p95_ms"] is State.PASS


@pytest.mark.parametrize("files", [(), ("readme.txt",), ("a_stats.csv", "b_stats.csv")])
def test_a_directory_that_does_not_hold_one_run_is_an_error_with_a_next_step(
    tmp_path: Path, files: tuple[str, ...]
) -> None:
    for name in files:
        (tmp_path / name).write_text("x")
    with pytest.raises(LoadTestError, match=re.escape(str(tmp_path))) as caught:
        judge_run(tmp_path)
    assert caught.value.next_step


def test_a_directory_that_is_not_there_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    with pytest.raises(LoadTestError, match="there is no such directory") as caught:
        judge_run(tmp_path / "none")
    assert caught.value.next_step


def gone(allowed: float, missing_user_s: float) -> dict[str, Any]:
    settings = BuiltRun([]).manifest_values("a-run")["settings"]
    settings["generator"]["missing_load_ratio"] = allowed
    change = {"worker": "w2", "event": "vanished", "users": 5, "at": "2025-11-15T20:00:07+00:00"}
    return {
        "settings": settings, "worker_changes": [change], "asked_user_s": 200.0, "missing_user_s": missing_user_s,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("allowed", "missing_user_s", "tolerated"),
    [(0.0, 0.0, False), (0.0, 10.0, False), (0.05, 10.0, True), (0.05, 10.1, False)],
)
def test_a_worker_that_went_is_a_problem_unless_so_much_may_be_missing(
    tmp_path: Path,
    allowed: float,
    missing_user_s: float,
    tolerated: bool,  # noqa: FBT001 - what is expected
) -> None:
    run = BuiltRun(evenly("chat", 900), manifest=gone(allowed, missing_user_s))
    verdict = judge_run(run.write(tmp_path / "run"))
    said = "Worker w2 vanished with 5 users, last heard of at 20:00:07; "
    if tolerated:
        assert verdict.problems == ()
        assert any(note.startswith(said) and "allows 5.0%" in note for note in verdict.notes)
    else:
        (problem,) = verdict.problems
        assert (problem.code, problem.at) == ("worker_lost", "2025-11-15T20:00:07+00:00")
        assert problem.message.startswith(said + f"{missing_user_s / 200:.1%} of the load was missing")
    assert verdict.state is (State.PASS if tolerated else State.NO_VERDICT)


def test_a_worker_that_joined_is_told_and_is_no_problem(tmp_path: Path) -> None:
    joined = {"worker": "w3", "event": "joined", "users": 0, "at": "2025-11-15T20:00:07+00:00"}
    run = BuiltRun(evenly("chat", 900), manifest={"worker_changes": [joined], "asked_user_s": 200.0})
    verdict = judge_run(run.write(tmp_path / "run"))
    assert verdict.state is State.PASS
    assert "Worker w3 joined at 20:00:07." in verdict.notes
