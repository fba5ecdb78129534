"""
Whole runs of plain Locust against a target that knows the truth: the report says what happened, no more and no less.

What a request took its user is what the target held it for, and the transport there and back, which no target can see.
But each user here has one connection and asks again as soon as it has its answer. So the transport of a request lies
within the two gaps around it, between an answer and the next request on the same connection, and these the target can
see, on its own clock. Sorted values keep such bounds: the k-th smallest of what the users had to wait lies between the
k-th smallest of the least, and the k-th smallest of the most, that each of them can have waited. Nothing is assumed
about the machine: where it is slow, the gaps are wide.
"""

from __future__ import annotations

import http.client
import json
import math
import os
import re
import shutil
import signal
import time
import uuid
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain, groupby, pairwise
from operator import attrgetter
from typing import TYPE_CHECKING

import locust_process
import pytest
from locust_process import LOCUSTFILES, TIMEOUT_S, free_port
from truthful_target import Fate, Route, Served, Target, running_target

from conf.operations import Operation, Outcome
from loadtest.embedded import Stack
from monitoring.measurement import new_histogram
from reports.verdict import judge_run
from seed.fixture import House, write_fixture
from seed.jwts import homeowner_token

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from hdrh.histogram import HdrHistogram

    from reports.record import Verdict

SECRET = "a-secret-of-these-tests-that-the-target-never-looks-at"  # noqa: S105 - of the tests
CHAT, ONBOARDING = (str(LOCUSTFILES / name) for name in ("chat.py", "onboarding.py"))

ADVERSITY = (
    "--latency", "lognormal:0.15:0.5:0.6", "--failure-latency", "uniform:0.02:0.04",
    "--error-ratio", "0.15", "--unauthorized-ratio", "0.25", "--invalid-ratio", "0.08", "--foreign-ratio", "0.07",
    "--refuse-first", "--fail-after", "4",
)  # fmt: skip
"""
Quick failures of every kind among the answers, and nothing else in the last second.

The first and the last request of a connection have but one gap: they fail, so that every success has two.
"""
LOAD = ("--headless", "--only-summary", "-u", "16", "-t", "5s")
PROFILE = "smoke"
"""Its chat users ask one question at a time, and do not think between them."""

OPERATIONS = {
    Route.CHAT: Operation.CHAT,
    Route.PAGE: Operation.ONBOARDING_PAGE,
    Route.RESOLVE: Operation.ONBOARDING_RESOLVE,
}
MEANING = {
    Fate.SUCCESS: (Outcome.SUCCESS, ""),
    Fate.ERROR: (Outcome.STATUS, "HTTP 500 Internal Server Error"),
    Fate.UNAUTHORIZED: (Outcome.STATUS, "HTTP 401 Unauthorized"),
    Fate.INVALID: (Outcome.VALIDATION, "the body is not JSON"),
    Fate.FOREIGN: (Outcome.ISOLATION, "a source belongs to another development"),
}
LOSSES = {"not_reconciled", "worker_lost", "exceptions", "damaged_file", "manifest"}
"""Problems that say that the account is not complete; others speak of the machine."""
MEASUREMENTS = "measurements.hlog"
FIGURES = {"p50_ms": 50, "p95_ms": 95, "p99_ms": 99, "max_ms": 100}
PRECISION = 0.001
"""Of a histogram's value, which is never too small."""
ROUNDING_MS = 0.001
"""Histograms count microseconds."""

STOPWATCH = """
from locust import events
import json, os

@events.request.add_listener
def note(name, response_time, exception, **_):
    with open(f"{directory}/{{os.getpid()}}.timed", "a") as file:
        file.write(json.dumps([name, response_time, repr(exception) if exception else ""]) + "\\n")
"""
"""A locustfile beside the suite's: every time that Locust took."""

Counts = Counter[tuple[Operation | None, Outcome | None, str]]
Bounds = dict[tuple[Operation | None, str], tuple[float, float]]
"""Operation and figure → the least and the most that it can be, in milliseconds."""


@dataclass(frozen=True)
class Fact:
    """One result as it was, and the least and the most that it can have taken its user."""

    operation: Operation
    outcome: Outcome
    message: str
    least_ms: float
    most_ms: float


@dataclass(frozen=True)
class Told:
    """A run that ended: what it tells, and what is so."""

    run_dir: Path
    verdict: Verdict
    facts: list[Fact]
    """As the target saw them."""
    timed: list[Fact]
    """As Locust timed them, itself."""


@dataclass(frozen=True)
class _Turn:
    """A request with the gaps around it; infinite where the connection has none."""

    served: Served
    gap_before_ns: float
    gap_after_ns: float


def facts_of(served: Iterable[Served]) -> list[Fact]:
    """What is true of a run in which every user has one connection and makes its requests one after the other."""
    facts = []
    for turns in _conversations(served):
        facts += [_fact(OPERATIONS[turn.served.route], turn, turn) for turn in turns]
        for turn, following in pairwise([*turns, None]):
            assert turn is not None
            if turn.served.route is not Route.PAGE:
                continue
            last = following if turn.served.fate is Fate.SUCCESS else turn
            assert last is not None, "a flow was left half-way"
            facts.append(_fact(Operation.ONBOARDING_FLOW, turn, last))
    return facts


def _conversations(served: Iterable[Served]) -> Iterator[list[_Turn]]:
    connection = attrgetter("connection")
    for _, group in groupby(sorted(served, key=attrgetter("connection", "complete_ns")), connection):
        requests = list(group)
        gaps_ns = [after.complete_ns - before.answered_ns for before, after in pairwise(requests)]
        gaps = pairwise([math.inf, *gaps_ns, math.inf])
        yield [_Turn(one, before, after) for one, (before, after) in zip(requests, gaps, strict=True)]


def _fact(operation: Operation, first: _Turn, last: _Turn) -> Fact:
    least_ns = last.served.answered_ns - first.served.complete_ns
    most_ns = least_ns + first.gap_before_ns + last.gap_after_ns
    return Fact(operation, *MEANING[last.served.fate], least_ns / 1e6, most_ns / 1e6)


def timed_facts(directory: Path) -> list[Fact]:
    """What the stopwatch noted, in all processes."""
    facts = []
    for line in chain.from_iterable(path.read_text().splitlines() for path in directory.glob("*.timed")):
        name, took_ms, failure = json.loads(line)
        outcome, _, message = failure.partition(": ")
        facts.append(Fact(Operation(name), Outcome(outcome or "success"), message, took_ms, took_ms))
    return facts


def true_counts(facts: Iterable[Fact]) -> Counts:
    return Counter((fact.operation, fact.outcome, fact.message) for fact in facts)


def told_counts(verdict: Verdict) -> Counts:
    counts: Counts = Counter()
    for row in verdict.operations:
        counts[row.operation, Outcome.SUCCESS, ""] += row.successes
    for group in verdict.failures:
        counts[group.operation, group.outcome, group.message] += group.count
    return +counts


def measured_counts(measurements: Iterable[str]) -> Counter[tuple[str, str]]:
    """Operation and outcome → results in the lines of a histogram log."""
    counts: Counter[tuple[str, str]] = Counter()
    for line in measurements:
        if line.startswith("Tag="):
            tag, *_, payload = line.removeprefix("Tag=").split(",")
            operation, outcome, _ = tag.split(".")
            counts[operation, outcome] += decoded(payload).get_total_count()
    return counts


def nearest_rank(values: Iterable[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[-(-len(ordered) * percent // 100) - 1]


def bounds_of(facts: Iterable[Fact]) -> Bounds:
    """Between what the figures of successful results must lie."""
    successes = defaultdict(list)
    for fact in facts:
        if fact.outcome is Outcome.SUCCESS:
            successes[fact.operation].append(fact)
    return {
        (operation, figure): (
            nearest_rank((fact.least_ms for fact in own), percent) - ROUNDING_MS,
            nearest_rank((fact.most_ms for fact in own), percent) * (1 + PRECISION) + ROUNDING_MS,
        )
        for operation, own in successes.items()
        for figure, percent in FIGURES.items()
    }


def untruths(verdict: Verdict, bounds: Bounds) -> dict[tuple[Operation | None, str], str]:
    """The figures of the report that cannot be true."""
    told = {
        (row.operation, figure): getattr(row.latency, figure)
        for row in verdict.operations
        for figure in FIGURES
    }
    assert told.keys() == bounds.keys()
    return {
        key: f"{told[key]:.3f} is not between {least:.3f} and {most:.3f}"
        for key, (least, most) in bounds.items()
        if not least <= told[key] <= most
    }


@pytest.fixture(scope="module")
def fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Houses that no database knows."""
    path, now = tmp_path_factory.mktemp("houses") / "houses.jsonl", datetime.now(UTC)
    tenant, development = str(uuid.uuid4()), str(uuid.uuid4())
    houses = [
        House(
            str(uuid.uuid4()), tenant, "truth", development, "A", number, f"T-{number:03}", f"qr-{number}", ""
        )
        for number in range(1, 21)
    ]
    write_fixture(path, [replace(house, jwt=homeowner_token(house, SECRET, now)) for house in houses])
    return path


def run_to_end(target: Target, fixture: Path, output_dir: Path, *commands: Sequence[str]) -> tuple[Path, str]:
    """Run these processes of Locust, of which the first is in charge; returns the run directory and what it said."""
    environ = {
        "LOADTEST_TARGET": target.base_url,
        "LOADTEST_FIXTURE": str(fixture),
        "LOADTEST_PROFILE": PROFILE,  # of the workers too
        "SESSION_SECRET": SECRET,
    }
    stack = Stack(environ, target.base_url, database_url="", portal_pid=target.process.pid)
    output_dir.mkdir()
    with ExitStack() as processes:
        started = []
        for command in commands:
            process = processes.enter_context(locust_process.start(stack, output_dir, command))
            processes.callback(_kill, process)
            started.append(process)
        outputs = [process.communicate(timeout=TIMEOUT_S)[0] for process in started]
    output = "\n".join(outputs)
    run_dirs = list(output_dir.iterdir())
    assert len(run_dirs) == 1, output
    return run_dirs[0], output


def _kill(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def master_and_workers() -> list[list[str]]:
    port = str(free_port())
    worker = ["--worker", "--master-port", port]
    own = ["--master", "--expect-workers", "2", "--master-bind-host", "127.0.0.1", "--master-bind-port", port]
    return [[*LOAD, *own], worker, worker]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(lambda: [LOAD], id="local"),
        pytest.param(lambda: [[*LOAD, "--processes", "2"]], id="two processes"),
        pytest.param(master_and_workers, id="master and two workers"),
    ],
)
def told(request: pytest.FixtureRequest, fixture: Path, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """A run with failures of all kinds in it."""
    directory = tmp_path_factory.mktemp("told")
    stopwatch = directory / "stopwatch.py"
    stopwatch.write_text(STOPWATCH.format(directory=directory))
    with running_target(directory, *ADVERSITY) as target:
        commands = [["-f", f"{CHAT},{ONBOARDING},{stopwatch}", *command] for command in request.param()]
        run_dir, output = run_to_end(target, fixture, directory / "runs", *commands)
    assert "Traceback" not in output
    return Told(run_dir, judge_run(run_dir), facts_of(target.served()), timed_facts(directory))


def test_every_request_is_in_the_report_once_as_what_it_was(told: Told) -> None:
    counts = told_counts(told.verdict)
    assert counts == true_counts(told.facts) == true_counts(told.timed)
    assert measured_counts(measurements_of(told)) == Counter(
        (fact.operation, fact.outcome) for fact in told.facts
    )
    assert {outcome for _, outcome, _ in counts} == {
        Outcome.SUCCESS, Outcome.STATUS, Outcome.VALIDATION, Outcome.ISOLATION,
    }  # fmt: skip
    assert {problem.code for problem in told.verdict.problems}.isdisjoint(LOSSES)


def test_percentiles_are_those_of_the_successes_as_locust_timed_them_to_a_thousandth(told: Told) -> None:
    assert untruths(told.verdict, bounds_of(told.timed)) == {}


def test_percentiles_are_what_the_target_held_its_answers_for_and_the_transport(told: Told) -> None:
    assert untruths(told.verdict, bounds_of(told.facts)) == {}


def test_a_result_that_is_lost_on_the_way_to_the_report_would_be_noticed(told: Told, tmp_path: Path) -> None:
    lines = measurements_of(told)
    number = next(number for number, line in enumerate(lines) if line.startswith("Tag=chat.success."))
    lines[number] = without_one_result(lines[number])
    damaged = judge_with(lines, told, tmp_path)
    assert true_counts(told.facts) - told_counts(damaged) == {(Operation.CHAT, Outcome.SUCCESS, ""): 1}


def test_failures_among_the_percentiles_would_be_noticed(told: Told, tmp_path: Path) -> None:
    failure = re.compile(r"^(Tag=\w+)\.(status|validation|isolation)\.")
    mixed = [failure.sub(r"\1.success.", line) for line in measurements_of(told)]
    damaged = judge_with(mixed, told, tmp_path)
    assert untruths(damaged, bounds_of(told.timed)).keys() >= {
        (Operation.CHAT, "p50_ms"),
        (Operation.CHAT, "p95_ms"),
    }
    assert (Operation.CHAT, "p50_ms") in untruths(damaged, bounds_of(told.facts))


def test_failures_of_the_last_moments_are_in_the_report(fixture: Path, tmp_path: Path) -> None:
    """Locust writes its own CSV files once a second and not at the end."""
    command = ["-f", CHAT, "--headless", "--only-summary", "-u", "8", "-t", "3s"]
    with running_target(tmp_path, "--latency", "uniform:0.05:0.1", "--fail-after", "2.3") as target:
        run_dir, _ = run_to_end(target, fixture, tmp_path / "runs", command)
    served = target.served()
    counts = told_counts(judge_run(run_dir))
    assert counts == true_counts(facts_of(served))
    assert counts[Operation.CHAT, *MEANING[Fate.ERROR]] > 0
    began_at = min(one.arrived_at for one in served)
    assert all(one.arrived_at - began_at > 2.2 for one in served if one.fate is Fate.ERROR)


def measurements_of(told: Told) -> list[str]:
    return (told.run_dir / MEASUREMENTS).read_text(encoding="ascii").splitlines()


def judge_with(measurements: Sequence[str], told: Told, directory: Path) -> Verdict:
    """What the report of the same run would say, had these been its measurements."""
    run_dir = shutil.copytree(told.run_dir, directory / told.run_dir.name)
    (run_dir / MEASUREMENTS).write_text("\n".join([*measurements, ""]), encoding="ascii")
    return judge_run(run_dir)


def decoded(payload: str) -> HdrHistogram:
    histogram = new_histogram()
    histogram.decode_and_add(payload)
    return histogram


def without_one_result(line: str) -> str:
    before, _, payload = line.rpartition(",")
    histogram = decoded(payload)
    histogram.counts[next(index for index, count in enumerate(histogram.counts) if count)] -= 1
    return f"{before},{histogram.encode().decode('ascii')}"


def connected(port: int) -> closing[http.client.HTTPConnection]:
    return closing(http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S))


def ask(connection: http.client.HTTPConnection) -> int:
    """One question; returns the status of the answer."""
    connection.request("POST", "/api/chat", json.dumps({"message": "Where?", "developmentId": "d"}))
    with connection.getresponse() as response:
        response.read()
        return response.status


def ask_for(port: int, seconds: float) -> None:
    """Questions on one connection, one after the other."""
    end_s = time.monotonic() + seconds
    with connected(port) as connection:
        while time.monotonic() < end_s:
            assert ask(connection) == 200


def test_a_target_that_stalls_holds_every_answer_due_in_that_span_until_its_end(tmp_path: Path) -> None:
    options = ("--latency", "uniform:0.02:0.08", "--stall", "0.4:0.6")
    with running_target(tmp_path, *options) as target, ThreadPoolExecutor(4) as users:
        list(users.map(ask_for, [target.port] * 4, [1.3] * 4))
    served = target.served()
    first_us = min(one.complete_ns for one in served) / 1000
    due_s = {one: (one.complete_ns / 1000 + one.drawn_us - first_us) / 1e6 for one in served}
    held = [one for one in served if 0.4 <= due_s[one] < 1.0]
    others = [one for one in served if one not in held]
    assert len(held) == 4, "each of the users waits"
    assert all(one.answered_ns / 1000 - first_us >= 1e6 for one in held)
    assert {one.connection for one in others} == {one.connection for one in held}
    assert all(one.served_us >= one.drawn_us for one in served)
    assert sum(one.served_us for one in others) / len(others) < 0.6e6, "the others were not held"


def test_the_same_seed_draws_the_same_fates(tmp_path: Path) -> None:
    def drawn(name: str, seed: int) -> list[tuple[Fate, int]]:
        (tmp_path / name).mkdir()
        options = ("--latency", "lognormal:0.002:0.5:0.01", "--error-ratio", "0.5", "--seed", str(seed))
        with running_target(tmp_path / name, *options) as target, connected(target.port) as connection:
            statuses = [ask(connection) for _ in range(20)]
        served = target.served()
        assert statuses == [500 if one.fate is Fate.ERROR else 200 for one in served]
        return [(one.fate, one.drawn_us) for one in served]

    assert drawn("one", 1) == drawn("same", 1) != drawn("other", 2)


def test_a_target_that_nobody_stops_stops_by_itself(tmp_path: Path) -> None:
    with running_target(tmp_path, "--lifetime", "0.2") as target:
        assert target.process.wait(timeout=TIMEOUT_S) == 0
