"""The figures of a streamed answer: from when to when, and what stands for what never came."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from conf.operations import Outcome
from conf.stream_figures import Moment, Quantity
from conf.thresholds import Within
from swarm.users.stream_figures import is_fake, moments_s, quantities, stream_figures

SENT_S = 100.0


def answer(*texts_s: float, done_s: float | None = None, **seen: Any) -> Any:
    """An answer sent at `SENT_S`, whose texts of ten letters came so many seconds later."""
    at_s = [SENT_S + text_s for text_s in texts_s]
    usual = {
        "headers_s": SENT_S + 0.1,
        "first_event_s": SENT_S + 0.2,
        "first_source_s": None,
        "contents": [(moment_s, 10) for moment_s in at_s],
        "gaps_s": [after - before for before, after in pairwise(at_s)],
        "done_s": None if done_s is None else SENT_S + done_s,
        "waited_s": 0.0,
        "words": 2 * len(texts_s),
        "heartbeats": 0,
        "tokens": None,
    }
    return SimpleNamespace(**usual | seen)


def found(stream: Any, took_s: float, outcome: Outcome) -> dict[Moment, float]:
    return {moment: round(s, 6) for moment, s in moments_s(stream, SENT_S, took_s, outcome)[0].items()}


def test_moments_of_a_whole_answer_begin_when_it_is_sent() -> None:
    assert found(answer(1.0, 1.5, 3.0, done_s=3.2), 3.3, Outcome.SUCCESS) == {
        Moment.HEADERS: 0.1,
        Moment.FIRST_EVENT: 0.2,
        Moment.FIRST_CONTENT: 1.0,
        Moment.LAST_CONTENT: 3.0,
        Moment.DONE: 3.2,
        Moment.LARGEST_GAP: 1.5,
    }


def test_a_single_text_has_no_gap_to_wait_for() -> None:
    assert found(answer(1.0, done_s=1.0), 1.0, Outcome.SUCCESS)[Moment.LARGEST_GAP] == 0


@pytest.mark.parametrize("outcome", [o for o in Outcome if o.is_failure or o is Outcome.CUT_OFF])
def test_what_never_came_was_waited_for_until_the_end(outcome: Outcome) -> None:
    silent = found(answer(headers_s=None, first_event_s=None), 30.0, outcome)
    assert silent == dict.fromkeys(
        [Moment.HEADERS, Moment.FIRST_EVENT, Moment.FIRST_CONTENT, Moment.LAST_CONTENT, Moment.DONE], 30.0
    )
    assert found(answer(1.0, 1.2), 31.2, outcome) == {
        Moment.LAST_CONTENT: 31.2,
        Moment.DONE: 31.2,
        Moment.LARGEST_GAP: 30.0,
    }
    _, came = moments_s(answer(1.0, 1.2), SENT_S, 31.2, outcome)
    assert came[Moment.FIRST_CONTENT] == pytest.approx(1.0)


def test_nothing_is_waited_for_after_the_end_of_an_answer_whose_connection_fails_later() -> None:
    missed, came = moments_s(answer(1.0, 1.5, done_s=1.6), SENT_S, 31.5, Outcome.IDLE)
    assert missed == {}
    assert [came[moment] for moment in (Moment.LAST_CONTENT, Moment.DONE, Moment.LARGEST_GAP)] == [
        pytest.approx(at_s) for at_s in (1.5, 1.6, 0.5)
    ]


def test_stalls_are_what_gaps_have_beyond_their_limit_and_nothing_is_recorded_where_there_is_none() -> None:
    stream = answer(1.0, 1.5, 4.0, done_s=4.0)
    figures = dict(quantities(stream, moments_s(stream, SENT_S, 4.0, Outcome.SUCCESS)[0]))
    assert {quantity: [round(value, 6) for value in values] for quantity, values in figures.items()} == {
        Quantity.WAITED: [0.0],
        Quantity.GAP: [0.5, 2.5],
        Quantity.STALLED: [1.5],
        Quantity.CONTENTS: [3e-6],
        Quantity.CHARACTERS: [30e-6],
        Quantity.WORDS: [6e-6],
    }


@pytest.mark.parametrize(
    ("texts_s", "done_s", "fake"),
    [
        ([1 + 0.05 * n for n in range(20)], 2.0, False),
        ([1.0] * 20, 1.0, True),  # one read, at the end
        ([0.1] * 20, 9.0, True),  # one read, early
        ([1.0 + 0.001 * n for n in range(20)], 1.03, True),  # many reads, all at the end
        ([1.0] * 3, 1.0, False),  # so few texts may come together
    ],
)
def test_text_that_comes_all_at_once_is_no_stream(texts_s: list[float], done_s: float, fake: bool) -> None:  # noqa: FBT001 - expected
    stream = answer(*texts_s, done_s=done_s)
    assert is_fake(stream, moments_s(stream, SENT_S, done_s, Outcome.SUCCESS)[0]) is fake


@pytest.mark.parametrize(
    ("within", "kept"),
    [
        (Within(20_000, 2_000, 1_600), True),
        (Within(3_100, None, None), False),
        (Within(20_000, 900, None), False),
        (Within(20_000, None, 1_400), False),
    ],
)
def test_a_good_answer_keeps_all_limits_at_once(within: Within, kept: bool) -> None:  # noqa: FBT001 - expected
    stream = answer(1.0, 1.5, 3.0, done_s=3.2)
    assert stream_figures(stream, SENT_S, 3.3, Outcome.SUCCESS).keep(within) is kept
