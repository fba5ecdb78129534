"""Whole runs, by their files, in which requests were waited for in vain, or in which nothing succeeded."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING

import pytest
from built_run import STARTED, BuiltRun, Result, evenly, failing, write_run
from page_reader import Page
from rich.console import Console

from conf.errors import ExitCode
from conf.loading import load_settings
from conf.operations import Journey, Operation, Outcome
from conf.thresholds import Limits
from monitoring.measurement import Recorder, Tag
from reports.baselines.baseline import Machine
from reports.baselines.change import Change
from reports.baselines.comparison import compare
from reports.baselines.reduction import build_baseline
from reports.judgement.assessment import exit_code
from reports.live import LiveRun
from reports.manifest import Manifest
from reports.reading.run_files import load_run
from reports.rendering.html_page import render_html
from reports.rendering.json_file import render_json
from reports.rendering.junit_file import render_junit
from reports.rendering.summary import render_summary
from reports.rendering.terminal import print_verdict
from reports.state import State
from reports.verdict import judge_run
from swarm.owner.early_stop import EarlyStop

if TYPE_CHECKING:
    from pathlib import Path

    from reports.baselines.baseline import Baseline
    from reports.record import Verdict

SETTINGS = load_settings(environ={})
TIMEOUTS = failing("chat", 33, Outcome.TIMEOUT, "no complete answer", ms=6000.4)
SEEN = [*evenly("chat", 2521, 967), *TIMEOUTS]
"""3.3 % of all requests were never answered."""


def cut_off(name: str, count: int, ms: float) -> list[Result]:
    return failing(name, count, Outcome.CUT_OFF, "in flight when its user was stopped", ms=ms)


def judged(directory: Path, results: list[Result], journey: Journey = Journey.CHAT) -> Verdict:
    return judge_run(BuiltRun(results, journeys=(journey,)).write(directory / "run"))


def problem_codes(verdict: Verdict) -> list[str]:
    return [problem.code for problem in verdict.problems]


def terminal(verdict: Verdict) -> str:
    file = io.StringIO()
    print_verdict(Console(file=file, width=200), verdict)
    return file.getvalue()


def test_a_run_in_which_requests_are_never_answered_does_not_pass(tmp_path: Path) -> None:
    verdict = judged(tmp_path, SEEN)
    p99 = next(finding for finding in verdict.findings if finding.metric == "p99_ms")
    assert verdict.state is State.WARN
    assert (p99.state, p99.at_least) == (State.WARN, True)
    assert verdict.operations[0].latency.at_least == ("p99_ms", "mean_ms", "max_ms")


def test_every_output_says_at_least(tmp_path: Path) -> None:
    verdict = judged(tmp_path, SEEN)
    bound = "≥ 6,000 ms"
    outputs = {
        "terminal": terminal(verdict),
        "page": Page(render_html(verdict)).text,
        "charts": render_html(verdict),
        "summary": render_summary(verdict),
        "junit": render_junit(verdict),
    }
    assert [name for name, text in outputs.items() if bound not in text.replace("\u00a0", " ")] == []
    assert re.search(r"99 of 100 within ≥.6,000.ms", outputs["charts"])
    document = json.loads(render_json(verdict))
    finding = next(found for found in document["findings"] if found["metric"] == "p99_ms")
    assert finding["at_least"] is True
    assert document["operations"][0]["latency"]["at_least"] == ["p99_ms", "mean_ms", "max_ms"]
    assert {tuple(window["at_least"]) for window in document["course"]["operations"][0]["windows"]} > {()}


def test_steps_and_planned_starts_say_at_least_too(tmp_path: Path) -> None:
    planned = [result._replace(planned=True) for result in SEEN]
    later = [result._replace(step=1) for result in SEEN]
    directory = BuiltRun([*SEEN, *planned, *later], step_users=(5, 10)).write(tmp_path / "run")
    verdict = judge_run(directory)
    assert [row.latency.at_least for row in verdict.steps] == [("p99_ms", "mean_ms", "max_ms")] * 2
    assert verdict.operations[0].planned is not None
    assert verdict.operations[0].planned.at_least == ("p99_ms", "mean_ms", "max_ms")


def test_what_was_cut_off_is_shown_and_reconciled_and_makes_no_verdict_where_it_would_decide(
    tmp_path: Path,
) -> None:
    verdict = judged(tmp_path, [*evenly("chat", 1200, 120), *cut_off("chat", 14, 3000)])
    assert (verdict.state, problem_codes(verdict)) == (State.NO_VERDICT, ["cut_off"])
    assert exit_code(verdict, strict=False) is ExitCode.NO_VERDICT
    (problem,) = verdict.problems
    assert "14 requests" in problem.message
    assert "3.0" in problem.message
    assert "run.stop_timeout_s" in problem.next_step
    assert "target.request_timeout_s" in problem.next_step
    (row,) = verdict.operations
    assert (row.requests, row.attempts, row.failures, row.success_ratio) == (134, 120, 0, 1.0)
    assert (row.cut_off.count, row.cut_off.longest_ms) == (14, pytest.approx(3000, rel=1e-3))
    for text in (terminal(verdict), Page(render_html(verdict)).text, render_summary(verdict)):
        assert "14" in text
        assert "cut off" in text.lower()
    assert json.loads(render_json(verdict))["operations"][0]["cut_off"]["count"] == 14


def test_a_few_requests_that_were_cut_off_change_no_pass(tmp_path: Path) -> None:
    verdict = judged(tmp_path, [*evenly("chat", 1200, 2000), *cut_off("chat", 4, 3000)])
    assert (verdict.state, problem_codes(verdict)) == (State.PASS, [])
    assert any("4 of 2,004 requests were cut off" in note for note in verdict.notes)


@pytest.mark.parametrize(
    ("message", "outcome"),
    [("HTTP 500", Outcome.STATUS), ("HTTP 401", Outcome.STATUS), ("refused", Outcome.CONNECTION)],
)
def test_a_broken_portal_fails(tmp_path: Path, message: str, outcome: Outcome) -> None:
    verdict = judged(tmp_path, failing("chat", 60, outcome, message))
    assert (verdict.state, problem_codes(verdict)) == (State.FAIL, [])
    assert exit_code(verdict, strict=False) is ExitCode.FAIL
    states = {finding.metric: finding.state for finding in verdict.findings}
    assert states["success_ratio"] is State.FAIL
    assert {states[name] for name in ("p50_ms", "p95_ms", "p99_ms")} == {None}
    assert "not judged" in terminal(verdict)
    if message == "HTTP 401":
        assert "secret_differs" in {advice.code for advice in verdict.advice}


def test_a_portal_that_answers_nothing_in_time_fails(tmp_path: Path) -> None:
    verdict = judged(tmp_path, failing("chat", 60, Outcome.TIMEOUT, "no answer", ms=6000))
    assert (verdict.state, problem_codes(verdict)) == (State.FAIL, [])


def test_a_broken_portal_fails_whatever_is_demanded(tmp_path: Path) -> None:
    directory = BuiltRun(failing("chat", 60)).write(tmp_path / "run")
    for thresholds in ({"chat": {"p95_ms": Limits(pass_below=3000)}}, {}):
        verdict = judge_run(directory, thresholds)
        assert (verdict.state, problem_codes(verdict)) == (State.FAIL, [])
        for text in (render_html(verdict), render_junit(verdict), render_json(verdict), terminal(verdict)):
            assert "success" in text.lower()


def test_a_search_whose_first_part_never_succeeds_fails(tmp_path: Path) -> None:
    results = [*failing("rag_connection", 60), *failing("rag_search", 60)]
    assert judged(tmp_path, results, Journey.RAG).state is State.FAIL


def test_too_few_attempts_are_no_verdict_even_where_all_of_them_failed(tmp_path: Path) -> None:
    verdict = judged(tmp_path, [*failing("chat", 19), *cut_off("chat", 30, 3000)])
    assert (verdict.state, problem_codes(verdict)) == (State.NO_VERDICT, ["too_few_requests"])


@pytest.mark.parametrize("name", ["chat", "/predict"])
def test_a_plain_locust_run_in_which_everything_failed_fails(tmp_path: Path, name: str) -> None:
    verdict = judge_run(BuiltRun(failing(name, 60)).write_csv(tmp_path / "theirs"))
    assert (verdict.state, problem_codes(verdict)) == (State.FAIL, [])
    for text in (render_html(verdict), render_summary(verdict), render_junit(verdict), terminal(verdict)):
        assert "FAIL" in text


def test_a_percentile_among_failed_attempts_is_said_in_words(tmp_path: Path) -> None:
    directory = BuiltRun([*evenly("chat", 900), *failing("chat", 3)]).write(tmp_path / "run")
    verdict = judge_run(directory, {"chat": {"attempt_p99_ms": Limits(pass_below=3000)}})
    assert verdict.state is State.FAIL
    for text in (render_html(verdict), render_summary(verdict), render_junit(verdict), terminal(verdict)):
        assert "never answered" in text
    (finding,) = [f for f in json.loads(render_json(verdict))["findings"] if f["subject"] == "chat"]
    assert (finding["value"], finding["at_least"]) == (None, True)


# --- a run under way


def live(results: list[Result]) -> Verdict:
    recorder, run = Recorder(), LiveRun()
    for result in results:
        recorder.record(Tag(Operation.CHAT, result.outcome, 0), result.ms / 1000)
    run.add(STARTED.timestamp() + 5, recorder.take())
    failures = [("POST", "chat", f"{r.outcome}: {r.message}", 1) for r in results if r.message]
    return run.judge(Manifest.model_validate(BuiltRun([]).manifest_values("run")), failures)


def test_a_run_under_way_is_judged_likewise() -> None:
    broken = live(failing("chat", 60))
    assert (broken.state, problem_codes(broken)) == (State.FAIL, [])
    verdict = live(SEEN)
    p99 = next(finding for finding in verdict.findings if finding.metric == "p99_ms")
    assert (p99.state, p99.at_least) == (State.WARN, True)


def stopped(results: list[Result], thresholds: dict[str, dict[str, Limits]]) -> object:
    run = SETTINGS.run.model_copy(update={"early_stop_grace_s": 0.0})
    early_stop = EarlyStop(SETTINGS.model_copy(update={"thresholds": thresholds, "run": run}), [])
    recorder = Recorder()
    for result in results:
        recorder.record(Tag(Operation.CHAT, result.outcome, 0), result.ms / 1000)
    early_stop.add(1.0, recorder.take())
    return early_stop.failed(2.0)


def test_timeouts_stop_a_run_by_its_latency() -> None:
    demands = {"chat": {"p95_ms": Limits(fail_above=5000, stop_early=True)}}
    assert stopped([*evenly("chat", 900), *TIMEOUTS], demands) is not None
    assert stopped([*evenly("chat", 900), *failing("chat", 33)], demands) is None
    shorter = failing("chat", 33, Outcome.TIMEOUT, ms=2000)
    assert stopped([*evenly("chat", 900), *shorter], demands) is None


def test_attempts_that_fail_stop_a_run_and_the_value_is_none() -> None:
    demands = {"chat": {"attempt_p95_ms": Limits(fail_above=5000, stop_early=True)}}
    stop = stopped([*evenly("chat", 900), *failing("chat", 33)], demands)
    assert (getattr(stop, "value", 0), getattr(stop, "at_least", None)) == (None, True)


# --- beside a baseline


def reduced(directory: Path, intervals: list[list[Result]]) -> Baseline:
    run = load_run(write_run(directory, intervals))
    return build_baseline(run, directory.name, Machine(cpus=1, platform="Linux"))


def test_a_run_with_timeouts_is_worse_than_its_baseline_and_never_better(tmp_path: Path) -> None:
    quick = [evenly("chat", 1000, 60) for _ in range(10)]
    late = [[*evenly("chat", 900, 54), *failing("chat", 6, Outcome.TIMEOUT, ms=6000)] for _ in range(10)]
    before, after = reduced(tmp_path / "before", quick), reduced(tmp_path / "after", late)
    (account,) = after.accounts
    assert (account.latencies().answered.count, account.latencies().waited.count) == (540, 60)
    changes = {found.metric: found for found in compare(before, after, SETTINGS.comparison).differences}
    assert changes["p95_ms"].change is Change.REGRESSED
    assert changes["p95_ms"].at_least == ("new",)
    assert changes["p50_ms"].at_least == ()
    back = {found.metric: found for found in compare(after, before, SETTINGS.comparison).differences}
    assert (back["p95_ms"].change, back["p95_ms"].at_least) == (Change.IMPROVED, ("baseline",))
    same = compare(after, after, SETTINGS.comparison).differences
    assert {found.change for found in same if found.at_least} == {Change.NOT_DECIDABLE}
