"""Streamed answers, judged: moments, shares, and what is counted apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from measured_series import series

from conf.operations import Operation, Outcome
from conf.stream_figures import Moment, Quantity
from conf.subject import Subject, parse_subject
from conf.thresholds import Limits
from monitoring.measurement import CAME, Tag
from reports.judgement.assessment import assess_subject
from reports.judgement.selection import build_sample
from reports.state import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reports.finding import Finding

Recorded = dict[tuple[Outcome, Moment | Quantity | None, str], "Sequence[float]"]


def judged(
    recorded: Mapping[Any, Sequence[float]], metric: str, subject: str = "chat", **limits: Any
) -> Finding:
    """*recorded*: outcome, or outcome and figure, or these and what splits it → milliseconds."""
    measurements = {}
    for key, values in recorded.items():
        outcome, figure, split = (*key, None, "")[:3] if isinstance(key, tuple) else (key, None, "")
        tag = Tag(Operation.CHAT, outcome, 0, figure=figure, split=split or "")
        measurements[tag] = series((0.0, list(values)))
    sample = build_sample(measurements, parse_subject(subject), None, 60.0)
    (finding,) = assess_subject(subject, [sample], {metric: Limits(**limits)}, 20)
    return finding


SUCCESS, TRUNCATED, IDLE, APART = Outcome.SUCCESS, Outcome.TRUNCATED, Outcome.IDLE, Outcome.INTERCEPTED
QUICK = {SUCCESS: [3000.0] * 95, (SUCCESS, Moment.FIRST_CONTENT): [1000.0] * 95}


def test_a_moments_percentile_is_of_the_moment_alone() -> None:
    assert judged(QUICK, "first_content_p95_ms", pass_below=2000).state is State.PASS
    assert judged(QUICK, "p95_ms", pass_below=2000).state is not State.PASS


def test_a_text_that_was_waited_for_in_vain_stands_with_its_wait_and_a_quick_failure_stays_out() -> None:
    waited = QUICK | {
        Outcome.TIMEOUT: [30_000.0] * 5,
        (Outcome.TIMEOUT, Moment.FIRST_CONTENT): [30_000.0] * 6,
    }
    assert judged(waited, "first_content_p95_ms", pass_below=2000, fail_above=5000).state is State.FAIL
    quick = QUICK | {Outcome.STATUS: [5.0] * 50, (Outcome.STATUS, Moment.FIRST_CONTENT): [5.0] * 50}
    finding = judged(quick, "first_content_p50_ms", pass_below=2000)
    assert finding.value == pytest.approx(1000, rel=0.001)


def test_a_text_that_came_of_a_failed_answer_improves_nothing_and_counts_where_it_came_late() -> None:
    early = QUICK | {IDLE: [31_000.0] * 50, (IDLE, Moment.FIRST_CONTENT, CAME): [10.0] * 50}
    finding = judged(early, "first_content_p50_ms", pass_below=2000)
    assert (finding.value, finding.state, finding.at_least) == (
        pytest.approx(1000, rel=0.001),
        State.PASS,
        False,
    )
    late = QUICK | {TRUNCATED: [9000.0] * 10, (TRUNCATED, Moment.FIRST_CONTENT, CAME): [8000.0] * 10}
    assert judged(late, "first_content_p95_ms", pass_below=2000, fail_above=5000).state is State.FAIL
    assert judged(late, "first_content_attempt_p95_ms", pass_below=2000, fail_above=5000).state is State.FAIL


@pytest.mark.parametrize("moment", ["last_content", "largest_gap", "first_source", "done"])
def test_each_failure_is_an_attempt_of_every_moment_also_of_those_that_it_never_came_near(
    moment: str,
) -> None:
    quick = {SUCCESS: [900.0] * 60, (SUCCESS, Moment(moment)): [900.0] * 60, Outcome.STATUS: [5.0] * 40}
    finding = judged(quick, f"{moment}_attempt_p95_ms", pass_below=1000, fail_above=5000)
    assert (finding.state, finding.value) == (State.FAIL, None)


def test_failures_of_a_run_that_looked_at_no_stream_are_no_attempts_of_a_moment() -> None:
    old = {SUCCESS: [900.0] * 60, Outcome.STATUS: [5.0] * 40}
    finding = judged(old, "done_attempt_p95_ms", pass_below=1000, fail_above=5000)
    assert finding.state not in {State.PASS, State.FAIL}


def test_a_whole_answer_beside_streams_neither_keeps_a_reader_waiting_nor_dilutes_what_came_at_once() -> None:
    both = {
        SUCCESS: [900.0] * 100,
        (SUCCESS, Quantity.WAITED): [0.001] * 50,
        (SUCCESS, Quantity.FAKE): [0.001] * 25,
    }
    assert judged(both, "keeps_reading_ratio", pass_at_least=0.95).value == 1
    assert judged(both, "fake_stream_ratio", pass_below=0.4).value == 0.5


def test_a_moment_of_one_outcome_is_of_all_its_answers_not_only_of_those_that_waited_for_it() -> None:
    broken = {TRUNCATED: [9000.0] * 41, (TRUNCATED, Moment.FIRST_CONTENT): [9000.0]}
    broken[TRUNCATED, Moment.FIRST_CONTENT, CAME] = [500.0] * 40
    finding = judged(broken, "first_content_p50_ms", "chat.truncated", pass_below=2000)
    assert finding.value == pytest.approx(500, rel=0.001)


def test_what_no_answer_streamed_is_not_measured_and_never_zero() -> None:
    plain = {SUCCESS: [3000.0] * 95}
    for metric in ("first_content_p95_ms", "keeps_reading_ratio", "broken_stream_ratio", "fake_stream_ratio"):
        limits = {"pass_at_least": 0.5} if metric.startswith("keeps") else {"pass_below": 1}
        assert judged(plain, metric, **limits).state is not State.PASS


@pytest.mark.parametrize(("broken", "state"), [(0, State.PASS), (1, State.WARN), (2, State.FAIL)])
def test_broken_streams_are_a_share_of_all_attempts(broken: int, state: State) -> None:
    recorded = {
        SUCCESS: [3000.0] * (150 - broken),
        (SUCCESS, Moment.DONE): [3000.0] * (150 - broken),
        TRUNCATED: [900.0] * broken,
    }
    finding = judged(recorded, "broken_stream_ratio", pass_below=0.005, fail_above=0.01)
    assert (finding.value, finding.state) == (pytest.approx(broken / 150), state)


def test_an_answer_that_falls_silent_did_not_keep_up_with_reading() -> None:
    kept = {SUCCESS: [3000.0] * 95, (SUCCESS, Quantity.WAITED): [0.001] * 90 + [40.0] * 5}
    assert judged(kept, "keeps_reading_ratio", pass_at_least=0.9).value == pytest.approx(90 / 95)
    silent = kept | {IDLE: [31_000.0] * 5, Outcome.STATUS: [9.0] * 7}
    assert judged(silent, "keeps_reading_ratio", pass_at_least=0.9).value == pytest.approx(90 / 100)


def test_text_all_at_once_is_a_share_of_the_successes() -> None:
    recorded = {SUCCESS: [3000.0] * 90, TRUNCATED: [9.0] * 10, (SUCCESS, Quantity.FAKE): [0.001] * 9}
    recorded |= {(SUCCESS, Quantity.WAITED): [0.001] * 90}
    assert judged(recorded, "fake_stream_ratio", pass_below=0.05).value == pytest.approx(0.1)


GOOD = (SUCCESS, Quantity.GOOD, "20000-2000-1000")


def test_good_answers_are_a_share_of_all_attempts_and_known_only_by_the_runs_own_limits() -> None:
    recorded = {SUCCESS: [3000.0] * 80, TRUNCATED: [9.0] * 20, GOOD: [0.001] * 60 + [0.002] * 20}
    limits = {"within_ms": 20_000, "first_content_within_ms": 2000, "largest_gap_within_ms": 1000}
    finding = judged(recorded, "goodput_ratio", pass_at_least=0.9, **limits)
    assert finding.value == pytest.approx(0.6)
    other = judged(recorded, "goodput_ratio", pass_at_least=0.5, **limits | {"largest_gap_within_ms": 999})
    assert other.value is None
    assert other.state is not State.PASS


def test_answers_without_the_model_are_in_no_figure_but_their_own_share() -> None:
    recorded = {SUCCESS: [3000.0] * 60, Outcome.STATUS: [5.0] * 20, APART: [20.0] * 920}
    assert judged(recorded, "success_ratio", pass_above=0.95).value == pytest.approx(0.75)
    assert judged(recorded, "p50_ms", pass_below=9000).value == pytest.approx(3000, rel=0.001)
    assert judged(recorded, "attempt_p50_ms", pass_below=9000).value == pytest.approx(3000, rel=0.001)
    shares = judged(recorded, "ratio", "chat.intercepted", pass_below=0.5)
    assert shares.value == pytest.approx(0.92)
    assert judged(recorded, "ratio", "chat.status", pass_below=0.5).value == pytest.approx(0.25)


def test_the_share_without_the_model_is_judged_by_all_answers_when_few_came_of_it() -> None:
    recorded = {SUCCESS: [3000.0] * 12, APART: [20.0] * 18}
    share = judged(recorded, "ratio", "chat.intercepted", pass_below=0.25)
    assert (share.value, share.state, share.count) == (pytest.approx(0.6), State.WARN, 30)
    assert judged(recorded, "success_ratio", pass_above=0.95).state is None


def test_a_run_whose_model_was_never_asked_has_no_success_rate() -> None:
    finding = judged({APART: [20.0] * 920}, "success_ratio", pass_above=0.95)
    assert finding.value is None
    assert finding.state is not State.PASS


def test_apart_is_in_the_requests_and_not_in_the_attempts() -> None:
    measurements = {
        Tag(Operation.CHAT, SUCCESS, 0): series((0.0, [1.0] * 3)),
        Tag(Operation.CHAT, Outcome.ABANDONED, 0): series((0.0, [1.0] * 4)),
    }
    sample = build_sample(measurements, Subject(Operation.CHAT), None, 60.0)
    assert (sample.requests, sample.attempts, sample.successes) == (7, 3, 3)
