"""The states of a run's end, by themselves: each arrow that is drawn, and none that is not."""

from __future__ import annotations

import gevent
import pytest

from reports.manifest import EndedBy
from swarm.owner.ending import RunEnding, RunState

RUN_TIME_S = 60.0


class Locust:
    """Counts how often it is asked to stop."""

    def __init__(self) -> None:
        self.asked = 0

    def stop(self) -> None:
        self.asked += 1


@pytest.fixture
def locust() -> Locust:
    return Locust()


@pytest.fixture
def ending(locust: Locust) -> RunEnding:
    return RunEnding(RUN_TIME_S, locust.stop)


def test_a_run_begins_with_no_reason_to_end(ending: RunEnding) -> None:
    assert (ending.state, ending.reason, ending.loaded_s) == (RunState.RUNNING, EndedBy.NOTHING_YET, None)
    assert (ending.is_under_way, ending.has_begun, ending.is_over) == (True, False, False)


def test_what_is_decided_first_is_why_the_run_ends_and_locust_is_asked_once(
    ending: RunEnding, locust: Locust
) -> None:
    for reason in (EndedBy.CRITERION, EndedBy.FAILURE):
        ending.decide(reason)
    ending.expect(EndedBy.STEPS)
    gevent.sleep(0)
    assert (ending.state, ending.reason, locust.asked) == (RunState.DUE, EndedBy.CRITERION, 1)
    ending.end(7.0, interrupted=True)
    assert (ending.state, ending.reason) == (RunState.ENDING, EndedBy.CRITERION)


def test_after_its_last_step_locust_stops_by_itself(ending: RunEnding, locust: Locust) -> None:
    ending.expect(EndedBy.STEPS)
    gevent.sleep(0)
    assert (ending.state, ending.reason, locust.asked) == (RunState.DUE, EndedBy.STEPS, 0)


@pytest.mark.parametrize(
    ("elapsed_s", "interrupted", "reason"),
    [
        (RUN_TIME_S, False, EndedBy.RUN_TIME),
        (RUN_TIME_S - 0.5, True, EndedBy.RUN_TIME),
        (RUN_TIME_S / 2, True, EndedBy.INTERRUPTED),
        (RUN_TIME_S / 2, False, EndedBy.STOPPED),
    ],
)
def test_where_nothing_was_decided_the_moment_and_the_process_say_why(
    ending: RunEnding, elapsed_s: float, *, interrupted: bool, reason: EndedBy
) -> None:
    ending.end(elapsed_s, interrupted=interrupted)
    assert (ending.state, ending.reason, ending.loaded_s) == (RunState.ENDING, reason, elapsed_s)


def test_a_run_without_a_run_time_never_runs_out() -> None:
    ending = RunEnding(None, list)
    assert not ending.is_overdue(1e9)
    ending.end(1e9, interrupted=False)
    assert ending.reason is EndedBy.STOPPED


def test_only_a_run_that_locust_has_forgotten_to_end_is_overdue(ending: RunEnding) -> None:
    assert [ending.is_overdue(RUN_TIME_S + late_s) for late_s in (-1, 0, 0.9, 1)] == [
        False,
        False,
        False,
        True,
    ]


def test_a_second_stop_changes_neither_the_reason_nor_the_time_of_the_load(ending: RunEnding) -> None:
    ending.end(5.0, interrupted=False)
    ending.end(9.0, interrupted=True)
    ending.decide(EndedBy.FAILURE)
    assert (ending.reason, ending.loaded_s) == (EndedBy.STOPPED, 5.0)


def test_a_run_is_waited_for_until_it_is_settled(ending: RunEnding) -> None:
    ending.end(5.0, interrupted=False)
    ending.finish()
    assert (ending.is_under_way, ending.has_begun, ending.is_over) == (False, True, False)
    waiting = gevent.spawn(ending.wait, 60.0)
    gevent.sleep(0)
    assert not waiting.ready()
    ending.settle()
    waiting.join(timeout=60.0)
    assert (waiting.ready(), ending.state, ending.is_over) == (True, RunState.FINISHED, True)
