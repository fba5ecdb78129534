"""What is begun ends in exactly one result, whatever is raised, whenever the run ends."""

from __future__ import annotations

import logging
from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import gevent
import pytest
from patience import UNHURRIED
from profiled_run import Plan, run_one, run_together
from truthful_target import Fate, Route

from conf.loading import load_settings
from conf.operations import Journey, Operation, Outcome
from monitoring.journal.reading import JournalReader
from monitoring.journal.tracker import Tracker
from monitoring.measurement import Attempts, Tag
from reports.reading.measurement_log import load_measurements
from swarm.failure import CountedApart, RequestFailed
from swarm.generator.failure_log import FailureLog
from swarm.generator.results import Results
from swarm.users.attempt import Attempt

if TYPE_CHECKING:
    from pathlib import Path

    from profiled_run import Told

CHAT, FLOW = Operation.CHAT, Operation.ONBOARDING_FLOW


class Bench:
    """A user's surroundings, without a run."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        contract = load_settings(environ={}).contract
        self.results = Results(contract, FailureLog(Tracker(directory), 1000, 0), 60.0)
        self.fired: list[Any] = []
        hook = SimpleNamespace(fire=lambda exception, **_: self.fired.append(exception))
        self.environment = SimpleNamespace(events=SimpleNamespace(request=hook))

    def attempt(self, operation: Operation = CHAT) -> Attempt:
        environment: Any = self.environment
        return Attempt(environment, self.results, "POST", operation, {"step": 0})

    @property
    def outcomes(self) -> Counter[tuple[Operation, Outcome]]:
        tags = map(Tag.parse, self.results.recorder.take())
        return Counter((tag.operation, tag.outcome) for tag in tags)

    @property
    def records(self) -> list[dict[str, Any]]:
        return list(JournalReader(self.directory, "errors").read())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def explode() -> None:
    raise KeyError("eyJhbGciOiJIUzI1NiJ9.a-secret.that-must-not-be-told")


def test_the_slowest_are_of_those_that_count(bench: Bench) -> None:
    for outcome in Outcome:
        bench.results.note(Tag(CHAT, outcome, 0), 1.0, None, {"trace_id": outcome.value}, None)
    bench.results.note(Tag(CHAT, Outcome.ABANDONED, 0), 99.0, None, {"trace_id": "closed"}, None)
    assert "closed" not in {trace_id for _, _, _, trace_id, *_ in bench.results.slowest.listed()}


@pytest.mark.parametrize("header", ["X-Cache", "x.cache", "x~|cache'"])
def test_whatever_a_header_is_called_that_splits_results_they_can_be_read_back(
    header: str, tmp_path: Path
) -> None:
    contract = load_settings(environ={}).contract
    chat = contract.endpoint(CHAT).model_copy(update={"split_by": header})
    results = Results(contract.model_copy(update={"chat": chat}), FailureLog(Tracker(tmp_path), 1, 0), 60.0)
    response = SimpleNamespace(headers={header: "HIT, 1.5"})
    results.note(Tag(CHAT, Outcome.SUCCESS, 0), 0.1, None, {"trace_id": "a"}, response)
    (tag,) = map(Tag.parse, results.recorder.take())
    assert tag.split.endswith("cache-hit15")


def test_a_failure_is_the_result_and_ends_in_its_block(bench: Bench) -> None:
    failed = RequestFailed(Outcome.STATUS, "HTTP 500")
    with bench.attempt() as attempt:
        raise failed
    assert attempt.failed is failed
    assert bench.fired == [failed]
    assert bench.results.recorder.attempts == {CHAT: Attempts(1, 1)}
    assert bench.outcomes == {(CHAT, Outcome.STATUS): 1}


def test_what_nobody_expected_is_a_result_named_once_with_its_stack(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        for _ in range(5):
            with bench.attempt() as attempt:
                explode()
    assert bench.results.recorder.attempts == {CHAT: Attempts(5, 5)}
    assert bench.outcomes == {(CHAT, Outcome.UNEXPECTED): 1}  # a tag
    failed = attempt.failed
    assert failed is not None
    assert (failed.outcome, failed.__cause__, failed.__traceback__) == (Outcome.UNEXPECTED, None, None)
    assert failed.message.startswith("KeyError in swarm/test_attempts.py:")
    assert len({repr(one) for one in bench.fired}) == 1
    assert len(caplog.messages) == 1
    assert "a-secret" not in caplog.text + repr(bench.fired)
    first, *_ = bench.records
    assert first["exception"] == "KeyError"
    assert first["stack"][-1].endswith("in explode")


def test_the_first_of_its_kind_is_written_though_the_log_has_had_enough(tmp_path: Path) -> None:
    log = FailureLog(Tracker(tmp_path), per_second=1, index=0, clock=lambda: 1.0)
    log.add("chat", RequestFailed(Outcome.STATUS, "500"))
    log.add("chat", RequestFailed(Outcome.STATUS, "500"))
    log.add("chat", RequestFailed(Outcome.UNEXPECTED, "KeyError"))
    log.add("chat", RequestFailed(Outcome.UNEXPECTED, "KeyError"))
    assert [record["message"] for record in JournalReader(tmp_path, "errors").read()] == ["500", "KeyError"]


def test_a_user_that_is_killed_leaves_what_it_was_at_as_cut_off_with_the_time_it_had_waited(
    bench: Bench,
) -> None:
    ended = []

    def flow() -> None:
        try:
            with bench.attempt(FLOW), bench.attempt():
                gevent.sleep(60)
        finally:
            ended.append(True)
        ended.append(False)  # the user goes on: it must not

    user = gevent.spawn(flow)
    gevent.sleep(0.05)
    user.kill()
    assert ended == [True]
    assert bench.results.recorder.attempts == {FLOW: Attempts(1, 1), CHAT: Attempts(1, 1)}
    assert [failed.outcome for failed in bench.fired] == [Outcome.CUT_OFF] * 2
    assert bench.outcomes == {(CHAT, Outcome.CUT_OFF): 1, (FLOW, Outcome.CUT_OFF): 1}


def test_what_locust_waits_for_goes_on_to_it_and_is_no_success(bench: Bench) -> None:
    stop_user = type("StopUser", (Exception,), {"__module__": "locust.exception"})
    with pytest.raises(stop_user), bench.attempt():
        raise stop_user
    assert bench.outcomes == {(CHAT, Outcome.UNEXPECTED): 1}


def test_an_answer_without_the_model_is_counted_apart_and_fails_no_flow(bench: Bench) -> None:
    with bench.attempt(FLOW):
        with bench.attempt() as part:
            raise CountedApart(Outcome.INTERCEPTED)
        part.require()
    assert bench.outcomes == {(CHAT, Outcome.INTERCEPTED): 1, (FLOW, Outcome.SUCCESS): 1}
    assert bench.fired == [None, None]


def test_a_flow_fails_as_its_part_did(bench: Bench) -> None:
    with bench.attempt(FLOW) as flow:
        with bench.attempt() as part:
            raise RequestFailed(Outcome.TIMEOUT, "no complete answer within 6 s")
        part.require()
    assert flow.failed is part.failed
    assert bench.outcomes == {(CHAT, Outcome.TIMEOUT): 1, (FLOW, Outcome.TIMEOUT): 1}


def odd_answer(bench: Bench) -> None:
    """What an answer says beside its content breaks whoever reads it."""
    note = bench.results.note
    note(Tag(CHAT, Outcome.SUCCESS, 0), 0.1, None, {"step": 0, "trace_id": "0" * 32}, object())


def test_what_an_answer_says_beside_its_content_costs_no_result(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        odd_answer(bench)
        odd_answer(bench)
    assert len(caplog.messages) == 1


EXPLODES = """
from itertools import count
import swarm.users.portal_user as portal_user
from locustfiles.chat import HomeownerChatUser

_as_it_is, _numbers = portal_user.require_answer, count()

def require_answer(*arguments):
    if next(_numbers) % 3 == 0:
        raise RecursionError("a Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl")
    return _as_it_is(*arguments)

portal_user.require_answer = require_answer
"""
HANGS = ("--latency", "uniform:0.02:0.1", "--hung-ratio", "0.1")
CHATS = "users = 6\nrun_time_s = 4\nthink_time_s = [0.0, 0.1]\nquestions_in_flight = 3"
SHORT_STOP = ("--stop-timeout", "2")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    onboarding = "users = 6\nrun_time_s = 4\nthink_time_s = [0.0, 0.1]\nreuse_houses = true"
    return run_together(
        {
            "hung": Plan(Journey.CHAT, CHATS, target=HANGS, arguments=SHORT_STOP),
            "hung at once": Plan(
                Journey.CHAT,
                CHATS,
                settings=f"{UNHURRIED}[run]\nstop_timeout_s = 0\n",
                target=HANGS,
            ),
            "hung workers": Plan(
                Journey.ONBOARDING, onboarding, target=HANGS, arguments=SHORT_STOP, workers=[{}, {}]
            ),
            "exploding": Plan(
                Journey.CHAT,
                "users = 3\niterations = 5\nquestions_in_flight = 2",
                instead=EXPLODES,
                target=("--latency", "fixed:0.02"),
            ),
        },
        tmp_path_factory.mktemp("attempts"),
    )


OF_ROUTE = {
    Route.CHAT: Operation.CHAT,
    Route.PAGE: Operation.ONBOARDING_PAGE,
    Route.RESOLVE: Operation.ONBOARDING_RESOLVE,
}


def measured(told: Told, operation: Operation) -> Counter[Outcome]:
    problems: list[Any] = []
    counts: Counter[Outcome] = Counter()
    for tag, series in load_measurements(told.run_dir / "measurements.hlog", problems).items():
        if tag.operation is operation and tag.is_result:
            counts[tag.outcome] += series.count
    assert not problems
    return counts


@pytest.mark.parametrize("name", ["hung", "hung at once", "hung workers"])
def test_every_request_that_the_target_read_is_one_result_and_those_it_never_answered_are_cut_off(
    runs: dict[str, Told], name: str
) -> None:
    told = runs[name]
    read = Counter((OF_ROUTE[one.route], one.fate) for one in told.served)
    assert sum(count for (_, fate), count in read.items() if fate is Fate.HUNG) > 0
    for operation in {operation for operation, _ in read}:
        counts = measured(told, operation)
        assert counts.total() == read[operation, Fate.SUCCESS] + read[operation, Fate.HUNG]
        if name == "hung at once":  # answers that were on their way are cut off too
            assert counts[Outcome.CUT_OFF] >= read[operation, Fate.HUNG]
        else:
            assert counts == +Counter(
                {
                    Outcome.SUCCESS: read[operation, Fate.SUCCESS],
                    Outcome.CUT_OFF: read[operation, Fate.HUNG],
                }
            )
    assert {"unaccounted", "not_reconciled"}.isdisjoint(told.problems)
    assert "Traceback" not in told.output


def test_an_exception_in_judging_is_a_result_said_in_one_line_with_its_stack_in_the_runs_errors(
    runs: dict[str, Told],
) -> None:
    told = runs["exploding"]
    assert len(told.served) == 3 * 5 * 2
    assert measured(told, CHAT) == {Outcome.SUCCESS: 20, Outcome.UNEXPECTED: 10}
    assert "Traceback" not in told.output
    assert "eyJ" not in told.output
    assert told.output.count("unexpected RecursionError in") == 1
    errors = (told.run_dir / "errors.jsonl").read_text()
    assert '"exception": "RecursionError"' in errors
    assert "eyJ" not in errors
    [group] = told.verdict.failures
    assert (group.outcome, group.count) == (Outcome.UNEXPECTED, 10)
    assert {"unaccounted", "exceptions"}.isdisjoint(told.problems)


LOSES = """
import swarm.generator.results as results
from locustfiles.chat import HomeownerChatUser

_as_it_is = results.Results.end

def end(self, operation, took_s, failed, context):
    if not self.lost:
        self.lost = True
        return
    _as_it_is(self, operation, took_s, failed, context)

results.Results.lost, results.Results.end = False, end
"""


def test_a_result_that_is_lost_is_no_verdict_with_both_numbers(tmp_path: Path) -> None:
    told = run_one(Plan(Journey.CHAT, "users = 3\niterations = 10", instead=LOSES), tmp_path / "loses")
    assert told.code == 3
    assert told.problems["unaccounted"].message == "local began chat 30 times and has 29 results"


def test_a_target_that_words_each_failure_differently_fills_no_memory(tmp_path: Path) -> None:
    results = Bench(tmp_path).results
    failures = [
        RequestFailed(Outcome.STREAM_ERROR, f"said {letter * 3}", "whole")
        for letter in map(chr, range(0x4E00, 0x4E00 + 500))
    ]
    kept = [results.known(failed) for failed in failures]
    assert kept[:200] == failures[:200]
    assert {repr(failed) for failed in kept[200:]} == {"stream_error: another reason; it is in the log"}
    assert {failed.detail for failed in kept} == {"whole"}
    assert results.known(failures[0]) is failures[0]
    own = RequestFailed(Outcome.VALIDATION, "the body is not JSON")
    assert results.known(own) is own
