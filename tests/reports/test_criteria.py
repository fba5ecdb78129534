"""Criteria of every kind, judged on runs that are built for them."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from built_run import STARTED, BuiltRun, Result, evenly, failing

from conf.loading import load_settings
from conf.operations import Journey, Outcome
from conf.thresholds import Limits
from monitoring.measurement import WARM_UP
from reports.state import State
from reports.statistics.certainty import Method
from reports.verdict import judge_run
from reports.wording.figures import certainty_text, interval_text, metric_label, subject_label
from reports.wording.sentences import capacity_text, strict_text

if TYPE_CHECKING:
    from pathlib import Path

    from reports.finding import Finding
    from reports.record import Verdict

P50_PASSES = {"p50_ms": Limits(pass_below=10_000)}


def verdict_of(
    directory: Path, results: list[Result], criteria: dict[str, dict[str, Limits]], **built: Any
) -> Verdict:
    """The verdict by these criteria alone, and one that always passes."""
    run = BuiltRun(results, **built).write(directory / "run")
    return judge_run(run, {"chat": P50_PASSES} | criteria)


def finding_of(
    directory: Path, results: list[Result], subject: str, metric: str, limits: Limits, **built: Any
) -> Finding:
    verdict = verdict_of(directory, results, {subject: {metric: limits}}, **built)
    (found,) = [f for f in verdict.findings if (f.subject, f.metric) == (subject, metric)]
    return found


TIMEOUTS = [*evenly("chat", 1000, 90), *failing("chat", 10, Outcome.TIMEOUT, "no answer", ms=60_000)]
STEPS = [*evenly("chat", 1000, 100, step=0), *evenly("chat", 4000, 100, step=1)]


@pytest.mark.parametrize(
    ("subject", "metric", "limits", "expected"),
    [
        ("chat", "p90_ms", Limits(pass_below=1001), (1000, State.PASS)),
        ("chat", "p99_9_ms", Limits(pass_below=900), (60_000, State.WARN)),
        ("chat", "max_ms", Limits(fail_above=900), (60_000, State.FAIL)),
        ("chat.success", "max_ms", Limits(fail_above=900), (1000, State.FAIL)),
        ("chat", "attempt_p90_ms", Limits(pass_below=1001), (1000, State.PASS)),
        ("chat", "goodput_ratio", Limits(within_ms=500, fail_below=0.5), (0.45, State.FAIL)),
        ("chat", "goodput_ratio", Limits(within_ms=2000, pass_at_least=0.9), (0.9, State.PASS)),
        ("chat", "per_second", Limits(pass_above=8.9), (9.0, State.PASS)),
        ("chat.timeout", "ratio", Limits(pass_below=0.2), (0.1, State.PASS)),
        ("chat.timeout", "p50_ms", Limits(pass_below=1000), (60_000, State.WARN)),
        ("chat.timeout", "per_second", Limits(pass_below=0.5), (1.0, State.WARN)),
        ("chat.isolation", "ratio", Limits(pass_below=0.01), (0, State.PASS)),
    ],
)
def test_a_criterion_may_name_any_outcome_and_metric(
    tmp_path: Path, subject: str, metric: str, limits: Limits, expected: tuple[float, State]
) -> None:
    found = finding_of(tmp_path, TIMEOUTS, subject, metric, limits)
    assert (found.value, found.state) == (pytest.approx(expected[0], rel=2e-3), expected[1])


def test_a_criterion_may_name_a_step_by_its_users(tmp_path: Path) -> None:
    users = {"step_users": (5, 50)}
    few = finding_of(tmp_path / "a", STEPS, "chat@5", "p95_ms", Limits(pass_below=1000), **users)
    many = finding_of(tmp_path / "b", STEPS, "chat@50", "p95_ms", Limits(pass_below=1000), **users)
    assert (few.value, few.state) == (pytest.approx(950, rel=1e-3), State.PASS)
    assert (many.value, many.state) == (pytest.approx(3800, rel=1e-3), State.WARN)


def test_a_step_that_the_run_did_not_have_is_no_verdict_in_the_end(tmp_path: Path) -> None:
    verdict = verdict_of(tmp_path, STEPS, {"chat@7": {"p95_ms": Limits(pass_below=1000)}}, step_users=(5, 50))
    assert verdict.state is State.NO_VERDICT
    assert [f.note for f in verdict.findings if f.subject == "chat@7"] == ["never measured"]


def test_a_planned_latency_is_judged_by_itself(tmp_path: Path) -> None:
    planned = [Result("chat", 3000, planned=True) for _ in range(100)]
    results = [*evenly("chat", 1000), *planned]
    found = finding_of(tmp_path, results, "chat", "planned_p95_ms", Limits(pass_below=2000))
    assert (found.value, found.state) == (pytest.approx(3000, rel=1e-3), State.WARN)


def test_a_second_account_of_the_same_results_is_not_counted_twice(tmp_path: Path) -> None:
    results = [*evenly("chat", 1000), *(Result("chat", 3000, planned=True) for _ in range(100))]
    run = BuiltRun(results)
    directory = run.write(tmp_path / "run")
    run.results = evenly("chat", 1000)
    run.write_csv(directory, "locust", own=True)
    verdict = judge_run(directory)
    assert [(row.requests, row.latency.max_ms) for row in verdict.operations] == [
        (100, pytest.approx(1000, rel=1e-3))
    ]
    assert verdict.problems == ()


def test_planned_starts_that_were_never_made_leave_a_planned_criterion_without_a_verdict(
    tmp_path: Path,
) -> None:
    found = finding_of(tmp_path, evenly("chat", 900), "chat", "planned_p95_ms", Limits(pass_below=2000))
    assert found.state is State.NO_VERDICT


@pytest.mark.parametrize("metric", ["max_ms", "planned_p95_ms"])
def test_an_optional_criterion_only_warns_even_where_nothing_was_measured(
    tmp_path: Path, metric: str
) -> None:
    limits = Limits(fail_above=10, optional=True)
    assert finding_of(tmp_path, evenly("chat", 900), "chat", metric, limits).state is State.WARN


def test_memory_may_be_judged_by_its_growth(tmp_path: Path) -> None:
    growing = {"portal": [100 + second / 60 for second in range(60)], "local": [90.0] * 60}
    limits = Limits(pass_below=10, fail_above=50)
    portal = finding_of(
        tmp_path / "a", evenly("chat", 900), "portal", "rss_mb_per_hour", limits, memory_mb=growing
    )
    local = finding_of(
        tmp_path / "b", evenly("chat", 900), "generator", "rss_mb_per_hour", limits, memory_mb=growing
    )
    assert (portal.value, portal.state) == (pytest.approx(60, rel=1e-3), State.FAIL)
    assert (local.value, local.state) == (0, State.PASS)


def test_the_warm_up_is_counted_and_in_no_figure(tmp_path: Path) -> None:
    cold = [Result("chat", 9000, step=WARM_UP) for _ in range(30)]
    broken = [Result("chat", 5, Outcome.STATUS, "HTTP 503", step=WARM_UP) for _ in range(10)]
    verdict = judge_run(BuiltRun([*evenly("chat", 900), *cold, *broken]).write(tmp_path / "run"))
    (row,) = verdict.operations
    assert (row.requests, row.failures, row.warm_up) == (100, 0, (40, 10))
    assert row.latency.max_ms == pytest.approx(900, rel=1e-3)
    assert verdict.asked == (140, 10)
    assert verdict.state is State.PASS
    assert verdict.problems == ()
    assert "40 requests, 10 of them failed, began in a warm-up" in verdict.notes[0]


def test_somebody_elses_data_in_the_warm_up_fails_all_the_same(tmp_path: Path) -> None:
    foreign = Result("chat", 5, Outcome.ISOLATION, "a source of another development", step=WARM_UP)
    assert judge_run(BuiltRun([*evenly("chat", 900), foreign]).write(tmp_path / "run")).state is State.FAIL


def test_a_criterion_that_stopped_the_run_is_a_fail_with_its_moment(tmp_path: Path) -> None:
    stop = {
        "subject": "chat",
        "metric": "p95_ms",
        "value": 7000,
        "window_s": 30,
        "at": "2025-11-15T20:01:02+00:00",
    }
    verdict = judge_run(BuiltRun(evenly("chat", 900), manifest={"stopped_by": stop}).write(tmp_path / "run"))
    assert verdict.state is State.FAIL
    assert [f.note for f in verdict.findings if f.state is State.FAIL] == [
        "stopped the run at 20:01:02 UTC: this is its value over the 30 s before"
    ]


# --- how sure


def test_the_documents_sixty_questions_say_what_they_cannot_say(tmp_path: Path) -> None:
    verdict = judge_run(BuiltRun(evenly("chat", 1200, 60)).write(tmp_path / "run"))
    doubts = {f.metric: certainty_text(f) for f in verdict.findings}
    assert verdict.state is State.PASS
    assert doubts["success_ratio"] == "not certain at n = 60: 95 % interval 94.0\u00a0\u2013\u00a0100\u00a0%"
    assert doubts["p99_ms"] == "not certain at n = 60: p99 needs 299"
    assert doubts["p50_ms"] == doubts["p95_ms"] == doubts["rss_mb"] == ""
    assert "Chat answer: Success rate; Chat answer: 99 of 100 within (p99)" in strict_text(verdict)


def test_an_interval_that_reaches_across_a_limit_is_not_certain(tmp_path: Path) -> None:
    results = evenly("chat", 3120, 400)  # p95 = 2,964
    Random(17).shuffle(results)
    found = finding_of(tmp_path, results, "chat", "p95_ms", Limits(pass_below=3000))
    assert found.state is State.PASS
    assert found.certain is False
    assert found.value is not None
    assert found.interval is not None
    assert found.interval.low < found.value < 3000 < found.interval.high
    assert found.interval.method is Method.ORDER_STATISTICS
    assert interval_text(found) in certainty_text(found)


def test_results_that_grow_slower_and_slower_are_less_certain_than_as_many_in_any_order(
    tmp_path: Path,
) -> None:
    ordered = evenly("chat", 3120, 400)
    shuffled = Random(17).sample(ordered, len(ordered))
    limits = Limits(pass_below=9000)
    growing = finding_of(tmp_path / "a", ordered, "chat", "p95_ms", limits).interval
    steady = finding_of(tmp_path / "b", shuffled, "chat", "p95_ms", limits).interval
    assert growing is not None
    assert steady is not None
    assert growing.method is Method.BLOCK_BOOTSTRAP
    assert growing.high - growing.low > 2 * (steady.high - steady.low)


def test_with_enough_results_on_one_side_a_finding_is_certain(tmp_path: Path) -> None:
    verdict = judge_run(BuiltRun(evenly("chat", 1200, 1000)).write(tmp_path / "run"))
    assert {f.metric: f.certain for f in verdict.findings} == {
        "success_ratio": True, "p50_ms": True, "p95_ms": True, "p99_ms": True, "rss_mb": None,
    }  # fmt: skip
    assert strict_text(verdict) == ""


def test_that_all_must_succeed_is_no_matter_of_certainty(tmp_path: Path) -> None:
    found = finding_of(tmp_path, evenly("chat", 900), "chat", "success_ratio", Limits(pass_at_least=1))
    assert (found.state, found.certain) == (State.PASS, None)


# --- steps


def test_up_to_how_many_users_the_criteria_hold(tmp_path: Path) -> None:
    results = [*evenly("chat", 900, 400, 0), *evenly("chat", 1800, 400, 1), *evenly("chat", 4000, 400, 2)]
    Random(17).shuffle(results)
    verdict = judge_run(BuiltRun(results, step_users=(5, 20, 60)).write(tmp_path / "run"))
    assert [(step.users, step.state) for step in verdict.steps] == [
        (5, State.PASS), (20, State.PASS), (60, State.WARN),
    ]  # fmt: skip
    (capacity,) = verdict.capacities
    assert (capacity.holds_up_to, capacity.fails_from, capacity.scalability) == (20, 60, None)
    assert (
        capacity_text(capacity)
        == "Chat answer: at least 20 users at once (certain), fails at 60, between them undecided."
    )


def test_a_level_that_holds_beyond_one_that_does_not_is_no_capacity(tmp_path: Path) -> None:
    results = [*evenly("chat", 900, 400, 0), *evenly("chat", 4000, 400, 1), *evenly("chat", 900, 400, 2)]
    Random(17).shuffle(results)
    verdict = judge_run(BuiltRun(results, step_users=(5, 20, 60)).write(tmp_path / "run"))
    assert [(c.holds_up_to, c.fails_from) for c in verdict.capacities] == [(5, 20)]


def test_a_step_of_too_few_requests_does_not_hold(tmp_path: Path) -> None:
    results = [*evenly("chat", 900, 10, 0), *evenly("chat", 900, 400, 1)]
    verdict = judge_run(BuiltRun(results, step_users=(1, 20)).write(tmp_path / "run"))
    assert [step.state for step in verdict.steps] == [State.NO_VERDICT, State.PASS]
    (capacity,) = verdict.capacities
    assert (capacity.holds_up_to, capacity.fails_from) == (None, None)
    assert capacity_text(capacity).startswith("Chat answer: undecided at every level")


def test_a_level_that_is_not_certain_is_undecided(tmp_path: Path) -> None:
    results = [*evenly("chat", 900, 400, 0), *evenly("chat", 900, 100, 1), *evenly("chat", 9000, 400, 2)]
    Random(17).shuffle(results)
    verdict = judge_run(BuiltRun(results, step_users=(5, 20, 60)).write(tmp_path / "run"))
    assert [(step.state, step.certain) for step in verdict.steps] == [
        (State.PASS, True), (State.PASS, False), (State.FAIL, True),
    ]  # fmt: skip
    (capacity,) = verdict.capacities
    assert (capacity.holds_up_to, capacity.fails_from) == (5, 60)


def test_a_step_of_which_nothing_succeeds_fails_whatever_is_demanded(tmp_path: Path) -> None:
    broken = [result._replace(outcome=Outcome.STATUS) for result in evenly("chat", 900, 100, 1)]
    results = [*evenly("chat", 900, 400, 0), *broken]
    verdict = judge_run(
        BuiltRun(results, step_users=(5, 20)).write(tmp_path / "run"),
        {"chat": {"p95_ms": Limits(pass_below=3000)}},
    )
    assert [step.state for step in verdict.steps] == [State.PASS, State.FAIL]
    assert [(c.holds_up_to, c.fails_from) for c in verdict.capacities] == [(5, 20)]


def test_a_warm_up_before_each_step_does_not_count_for_its_throughput(tmp_path: Path) -> None:
    spans = [
        {
            "index": index,
            "users": users,
            "started_at": (STARTED + timedelta(seconds=10 * index + 4)).isoformat(),
            "ended_at": (STARTED + timedelta(seconds=10 * index + 10)).isoformat(),
        }
        for index, users in enumerate((5, 20))
    ]
    results = [*evenly("chat", 900, 60, 0), *evenly("chat", 900, 120, 1)]
    verdict = judge_run(BuiltRun(results, manifest={"steps": spans}).write(tmp_path / "run"))
    assert [step.per_second for step in verdict.steps] == [10, 20]
    assert [row.per_second for row in verdict.operations] == [15]


def test_every_label_can_be_read() -> None:
    assert (
        subject_label("rag_search.timeout@50")
        == "Vector search: as the portal sees it, timeout, with 50 users"
    )
    assert metric_label("planned_p99_9_ms") == "99.9 % within (p99.9), from the planned start"
    assert metric_label("goodput_ratio", Limits(within_ms=2500, pass_above=0.9)) == (
        "Good and quick answers, within 2,500\u00a0ms"
    )


def test_the_shipped_criteria_are_about_the_journeys_that_were_claimed(tmp_path: Path) -> None:
    shipped = load_settings(environ={}).thresholds
    verdict = judge_run(
        BuiltRun(evenly("chat", 900), journeys=(Journey.CHAT,)).write(tmp_path / "run"), shipped
    )
    assert {f.subject for f in verdict.findings} == {"chat", "portal"}
