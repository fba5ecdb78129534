"""Open workloads in whole runs: every planned start is made or told, and a wait for a busy user is not hidden."""

from __future__ import annotations

import json
import subprocess
from itertools import product

import pytest
from patience import TIMEOUT_S, UNHURRIED
from profiled_run import Plan, Told, command, ended_at_last, run_together, site_for

from conf.operations import Journey
from conf.profile import Arrivals
from reports.state import State
from swarm.generator.arrivals import Schedule

RATE = 20
LENGTH_S = 6
USERS = 16
STALL_S = 2.0
STALLED_USERS = 4
"""So few of 117 requests are held by the stall that their p95 does not see it."""

OPEN = f"arrival_rate = {RATE}\nrun_time_s = {LENGTH_S}\n"
CONSTANT = f'{OPEN}users = {USERS}\narrivals = "constant"\n'
QUICK = ("--latency", "fixed:0.05")

WITNESS = """
from locust import argument_parser, events
from locust.runners import MasterRunner
import json, os, pathlib

parsers, set_up = [], argument_parser.setup_parser_arguments
argument_parser.setup_parser_arguments = lambda parser: (parsers.append(parser), set_up(parser))
events.init.add_listener(lambda **_: parsers.clear())

@events.test_stopping.add_listener
def note(environment, **_):
    if isinstance(environment.runner, MasterRunner):
        return
    from swarm.generator.generator import generator_of
    path = pathlib.Path(__file__).with_name(f"{os.getpid()}.stopped")
    path.write_text(json.dumps([generator_of(environment).part.elapsed_s, len(parsers)]))
"""
"""
A locustfile beside the suite's: when, by the clock of the planned starts, each process began to stop; and how many
parsers of Locust's options it has built by then.
"""

PLANS = {
    # First: it is interrupted once it is the turn of its end.
    "interrupted": Plan(
        Journey.CHAT,
        "arrival_rate = 100\nrun_time_s = 900\nusers = 60",
        arguments=("--processes", "2"),
        target=("--latency", "fixed:0.3"),
        interrupt_s=4,
    ),
    # The others' starts are nobody's business: there are no users to make them, and none to miss them.
    "healthy": Plan(Journey.CHAT, CONSTANT, target=QUICK, beside=WITNESS, others=CONSTANT),
    "poisson": Plan(Journey.CHAT, f"{OPEN}users = {USERS}", target=QUICK, beside=WITNESS),
    "two processes": Plan(
        Journey.CHAT, CONSTANT, arguments=("--processes", "2"), target=QUICK, beside=WITNESS
    ),
    "too few users": Plan(
        Journey.CHAT,
        f"arrival_rate = {RATE}\nrun_time_s = 4\nusers = 1",
        f"{UNHURRIED}[run]\nminimum_requests = 1\n",
        target=("--latency", "fixed:0.5"),
        beside=WITNESS,
    ),
}


STALLED = Plan(
    Journey.CHAT,
    f'{OPEN}users = {STALLED_USERS}\narrivals = "constant"',
    f"{UNHURRIED}[thresholds.chat]\nplanned_p95_ms = {{ pass_below = 500, fail_above = 1000 }}",
    target=(*QUICK, "--stall", f"{LENGTH_S / 2 - STALL_S / 2}:{STALL_S}"),
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    """One of them is made by the command, from another directory than the suite's."""
    directory, elsewhere = tmp_path_factory.mktemp("open"), tmp_path_factory.mktemp("elsewhere")
    typed = command("run", "chat", "--profile", "site/own.toml", "--output-dir", "site/runs")
    with (
        site_for(STALLED, elsewhere / "site") as site,
        ended_at_last(
            subprocess.Popen(
                typed,
                cwd=elsewhere,
                env=site.environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        ) as process,
    ):
        told = run_together(PLANS, directory)
        output, _ = process.communicate(timeout=TIMEOUT_S)
        (run_dir,) = site.runs.iterdir()
        return told | {"stalled": Told(process.returncode, output, run_dir, site.target.served())}


@pytest.fixture(scope="module")
def stalled(runs: dict[str, Told]) -> Told:
    """The target stood still for two seconds."""
    return runs["stalled"]


def planned(arrivals: Arrivals, share: int, shares: int, until_s: float) -> int:
    """How many starts the settings' own seed plans up to that moment."""
    return Schedule(RATE, arrivals, "17/chat", share, shares).missed(until_s)


def witnessed(told: Told) -> list[tuple[float, int]]:
    """What the witness noted in each process that makes load."""
    return [tuple(json.loads(path.read_text())) for path in told.run_dir.parent.parent.glob("*.stopped")]


def stopped_s(told: Told) -> list[float]:
    return [at_s for at_s, _ in witnessed(told)]


@pytest.mark.parametrize("name", ["healthy", "poisson"])
def test_every_planned_start_is_made_and_every_start_made_is_a_request_that_the_target_served(
    runs: dict[str, Told], name: str
) -> None:
    told = runs[name]
    arrivals = Arrivals.CONSTANT if name == "healthy" else Arrivals.POISSON
    begun, missed = (told.manifest["arrivals"][count] for count in ("begun", "missed"))
    assert begun == told.row().requests == len(told.served)
    (at_s,) = stopped_s(told)
    assert LENGTH_S - 1 < at_s < told.length_s
    # Between the end of the plan and the stop of its user, a start may still be made.
    least, most = (planned(arrivals, 0, 1, until_s) for until_s in (at_s, told.length_s))
    assert least <= begun + missed <= most
    assert begun >= 0.95 * least, "16 users are plenty"


@pytest.mark.parametrize("name", ["healthy", "poisson", "two processes"])
def test_a_run_that_makes_its_starts_is_judged_and_told_without_a_problem(
    runs: dict[str, Told], name: str
) -> None:
    told = runs[name]
    assert told.problems == {}, told.output
    assert told.verdict.state is State.PASS
    assert told.code == 0
    assert told.manifest["arrivals"]["per_second"] == RATE
    assert told.manifest["ended_by"] == "run time"


def test_two_processes_make_the_asked_for_rate_together_and_not_twice(runs: dict[str, Told]) -> None:
    told = runs["two processes"]
    begun, missed = (told.manifest["arrivals"][count] for count in ("begun", "missed"))
    assert begun == told.row().requests == len(told.served)
    at_s = stopped_s(told)
    assert len(at_s) == 2
    possible = {
        sum(planned(Arrivals.CONSTANT, share, 2, until_s) for share, until_s in enumerate(ends))
        for ends in product([*at_s, told.length_s], repeat=2)
    }
    assert min(possible) <= begun + missed <= max(possible)
    assert min(at_s) > LENGTH_S / 2, "a process that begins late, on a busy machine, plans for less long"
    assert RATE * min(at_s) - 2 < begun + missed < RATE * told.length_s
    shares = [process["requests"] for process in told.manifest["processes"]]
    assert sum(shares) == begun, "each result is counted once, not once more for its planned start"
    assert min(shares) > begun / 4


def test_a_flow_that_has_begun_when_the_run_is_interrupted_is_finished_and_none_begins_that_is_not(
    runs: dict[str, Told],
) -> None:
    """Many users wait for their starts at any moment; Locust kills them a moment after it has seen them wait."""
    told = runs["interrupted"]
    assert told.manifest["ended_by"] == "interrupted"
    assert told.manifest["arrivals"]["begun"] == told.row().requests == len(told.served) > 20
    assert told.row().failures == 0
    assert told.problems.keys() <= {"missed_starts"}, told.output


def test_a_worker_does_not_stand_still_while_its_users_start(runs: dict[str, Told]) -> None:
    """Locust's own would build a parser of all options for each of them, with every change of the number of users."""
    workers = witnessed(runs["two processes"])
    assert len(workers) == 2
    assert all(parsers <= 1 for _, parsers in workers)


def test_a_request_takes_no_longer_from_sending_than_from_its_planned_start(runs: dict[str, Told]) -> None:
    for told in runs.values():
        row = told.row()
        assert row.planned is not None
        for figure in ("min_ms", "p50_ms", "p95_ms", "max_ms"):
            assert getattr(row.planned, figure) >= getattr(row.latency, figure)
        assert row.latency.min_ms >= 50


def test_too_few_users_for_the_rate_are_no_verdict_with_the_number_of_missed_starts(
    runs: dict[str, Told],
) -> None:
    told = runs["too few users"]
    begun, missed = (told.manifest["arrivals"][count] for count in ("begun", "missed"))
    assert begun == told.row().requests == len(told.served)
    assert begun <= 8, "one user, four seconds, half a second each"
    (at_s,) = stopped_s(told)
    least, most = (planned(Arrivals.POISSON, 0, 1, until_s) for until_s in (at_s, told.length_s))
    assert least <= begun + missed <= most
    assert set(told.problems) == {"missed_starts"}
    assert (
        f"{missed:,} of {begun + missed:,} planned starts were not made"
        in told.problems["missed_starts"].message
    )
    assert told.verdict.state is State.NO_VERDICT
    assert told.code == 3


def test_a_stall_is_seen_from_the_planned_start_and_hidden_from_sending(stalled: Told) -> None:
    row = stalled.row()
    assert row.planned is not None
    assert row.latency.max_ms >= 1000 * STALL_S * 0.5, "the few that were in flight"
    assert row.latency.p95_ms < 1000 <= row.planned.p95_ms
    assert stalled.manifest["arrivals"]["begun"] == row.requests == len(stalled.served)


def test_verdict_json_holds_both_latencies_and_judges_each_by_its_own_criterion(stalled: Told) -> None:
    (row,) = stalled.written["operations"]
    assert row["latency"]["p95_ms"] == pytest.approx(stalled.row().latency.p95_ms)
    assert row["planned"]["p95_ms"] == pytest.approx(stalled.row().planned.p95_ms)
    findings = {finding["metric"]: finding for finding in stalled.written["findings"]}
    assert findings["p95_ms"]["state"] == "PASS"
    assert findings["p95_ms"]["value"] == pytest.approx(row["latency"]["p95_ms"])
    assert findings["planned_p95_ms"]["state"] == "FAIL"
    assert findings["planned_p95_ms"]["value"] == pytest.approx(row["planned"]["p95_ms"])
    assert stalled.written["state"] == "FAIL"
    assert stalled.code == 1, stalled.output


def test_a_profile_of_ones_own_is_found_from_its_directory_and_recorded_by_its_name(stalled: Told) -> None:
    assert stalled.manifest["profile"] == "own.toml"
    assert stalled.manifest["profile_description"] == "A profile of a test"
    profile: str = stalled.manifest["settings"]["run"]["profile"]
    assert profile.startswith("/")
    assert profile.endswith("site/own.toml")
