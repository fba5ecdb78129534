from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from built_run import STARTED, BuiltRun

from conf.loading import load_settings
from conf.operations import Journey, Operation, Outcome
from conf.thresholds import Limits
from monitoring.measurement import Tag, new_histogram
from reports.judgement.silence import assess_silence
from reports.manifest import Manifest
from reports.state import State
from reports.statistics.distribution import Distribution
from reports.statistics.series import Series

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reports.finding import Finding

USERS = 20
LENGTH_S = 60.0
SEARCHES = Operation.RAG_SEARCH
ANSWERED, IN_VAIN = (Tag(SEARCHES, outcome, 0) for outcome in (Outcome.SUCCESS, Outcome.TIMEOUT))


def series(per_interval: Mapping[int, int], ms: float) -> Series:
    """Results of a run whose log has an interval every five seconds: number of the interval → how many."""
    made = Series()
    for number, count in per_interval.items():
        part, histogram = Distribution(), new_histogram()
        histogram.record_value(round(ms * 1000), count)
        part.add_encoded(histogram.encode())
        made.add(STARTED.timestamp() + 5 * number, part, 5)
    return made


def judged(
    answered: Mapping[int, int],
    in_vain: Mapping[int, int],
    *,
    waited_ms: float = 31_000,
    limits: Mapping[str, Any] | None = None,
    **manifest: Any,
) -> list[Finding]:
    made = {
        "ended_at": (STARTED + timedelta(seconds=LENGTH_S)).isoformat(),
        "loaded_s": LENGTH_S,
        "ended_by": "run time",
        "users_wanted": USERS,
        **manifest,
    }
    values = BuiltRun([], (Journey.RAG,), manifest=made).manifest_values("run")
    measurements = {ANSWERED: series(answered, 5), IN_VAIN: series(in_vain, waited_ms)}
    thresholds = load_settings(environ={}).thresholds
    if limits:
        thresholds = {"rag_search": {"success_ratio": Limits.model_validate(limits)}}
    return assess_silence(measurements, Manifest.model_validate(values), thresholds)


ALWAYS = dict.fromkeys(range(12), 1000)
AT_FIRST = dict.fromkeys(range(3), 1000)


def test_a_target_that_falls_silent_and_does_not_come_back_is_a_fail_however_much_it_answered_before() -> (
    None
):
    (finding,) = judged(AT_FIRST, {9: USERS})
    assert (finding.subject, finding.metric, finding.state) == ("rag_search", "success_ratio", State.FAIL)
    assert (finding.value, finding.count) == (0.0, USERS)
    assert finding.note.startswith("nothing succeeded in the last 45 s of the load")


def test_searches_that_end_in_vain_after_the_load_count_as_its_silence() -> None:
    assert judged(AT_FIRST, {13: USERS})


@pytest.mark.parametrize(
    ("answered", "in_vain", "manifest"),
    [
        (ALWAYS, {9: USERS}, {}),
        (AT_FIRST | {11: 1}, {9: USERS}, {}),
        (AT_FIRST | {13: 20}, {9: USERS}, {}),
        (AT_FIRST, {9: 3}, {}),
        (AT_FIRST, {}, {}),
        (AT_FIRST, {9: USERS}, {"ended_by": "iterations"}),
        ({0: 1, 5: 1}, {9: USERS}, {}),
        (dict.fromkeys(range(11), 1000), {11: 2}, {}),
    ],
    ids=[
        "it answered to the end",
        "it came back",
        "it answered after the load",
        "a few users waited in vain",
        "nobody asked",
        "iterations ended the run",
        "answers were always rare",
        "a moment at the end",
    ],
)
def test_what_is_no_silence(
    answered: Mapping[int, int], in_vain: Mapping[int, int], manifest: dict[str, Any]
) -> None:
    assert judged(answered, in_vain, **manifest) == []


def test_several_journeys_share_the_users() -> None:
    together = {"journeys": ["rag", "chat"], "users_wanted": 2 * USERS}
    assert judged(AT_FIRST, {9: USERS // 4}, **together)
    assert not judged(AT_FIRST, {9: USERS // 4 - 1}, **together)


@pytest.mark.parametrize(("users", "at_once", "begun_later"), [(20, 9, 4), (4, 1, 1), (4, 2, 2), (1, 1, 1)])
def test_that_no_user_asks_while_a_few_wait_in_vain_is_no_silence(
    users: int, at_once: int, begun_later: int
) -> None:
    assert not judged(AT_FIRST, {8: at_once}, waited_ms=30_000, users_wanted=users)
    assert not judged(AT_FIRST, {9: begun_later}, waited_ms=30_000, users_wanted=users)
    assert not judged(
        AT_FIRST, {9: 8 * users}, waited_ms=40_000, users_wanted=users
    )  # begun before the last success


@pytest.mark.parametrize(("number", "least"), [(8, 10), (9, 5)])
def test_that_half_of_the_users_wait_or_a_quarter_asked_again_is_one(number: int, least: int) -> None:
    assert not judged(AT_FIRST, {number: least - 1}, waited_ms=30_000)
    assert judged(AT_FIRST, {number: least}, waited_ms=30_000)


def test_the_users_are_those_of_the_journey_and_of_planned_starts_no_more_than_were_planned() -> None:
    of_journey = {
        "journeys": ["rag", "chat"],
        "users_wanted": 100,
        "users_by_journey": {"rag": 12, "chat": 88},
    }
    assert judged(AT_FIRST, {9: 3}, **of_journey)
    planned = {"users_wanted": 1000, "arrivals": {"per_second": 2, "begun": 120, "missed": 0}}
    assert judged(AT_FIRST, {9: 23}, **planned)
    assert not judged(AT_FIRST, {9: 22}, **planned)


def test_a_user_that_asks_several_questions_at_once_counts_as_often() -> None:
    of_chat = {"journeys": ["chat"], "users_wanted": 4, "questions_in_flight": 3}
    measured = {
        tag._replace(operation=Operation.CHAT): results
        for tag, results in ((ANSWERED, series(AT_FIRST, 5)), (IN_VAIN, series({8: 5}, 30_000)))
    }
    thresholds = load_settings(environ={}).thresholds
    values = BuiltRun([], manifest={"loaded_s": LENGTH_S, "ended_by": "run time", **of_chat}).manifest_values(
        "run"
    )
    assert assess_silence(measured, Manifest.model_validate(values), thresholds) == []
    alone = Manifest.model_validate(values | {"questions_in_flight": 1})
    assert assess_silence(measured, alone, thresholds)


@pytest.mark.parametrize(
    ("limits", "state"),
    [
        ({"pass_above": 0.95, "fail_below": 0.9, "optional": True}, State.WARN),
        ({"pass_above": 0.95}, State.WARN),
        ({"fail_below": 0.9}, State.FAIL),
    ],
)
def test_a_silence_is_judged_as_the_criterion_judges_a_rate_of_nothing(
    limits: dict[str, Any], state: State
) -> None:
    (finding,) = judged(AT_FIRST, {9: USERS}, limits=limits)
    assert finding.state is state
