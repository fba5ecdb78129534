from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from conf.loading import load_settings
from conf.operations import Journey, Operation
from conf.settings import Floor
from conf.stream_figures import Moment
from monitoring.measurement import new_histogram
from reports.baselines.baseline import Account, Baseline, Machine, Made, Spans
from reports.baselines.change import Change, exit_code, judge_latency
from reports.baselines.comparison import METRICS, Comparison, Difference, compare, decide
from reports.baselines.estimate import Estimate, difference_of, ratio_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Draw = Callable[[], NDArray[np.float64]]

FLOOR = load_settings(environ={}).comparison
NO_FLOOR = Floor(least_ratio=0, least_ms=0, least_success_ratio=0)
CHANGED = (Change.REGRESSED.value, Change.IMPROVED.value)


def account(
    values_ms: NDArray[np.float64],
    operation: Operation = Operation.CHAT,
    *,
    failures: int = 0,
    users: int | None = None,
    windows: int = 4,
) -> Account:
    """Successes in the order of time, in windows of equal size."""
    payloads = []
    for part in np.array_split(values_ms, windows):
        histogram = new_histogram()
        for value_ms in part:
            histogram.record_value(round(value_ms * 1000))
        payloads.append(histogram.encode().decode())
    return Account(
        operation=operation,
        users=users,
        requests=len(values_ms) + failures,
        failures=failures,
        windows=tuple(payloads),
    )


def reduced(*accounts: Account, **made: Any) -> Baseline:
    values = {
        "journeys": (Journey.CHAT,),
        "profile": "phase17",
        "contract": "phase17",
        "users": 20,
        "steps": (),
        "arrivals_per_second": None,
        "target": "loopback",
        "started_at": datetime(2025, 11, 15, tzinfo=UTC),
        "commit": "0a1b2c3",
        "versions": {"locust": "2.47.0"},
        "machine": Machine(cpus=2, platform="Linux x86_64"),
        **made,
    }
    return Baseline(name="a-run", made=Made(**values), accounts=accounts)


def answers(random: np.random.Generator, count: int, median_ms: float = 1786, sigma: float = 0.18) -> Draw:
    """Delays as the reference portal's model has them."""
    return lambda: median_ms * np.exp(sigma * random.standard_normal(count))


def changes(before: Draw, after: Draw, times: int, floor: Floor, windows: int = 4) -> dict[str, Counter[str]]:
    """How often each figure was called what, of so many pairs of runs."""
    counts: dict[str, Counter[str]] = {metric: Counter() for metric in (*METRICS, "whole")}
    for _ in range(times):
        comparison = compare(
            reduced(account(before(), windows=windows)), reduced(account(after(), windows=windows)), floor
        )
        counts["whole"][comparison.change.value] += 1
        for difference in comparison.differences:
            counts[difference.metric][difference.change.value] += 1
    return counts


def of_metric(comparison: Comparison, metric: str) -> Difference:
    (found,) = [difference for difference in comparison.differences if difference.metric == metric]
    return found


# --- the rule


@pytest.mark.parametrize(
    ("ratio", "ms", "change"),
    [
        ((1.06, 1.30), (21, 90), Change.REGRESSED),
        ((0.70, 0.94), (-90, -21), Change.IMPROVED),
        ((0.96, 1.04), (-90, 90), Change.NO_CHANGE),
        ((0.70, 1.30), (-19, 19), Change.NO_CHANGE),
        ((0.70, 1.04), (-19, 90), Change.NO_CHANGE),
        ((1.01, 1.30), (21, 90), Change.NOT_DECIDABLE),
        ((1.06, 1.30), (19, 90), Change.NOT_DECIDABLE),
        ((0.70, 1.30), (-90, 90), Change.NOT_DECIDABLE),
        ((0.70, 1.04), (-90, 19), Change.NOT_DECIDABLE),
        ((1.05, 1.30), (21, 90), Change.NOT_DECIDABLE),
        ((1.06, 1.30), (20, 90), Change.NOT_DECIDABLE),
        ((0.95, 1.05), (-90, 90), Change.NO_CHANGE),
        ((0.70, 1.30), (-20, 20), Change.NO_CHANGE),
        ((1.02, 1.04), (30, 60), Change.NO_CHANGE),
    ],
)
def test_a_latency_has_changed_if_both_intervals_lie_beyond_the_floor_and_not_if_one_ends_before_it(
    ratio: tuple[float, float], ms: tuple[float, float], change: Change
) -> None:
    middle = [Estimate(sum(ends) / 2, *ends) for ends in (ratio, ms)]
    assert judge_latency(middle[0], middle[1], FLOOR)[0] is change


@pytest.mark.parametrize(
    ("found", "whole", "code"),
    [
        ("NO_CHANGE", "NO_CHANGE", 0),
        ("NO_CHANGE IMPROVED", "IMPROVED", 0),
        ("NO_CHANGE IMPROVED NOT_DECIDABLE", "NOT_DECIDABLE", 3),
        ("NO_CHANGE IMPROVED NOT_DECIDABLE REGRESSED", "REGRESSED", 1),
        ("", "NOT_DECIDABLE", 3),
    ],
)
def test_the_worst_figure_decides_and_nothing_compared_is_never_no_change(
    found: str, whole: str, code: int
) -> None:
    differences = [
        Difference("chat", "mean_ms", 1, 1, 1, 1, None, None, Change[name], decides=True)
        for name in found.split()
    ]
    assert decide(differences) is Change[whole]
    assert exit_code(Change[whole]) == code


def test_a_figure_without_an_interval_decides_nothing_also_against_one_without_an_upper_end() -> None:
    in_vain = new_histogram()
    in_vain.record_value(30_000_000, 40)
    random = np.random.default_rng(1)
    before = account(answers(random, 400)(), windows=1)
    waited = before.model_copy(
        update={"requests": 440, "failures": 40, "waited": (in_vain.encode().decode(),)}
    )
    runs = [reduced(waited), reduced(account(answers(random, 10)(), windows=1))]
    for pair in (runs, runs[::-1]):
        found = of_metric(compare(pair[0], pair[1], FLOOR), "p95_ms")
        assert found.change is Change.NOT_DECIDABLE
        assert found.note.startswith("too few results: 10 of at least")


def test_ten_percent_of_five_milliseconds_are_no_change_and_the_note_says_why() -> None:
    random = np.random.default_rng(1)
    runs = [reduced(account(answers(random, 4000, median_ms)())) for median_ms in (5.0, 5.5)]
    found = of_metric(compare(*runs, FLOOR), "p50_ms")
    assert found.ratio is not None
    assert found.ratio.low > 1.05
    assert (found.change, found.note) == (Change.NO_CHANGE, "less than 20 ms")
    lower = FLOOR.model_copy(update={"least_ms": 0.1})
    assert of_metric(compare(*runs, lower), "p50_ms").change is Change.REGRESSED


# --- how often it is right


def test_two_runs_of_the_same_are_called_different_in_at_most_five_of_a_hundred() -> None:
    """But for what chance does to 120 pairs: 12 of them or fewer, in 99 of 100 such tests."""
    draw = answers(np.random.default_rng(2), 400)
    counts = changes(draw, draw, 120, NO_FLOOR)
    called = {metric: sum(counts[metric][word] for word in CHANGED) for metric in METRICS}
    assert max(called.values()) <= 12, called


def test_with_the_floor_two_runs_of_the_same_are_hardly_ever_called_different() -> None:
    draw = answers(np.random.default_rng(3), 60)
    whole = changes(draw, draw, 100, FLOOR)["whole"]
    assert sum(whole[word] for word in CHANGED) <= 2, whole


def test_answers_that_take_thirty_percent_longer_are_found_with_four_hundred_results() -> None:
    random = np.random.default_rng(4)
    counts = changes(answers(random, 400), answers(random, 400, 1786 * 1.3), 60, FLOOR)
    found = {metric: counts[metric]["REGRESSED"] for metric in ("p50_ms", "p95_ms", "mean_ms", "whole")}
    assert min(found.values()) >= 59, found


@pytest.mark.parametrize("count", [60, 400, 10_000])
def test_answers_that_take_two_percent_longer_have_not_regressed_however_many_they_are(count: int) -> None:
    random = np.random.default_rng(5)
    times = 60 if count < 1000 else 5
    counts = changes(answers(random, count), answers(random, count, 1786 * 1.02), times, FLOOR)
    assert counts["whole"]["REGRESSED"] <= times // 20, counts
    assert count < 1000 or counts["whole"] == {"NO CHANGE": times}


def test_results_that_depend_on_others_of_the_same_time_make_the_interval_wider() -> None:
    random = np.random.default_rng(6)
    wandering = answers(random, 1200)() * np.exp(np.repeat(0.2 * random.standard_normal(20), 60))
    lengths = []
    for values in (wandering, random.permutation(wandering)):
        run = reduced(account(values, windows=20))
        found = of_metric(compare(run, run, FLOOR), "p50_ms")
        assert found.ratio is not None
        lengths.append(math.log(found.ratio.high / found.ratio.low))
    assert lengths[0] > 2 * lengths[1]


# --- two figures


def test_the_interval_of_a_difference_of_shares_is_newcombes() -> None:
    """56 of 70 less 48 of 80, the first example of his table II: 0.0524 to 0.3339."""
    runs = [
        reduced(account(np.full(successes, 100.0), failures=count - successes))
        for successes, count in ((48, 80), (56, 70))
    ]
    found = of_metric(compare(*runs, FLOOR), "success_ratio")
    assert found.difference == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert found.ratio is None


def test_the_other_way_round_the_ratio_is_the_inverse_and_the_difference_the_negative() -> None:
    one, other = Estimate(100, 90, 120), Estimate(150, 140, 155)
    forth, back = ratio_of(one, other), ratio_of(other, one)
    assert forth == pytest.approx((1 / back.value, 1 / back.high, 1 / back.low))
    forth, back = difference_of(one, other), difference_of(other, one)
    assert forth == pytest.approx((-back.value, -back.high, -back.low))


def test_an_exact_baseline_leaves_the_runs_own_interval() -> None:
    assert ratio_of(Estimate(100, 100, 100), Estimate(150, 140, 155)) == pytest.approx((1.5, 1.4, 1.55))


@pytest.mark.parametrize(
    ("count", "failures", "change"),
    [
        (60, 0, Change.NOT_DECIDABLE),
        (400, 0, Change.NO_CHANGE),
        (400, 30, Change.REGRESSED),
        (400, 5, Change.NOT_DECIDABLE),
    ],
)
def test_a_success_rate_has_changed_by_a_point_or_not_or_there_are_too_few_results(
    count: int, failures: int, change: Change
) -> None:
    before = reduced(account(np.full(count, 100.0)))
    after = reduced(account(np.full(count - failures, 100.0), failures=failures))
    assert of_metric(compare(before, after, FLOOR), "success_ratio").change is change
    if change is Change.REGRESSED:
        assert of_metric(compare(after, before, FLOOR), "success_ratio").change is Change.IMPROVED


# --- data that is missing


def test_a_percentile_of_too_few_results_is_not_decidable_and_the_note_says_how_many_it_takes() -> None:
    random = np.random.default_rng(7)
    few, slow = account(answers(random, 58)()), account(answers(random, 58, 9000)())
    comparison = compare(reduced(few), reduced(slow), FLOOR)
    found = of_metric(comparison, "p95_ms")
    assert (found.change, found.note) == (Change.NOT_DECIDABLE, "too few results: 58 of at least 59")
    assert found.ratio is not None
    assert found.ratio.value > 4
    assert math.isnan(found.ratio.low)
    assert math.isnan(found.ratio.high)
    assert comparison.change is Change.REGRESSED, "the median and the mean tell"


@pytest.mark.parametrize(
    ("before_ms", "after_ms", "change", "note"),
    [
        (100.0, 101.0, "NOT_DECIDABLE", "all results of one moment: takes a longer run"),
        (100.0, 200.0, "NOT_DECIDABLE", "all results of one moment: takes a longer run"),
        (100.0, 260.0, "REGRESSED", ""),
        (260.0, 100.0, "IMPROVED", ""),
        (5.0, 7.0, "NO_CHANGE", "less than 20 ms"),
    ],
)
def test_the_next_moment_may_be_twice_as_slow_as_a_single_one_however_many_results_it_had(
    before_ms: float, after_ms: float, change: str, note: str
) -> None:
    burst, later = (account(np.full(2000, ms), windows=1) for ms in (before_ms, after_ms))
    comparison = compare(reduced(burst), reduced(later), FLOOR)
    latencies = [d for d in comparison.differences if d.metric != "success_ratio"]
    assert {(d.change.name, d.note) for d in latencies} == {(change, note)}


def test_failures_of_one_moment_count() -> None:
    burst = account(np.full(2000, 100.0), windows=1)
    failing = compare(reduced(burst), reduced(account(np.full(900, 100.0), failures=100, windows=1)), FLOOR)
    assert of_metric(failing, "success_ratio").change is Change.REGRESSED


@pytest.mark.parametrize(("windows", "cautions"), [(7, 1), (8, 0)])
def test_a_run_too_short_to_show_dependence_carries_a_caution(windows: int, cautions: int) -> None:
    run = reduced(account(np.full(2000, 100.0), windows=windows))
    assert len(compare(run, run, FLOOR).cautions) == cautions


def test_an_operation_that_only_one_of_the_two_measured_is_not_decidable() -> None:
    chat = account(np.full(2000, 100.0))
    comparison = compare(reduced(chat), reduced(), FLOOR)
    assert {difference.change for difference in comparison.differences} == {Change.NOT_DECIDABLE}
    assert {difference.note for difference in comparison.differences} == {"not measured in the run"}
    assert comparison.change is Change.NOT_DECIDABLE


def test_a_run_without_a_success_has_regressed_by_its_failures_alone() -> None:
    comparison = compare(
        reduced(account(np.full(400, 100.0))), reduced(account(np.array([]), failures=400)), FLOOR
    )
    assert comparison.change is Change.REGRESSED
    assert of_metric(comparison, "mean_ms").note == "no successful request"


def test_one_result_has_no_interval() -> None:
    comparison = compare(
        reduced(account(np.full(400, 100.0))), reduced(account(np.array([1e4]), windows=1)), FLOOR
    )
    assert {difference.change for difference in comparison.differences} == {Change.NOT_DECIDABLE}


# --- what is compared


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ({"profile": "soak"}, "profile: phase17 in the baseline, soak in the run"),
        ({"contract": "next"}, "contract: phase17 in the baseline, next in the run"),
        ({"journeys": (Journey.CHAT, Journey.RAG)}, "journeys: chat in the baseline, chat, rag in the run"),
        (
            {"questions": "9 of asked.txt, uniform"},
            "questions: 31 of the suite, uniform in the baseline, 9 of asked.txt, uniform in the run",
        ),
        ({"users": 50}, "users: 20 in the baseline, 50 in the run"),
        ({"steps": (5, 10)}, "steps: none in the baseline, 5, 10 in the run"),
        ({"arrivals_per_second": 2.0}, "arrivals per second: none in the baseline, 2.0 in the run"),
    ],
)
def test_another_load_is_not_comparable_and_the_reason_names_both(made: dict[str, Any], reason: str) -> None:
    chat = account(np.full(2000, 100.0))
    comparison = compare(reduced(chat), reduced(chat, **made), FLOOR)
    assert comparison.change is Change.NOT_COMPARABLE
    assert comparison.reasons == (reason,)
    assert comparison.differences == ()
    assert exit_code(comparison.change) == 3


def test_another_commit_and_other_versions_are_what_is_compared() -> None:
    chat = account(np.full(2000, 100.0))
    after = reduced(chat, commit="4d5e6f7", versions={"locust": "3.0.0"}, target="remote")
    assert compare(reduced(chat), after, FLOOR).change is Change.NO_CHANGE


def test_a_part_of_a_flow_is_compared_and_decides_nothing() -> None:
    flow = account(np.full(2000, 400.0), Operation.ONBOARDING_FLOW)
    pages = [account(np.full(2000, ms), Operation.ONBOARDING_PAGE) for ms in (100.0, 200.0)]
    comparison = compare(*(reduced(page, flow) for page in pages), FLOOR)
    assert comparison.change is Change.NO_CHANGE
    changed = [d for d in comparison.differences if d.change is Change.REGRESSED]
    assert {(d.subject, d.decides) for d in changed} == {("onboarding_page", False)}
    assert comparison.differences[0].subject == "onboarding_flow", "the whole comes before its parts"


def test_each_level_of_load_is_compared_with_itself() -> None:
    levels = [
        [account(np.full(2000, ms), Operation.RAG_SEARCH, users=users) for users, ms in run.items()]
        for run in ({1: 100.0, 50: 400.0}, {1: 100.0, 50: 600.0})
    ]
    comparison = compare(*(reduced(*accounts) for accounts in levels), FLOOR)
    changed = {d.subject for d in comparison.differences if d.change is Change.REGRESSED}
    assert changed == {"rag_search@50"}


def test_the_same_two_runs_are_always_compared_alike() -> None:
    random = np.random.default_rng(8)
    runs = [reduced(account(np.sort(answers(random, 400)()), windows=20)) for _ in range(2)]
    comparison = compare(*runs, FLOOR)
    assert comparison == compare(*runs, FLOOR)
    ends = [end for d in comparison.differences for end in d.ratio or () if d.ratio]
    assert ends
    assert all(math.isfinite(end) for end in ends)


def test_a_first_text_that_comes_later_regresses_although_the_whole_answer_does_not() -> None:
    random = np.random.default_rng(17)
    whole = account(random.normal(3000, 50, 400))

    def streamed(first_ms: float) -> Account:
        windows = account(random.normal(first_ms, 20, 400)).windows
        return whole.model_copy(update={"moments": {Moment.FIRST_CONTENT: Spans(windows=windows)}})

    found = {d.metric: d for d in compare(reduced(streamed(800)), reduced(streamed(1400)), FLOOR).differences}
    assert [metric for metric, one in found.items() if one.change is Change.REGRESSED] == [
        "first_content_p50_ms",
        "first_content_p95_ms",
    ]
    assert found["first_content_p50_ms"].new == pytest.approx(1400, rel=0.01)
    assert found["p50_ms"].change is Change.NO_CHANGE


def test_moments_that_only_one_of_the_runs_has_are_not_compared() -> None:
    whole = account(np.full(400, 3000.0))
    streamed = whole.model_copy(update={"moments": {Moment.FIRST_CONTENT: Spans(windows=whole.windows)}})
    assert {d.metric for d in compare(reduced(whole), reduced(streamed), FLOOR).differences} == set(METRICS)
