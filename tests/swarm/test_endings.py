"""What ends a run, what does not count in it, and what makes it no verdict: whole runs, and the early stop by itself."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from datetime import datetime
from typing import TYPE_CHECKING

import locust_process
import psutil
import pytest
from patience import TIMEOUT_S, UNHURRIED
from profiled_run import Plan, Told, command, run_together, site_for
from truthful_target import Route

from conf.loading import load_settings
from conf.operations import Journey, Operation, Outcome
from monitoring.measurement import WARM_UP, Recorder, Snapshot, Tag
from reports.state import State
from reports.statistics.distribution import Distribution
from reports.verdict import judge_run
from swarm.owner.early_stop import EarlyStop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from profiled_run import Site

    from conf.settings import Settings
    from loadtest.embedded import Stack

USERS = 5
SEEDED_HOUSES = 20
FEW_HOUSES = 8
MANY_HOUSES = 300
"""Five users for four seconds, and at least 50 ms twice for each flow: 200 flows at most."""
MASTER_PROFILE, WORKER_PROFILE = "phase17", "smoke"
TIMER_S = 0.1
"""A timer of the event loop runs from when the loop last looked at the clock, which is a moment before it was set."""
FAILS_AFTER_S, GRACE_S, WINDOW_S, RUN_TIME_S = 1.5, 8.0, 2.0, 60.0

ALL_SUCCEED = """
[thresholds.chat]
success_ratio = { pass_above = 0.999, fail_below = 0.999, stop_early = true }
"""
QUICK = ("--latency", "fixed:0.05")
REFUSED_FIRST = (*QUICK, "--failure-latency", "fixed:0.01", "--refuse-first")
"""A 401 to the first request of each user, and never again."""


def plans(redirect_to: str) -> dict[str, Plan]:
    onboarding = f"users = {USERS}\nrun_time_s = 4\n"
    return {
        "warm-up": Plan(
            Journey.CHAT,
            f"users = {USERS}\nrun_time_s = 8\nwarm_up_s = 4",
            f"{UNHURRIED}{ALL_SUCCEED}[run]\nearly_stop_grace_s = 0\nearly_stop_window_s = 30\n",
            target=(*REFUSED_FIRST, "--stall", "0.05:1"),
        ),
        "steps": Plan(
            Journey.CHAT,
            "steps = [{ users = 2, duration_s = 5 }, { users = 4, duration_s = 5 }]\nwarm_up_s = 3",
            f"{UNHURRIED}{ALL_SUCCEED}",
            target=REFUSED_FIRST,
        ),
        "stopped": Plan(
            Journey.CHAT,
            f"users = {USERS}\nrun_time_s = {RUN_TIME_S}",
            f"{UNHURRIED}[thresholds.chat]\nsuccess_ratio = {{ stop_early = true }}\n"
            f"[run]\nearly_stop_grace_s = {GRACE_S}\nearly_stop_window_s = {WINDOW_S}\n",
            target=(*QUICK, "--fail-after", str(FAILS_AFTER_S)),
        ),
        "redirected": Plan(
            Journey.CHAT,
            f"users = {USERS}\niterations = 4\nquestions_in_flight = 3",
            target=("--latency", "uniform:0.02:0.2", "--redirect-ratio", "1", "--redirect-to", redirect_to),
        ),
        "exhausted": Plan(Journey.ONBOARDING, onboarding, target=QUICK, houses=FEW_HOUSES),
        "reused": Plan(
            Journey.ONBOARDING, f"{onboarding}reuse_houses = true", target=QUICK, houses=FEW_HOUSES
        ),
        "enough houses": Plan(Journey.ONBOARDING, onboarding, target=QUICK, houses=MANY_HOUSES),
        "fewer users": Plan(Journey.CHAT, "users = 40\nspawn_rate = 4\nrun_time_s = 3", target=QUICK),
        "settings differ": Plan(
            Journey.CHAT,
            "users = 1\niterations = 1",
            arguments=("-u", "10", "-t", "3s"),
            target=QUICK,
            settings=f"{UNHURRIED}[target]\nrequest_timeout_s = 7.0",
            workers=({}, {"LOADTEST_CONFIG": ""}),
        ),
        "profiles differ": Plan(
            Journey.CHAT,
            "users = 1\niterations = 1",
            arguments=("-u", "10", "-t", "3s"),
            target=QUICK,
            environ={"LOADTEST_PROFILE": MASTER_PROFILE},
            workers=({}, {"LOADTEST_PROFILE": WORKER_PROFILE}),
        ),
    }


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[socket.socket]:
    """A port that redirects lead to; it takes note of whoever comes."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        listener.setblocking(False)  # noqa: FBT003 - the socket's own way
        yield listener


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, elsewhere: socket.socket) -> dict[str, Told]:
    redirect_to = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/api/chat"
    return run_together(plans(redirect_to), tmp_path_factory.mktemp("endings"))


def measured(told: Told) -> dict[Tag, Distribution]:
    """What the log of measurements says, by itself."""
    found: dict[Tag, Distribution] = {}
    for line in (told.run_dir / "measurements.hlog").read_text(encoding="ascii").splitlines():
        if line.startswith("Tag="):
            tag, *_, payload = line.removeprefix("Tag=").split(",")
            found.setdefault(Tag.parse(tag), Distribution()).add_encoded(payload)
    return found


@pytest.mark.parametrize("name", ["warm-up", "steps"])
def test_what_fails_while_warming_up_is_counted_and_not_judged(runs: dict[str, Told], name: str) -> None:
    told, row = runs[name], runs[name].row()
    refused = [one for one in told.served if one.fate == "unauthorized"]
    assert len(refused) == (USERS if name == "warm-up" else 4)
    requests, failures = row.warm_up
    assert failures == len(refused)
    assert row.failures == 0
    assert row.requests + requests == len(told.served)
    assert row.requests > 0
    assert requests > failures
    assert told.finding("chat", "success_ratio").value == 1.0
    assert told.finding("chat", "success_ratio").state is State.PASS
    assert told.problems == {}, told.output


def test_what_is_slow_while_warming_up_is_in_no_latency(runs: dict[str, Told]) -> None:
    told, by_tag = runs["warm-up"], measured(runs["warm-up"])
    warm_up = by_tag[Tag(Operation.CHAT, Outcome.SUCCESS, WARM_UP)]
    judged = by_tag[Tag(Operation.CHAT, Outcome.SUCCESS, 0)]
    assert warm_up.latency().max_ms >= 900, "the target stood still for a second"
    assert told.row().latency == judged.latency()
    assert told.row().requests == judged.count


def test_a_warm_up_is_no_reason_to_stop_early_and_a_target_that_is_well_gives_none(
    runs: dict[str, Told],
) -> None:
    """Of all results of the first seconds, far fewer succeeded than the criterion that may stop the run demands."""
    told = runs["warm-up"]
    assert told.manifest["ended_by"] == "run time"
    assert told.manifest["stopped_by"] is None
    assert told.length_s >= 7
    (step,) = told.manifest["steps"]
    assert told.seconds_in(step["started_at"]) >= 4 - TIMER_S


def test_each_step_has_a_warm_up_of_its_own(runs: dict[str, Told]) -> None:
    told = runs["steps"]
    rows, spans = told.verdict.steps, told.manifest["steps"]
    assert [(row.index, row.users) for row in rows] == [(0, 2), (1, 4)]
    assert sum(row.requests for row in rows) == told.row().requests
    assert told.manifest["ended_by"] == "steps"
    ended_s = 0.0
    for row, span in zip(rows, spans, strict=True):
        began_s = told.seconds_in(span["started_at"])
        assert began_s >= ended_s + 3 - TIMER_S, "the warm-up comes first"
        ended_s = told.seconds_in(span["ended_at"])
        began_at, ended_at = (
            datetime.fromisoformat(span[moment]).timestamp() for moment in ("started_at", "ended_at")
        )
        arrived = sum(began_at <= one.arrived_at < ended_at for one in told.served)
        assert abs(row.requests - arrived) <= 2 * row.users, "one of each user's on the way at either end"


def test_a_criterion_that_fails_ends_the_run_long_before_its_time_and_not_in_its_grace(
    runs: dict[str, Told],
) -> None:
    told = runs["stopped"]
    assert told.manifest["ended_by"] == "criterion"
    assert GRACE_S <= told.length_s < RUN_TIME_S / 2, "it failed from the second second on"
    assert told.problems == {}, told.output
    assert told.verdict.state is State.FAIL
    assert told.code == 1
    assert told.row().requests == len(told.served)
    assert told.row().successes > 0


def test_the_finding_of_the_criterion_that_ended_the_run_says_when_and_over_which_window(
    runs: dict[str, Told],
) -> None:
    told, stop = runs["stopped"], runs["stopped"].manifest["stopped_by"]
    assert (stop["subject"], stop["metric"], stop["window_s"]) == ("chat", "success_ratio", WINDOW_S)
    assert GRACE_S - 1 <= told.seconds_in(stop["at"]) <= told.length_s, "told in whole seconds"
    (finding,) = (finding for finding in told.verdict.findings if finding.note.startswith("stopped the run"))
    at = datetime.fromisoformat(stop["at"])
    assert finding.note == (
        f"stopped the run at {at:%H:%M:%S} UTC: this is its value over the {WINDOW_S:.0f} s before"
    )
    assert finding.value == stop["value"] < 0.9
    assert finding.state is State.FAIL
    assert finding.limits == told.finding("chat", "success_ratio").limits
    assert f"{at:%H:%M:%S}" in told.output


def test_every_redirect_is_an_answer_and_nobody_goes_where_it_leads(
    runs: dict[str, Told], elsewhere: socket.socket
) -> None:
    """Three questions in flight share a client whose switch for redirects the first answer turns back."""
    told = runs["redirected"]
    assert len(told.served) == USERS * 4 * 3
    assert {one.fate for one in told.served} == {"redirect"}
    groups = [(group.outcome, group.message, group.count) for group in told.verdict.failures]
    assert groups == [(Outcome.STATUS, "HTTP 302 Found", 60)]
    assert told.row().requests == told.row().failures == 60
    with pytest.raises(BlockingIOError):
        elsewhere.accept()


def test_houses_that_have_all_been_onboarded_are_no_new_homeowners(runs: dict[str, Told]) -> None:
    told = runs["exhausted"]
    assert told.row(Operation.ONBOARDING_FLOW).requests > FEW_HOUSES
    assert set(told.problems) == {"fixture_exhausted"}
    problem = told.problems["fixture_exhausted"]
    assert problem.message.startswith(f"all {FEW_HOUSES} houses had been onboarded, and were onboarded again")
    assert -1 <= told.seconds_in(problem.at) <= told.length_s, "told in whole seconds"
    assert told.verdict.state is State.NO_VERDICT
    assert told.code == 3


def test_with_enough_houses_every_homeowner_is_new(runs: dict[str, Told]) -> None:
    told = runs["enough houses"]
    assert told.problems == {}, told.output
    assert 0 < told.row(Operation.ONBOARDING_FLOW).requests <= told.manifest["houses"] == MANY_HOUSES


def test_a_profile_may_allow_houses_to_be_onboarded_again(runs: dict[str, Told]) -> None:
    told = runs["reused"]
    assert told.row(Operation.ONBOARDING_FLOW).requests > FEW_HOUSES
    assert told.problems == {}, told.output


def test_fewer_users_than_were_asked_for_are_no_verdict_with_both_numbers(runs: dict[str, Told]) -> None:
    told = runs["fewer users"]
    peak = told.manifest["users_peak"]
    assert 0 < peak < 40 == told.manifest["users_wanted"]
    assert told.problems["fewer_users"].message == (f"40 users were asked for, at most {peak} ran at once")
    assert set(told.problems) == {"fewer_users"}
    assert told.code == 3


def test_workers_make_the_masters_profile_whatever_their_own_was(runs: dict[str, Told]) -> None:
    told = runs["profiles differ"]
    assert told.code == 0, told.output
    assert told.manifest["profile"] == MASTER_PROFILE
    assert [process["requests"] > 0 for process in told.manifest["processes"]] == [True, True]
    assert told.verdict.problems == ()


def test_a_worker_with_another_timeout_than_its_master_makes_no_verdict_and_is_named(
    runs: dict[str, Told],
) -> None:
    told = runs["settings differ"]
    assert told.code == 3
    assert len(told.manifest["processes"]) == 2
    (problem,) = told.verdict.problems
    assert problem.code == "settings_differ"
    sentence = re.fullmatch(
        r"worker (\S+) has another profile, contract or timeout than the master: it makes another load",
        problem.message,
    )
    assert sentence is not None
    assert sentence[1] in {process["id"] for process in told.manifest["processes"]}
    assert told.row().requests == len(told.served) > 0


def test_a_house_that_was_onboarded_before_the_run_is_counted_and_told(stack: Stack, tmp_path: Path) -> None:
    """The portal says 409, which counts as a success: without the note, nobody would know what was measured."""
    told = []
    for name in ("first", "again"):
        runs = tmp_path / name
        runs.mkdir()
        onboarding = str(locust_process.LOCUSTFILES / "onboarding.py")
        finished = locust_process.run(stack, runs, "-f", onboarding, environ={"LOADTEST_CONFIG": ""})
        assert finished.served["onboarding_resolve"] == SEEDED_HOUSES
        told.append(finished)
    first, again = told
    note = "20 QR tokens had been used before: the portal said so (409), which counts as a success."
    assert again.manifest["onboarded_before"] == SEEDED_HOUSES
    assert any(text.startswith(note) for text in again.verdict.notes)
    assert "fixture_exhausted" not in {problem.code for problem in again.verdict.problems}
    assert first.manifest["onboarded_before"] <= SEEDED_HOUSES, "the stack is shared with other tests"
    assert {row.failures for row in again.verdict.operations} == {0}


UNANSWERABLE = f"""{UNHURRIED}
[thresholds.chat]
planned_p95_ms = {{ pass_below = 3000 }}
[thresholds."chat@7"]
p95_ms = {{ pass_below = 3000 }}
[thresholds."rag_search@50"]
p99_ms = {{ pass_below = 800 }}
"""
CHATS_MISTAKES = (
    "thresholds.chat.planned_p95_ms: nothing is planned: the profile's chat has no arrival_rate",
    "thresholds.chat@7: the load has no step with 7 users: its steps have 2, 4",
)
RAGS_MISTAKE = "thresholds.rag_search@50: the load has no step with 50 users: it has no steps"


@pytest.fixture(scope="module")
def misjudged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Criteria about what the load never makes; all else is in order."""
    plan = Plan(
        Journey.CHAT,
        "steps = [{ users = 2, duration_s = 2 }, { users = 4, duration_s = 2 }]",
        UNANSWERABLE,
        target=QUICK,
    )
    with site_for(plan, tmp_path_factory.mktemp("misjudged") / "site") as site:
        yield site


def refused(site: Site, *typed: str) -> str:
    """The command's words; nothing was sent but, by ``loadtest check``, one look at a page."""
    environ = {**site.environment, "LOADTEST_OUTPUT_DIR": str(site.runs), "COLUMNS": "200"}
    ended = subprocess.run(
        typed, cwd=site.directory, env=environ, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    told = ended.stdout + ended.stderr
    assert ended.returncode == 2, told
    assert "Traceback" not in told
    assert [served for served in site.target.served() if served.route is not Route.PAGE] == []
    assert list(site.runs.iterdir()) == []
    return told


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param(
            (sys.executable, "-m", "locust", "-f", str(locust_process.LOCUSTFILES / "chat.py"), "--headless"),
            id="locust",
        ),
        pytest.param(command("run", "chat"), id="loadtest run"),
    ],
)
def test_criteria_that_can_never_be_measured_end_a_run_before_its_first_request_all_in_one_go(
    misjudged: Site, typed: tuple[str, ...]
) -> None:
    told = refused(misjudged, *typed)
    for mistake in CHATS_MISTAKES:
        assert told.count(f"Error: {mistake}") == 1, told
    assert "Nothing was sent." in told
    assert RAGS_MISTAKE not in told, "it is about another journey"


def test_the_look_before_a_run_finds_them_for_all_journeys(misjudged: Site) -> None:
    told = refused(misjudged, *command("check"))
    assert "✗ criteria: " in told
    for mistake in (*CHATS_MISTAKES, RAGS_MISTAKE):
        assert told.count(mistake) == 1, told


def test_users_that_were_typed_take_the_steps_away_and_criteria_about_them_are_refused(
    misjudged: Site,
) -> None:
    told = refused(
        misjudged,
        *(sys.executable, "-m", "locust", "-f", str(locust_process.LOCUSTFILES / "chat.py"), "--headless"),
        *("-u", "7"),
    )
    assert "thresholds.chat@7: the load has no step with 7 users: it has no steps" in told


def settings_with(tmp_path: Path, thresholds: str, window_s: float = 10.0, grace_s: float = 0.0) -> Settings:
    config = tmp_path / "settings.toml"
    config.write_text(
        f"[run]\nearly_stop_window_s = {window_s}\nearly_stop_grace_s = {grace_s}\nminimum_requests = 20\n{thresholds}"
    )
    return load_settings(config_files=[config], environ={})


def snapshot(**counts: int) -> Snapshot:
    """Results of the chat: outcome and step, as in ``success_0``, and how many; each took 100 ms."""
    recorder = Recorder()
    for name, count in counts.items():
        outcome, _, step = name.partition("_")
        tag = Tag(Operation.CHAT, Outcome(outcome), WARM_UP if step == "warmup" else int(step))
        for _ in range(count):
            recorder.record(tag, 0.1)
    return recorder.take()


MAY_STOP = "[thresholds.chat]\nsuccess_ratio = { stop_early = true }\n"  # FAIL below 0.90


def test_the_value_is_that_of_the_window_and_names_its_criterion(tmp_path: Path) -> None:
    watch = EarlyStop(settings_with(tmp_path, MAY_STOP), [])
    for second in range(1, 31):
        watch.add(second, snapshot(success_0=100) if second <= 20 else snapshot(success_0=80, status_0=20))
        stop = watch.failed(second)
        if stop is not None:
            break
    assert stop is not None
    assert (stop.subject, stop.metric, stop.window_s) == ("chat", "success_ratio", 10.0)
    # 26: six seconds of 80 %, four of 100 %. Over the whole run it would be 95 %.
    assert second == 26
    assert stop.value == pytest.approx(0.88)


def test_what_happened_before_the_window_is_forgotten(tmp_path: Path) -> None:
    watch = EarlyStop(settings_with(tmp_path, MAY_STOP, grace_s=15), [])
    for second in range(1, 41):
        watch.add(second, snapshot(status_0=100) if second <= 4 else snapshot(success_0=100))
        assert watch.failed(second) is None


def test_nothing_is_stopped_in_the_grace_period_and_at_once_after_it(tmp_path: Path) -> None:
    watch = EarlyStop(settings_with(tmp_path, MAY_STOP, grace_s=15), [])
    stopped = []
    for second in range(1, 20):
        watch.add(second, snapshot(status_0=100))
        stopped.append(watch.failed(second) is not None)
    assert stopped == [False] * 14 + [True] * 5


def test_too_few_results_stop_nothing(tmp_path: Path) -> None:
    watch = EarlyStop(settings_with(tmp_path, MAY_STOP), [])
    watch.add(1, snapshot(status_0=19))
    assert watch.failed(1) is None
    watch.add(2, snapshot(status_0=1))
    assert watch.failed(2) is not None


def test_no_results_stop_nothing(tmp_path: Path) -> None:
    watch = EarlyStop(settings_with(tmp_path, MAY_STOP), [])
    watch.add(1, {})
    assert watch.failed(100) is None


def test_results_of_the_warm_up_stop_nothing(tmp_path: Path) -> None:
    watch = EarlyStop(settings_with(tmp_path, MAY_STOP), [])
    watch.add(1, snapshot(status_warmup=1000))
    watch.begin_step(0, 1.0)
    watch.add(2, snapshot(success_0=30))
    assert watch.failed(2) is None


def test_only_criteria_that_may_stop_a_run_do(tmp_path: Path) -> None:
    watch = EarlyStop(settings_with(tmp_path, "[thresholds.chat]\np95_ms = { stop_early = true }"), [])
    watch.add(1, snapshot(status_0=1000, success_0=20))
    assert watch.failed(1) is None, "the success ratio may not"


PER_SECOND = "[thresholds.{}]\nper_second = {{ fail_below = 50, stop_early = true }}\n"


@pytest.mark.parametrize("begins_s", [0.0, 8.0])
def test_a_rate_is_that_of_the_judged_part_of_the_window(tmp_path: Path, begins_s: float) -> None:
    """A second after a warm-up of eight, a window of ten seconds holds one second's results: not a tenth of the rate."""
    watch = EarlyStop(settings_with(tmp_path, PER_SECOND.format("chat")), [])
    watch.begin_step(0, begins_s)
    stopped = []
    for second in range(1, 21):
        step = "warmup" if second <= begins_s else "0"
        watch.add(second, snapshot(**{f"success_{step}": 100 if second < 15 else 10}))
        stopped.append(watch.failed(second))
    first = next(stop for stop in stopped if stop is not None)
    # Six seconds of 10 and four of 100 are 46 per second.
    assert stopped.index(first) + 1 == 20
    assert first.value == pytest.approx(46)


def test_a_rate_without_a_warm_up_is_that_of_the_run_so_far(tmp_path: Path) -> None:
    watch = EarlyStop(settings_with(tmp_path, PER_SECOND.format("chat")), [])
    watch.add(2, snapshot(success_0=120))
    assert watch.failed(2) is None
    watch.add(3, snapshot())
    assert watch.failed(3) is not None


def test_a_criterion_about_a_step_looks_at_its_results_and_its_time_alone(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, PER_SECOND.format('"chat@4"'))
    watch = EarlyStop(settings, [2, 4])
    watch.begin_step(0, 0.0)
    watch.add(5, snapshot(success_0=30))
    assert watch.failed(5) is None, "six per second, with two users"
    watch.end_step(5.0)
    watch.begin_step(1, 7.0)
    watch.add(8, snapshot(success_1=60))
    assert watch.failed(8) is None, "sixty in a second"
    watch.add(10, snapshot(success_1=60))
    stop = watch.failed(10)
    assert stop is not None
    assert stop.subject == "chat@4"
    assert stop.value == pytest.approx(40)


def test_a_command_that_is_killed_leaves_no_process_that_goes_on_loading(tmp_path: Path) -> None:
    plan = Plan(Journey.CHAT, "users = 3\nrun_time_s = 600\nthink_time_s = [0.1, 0.2]", target=QUICK)
    with site_for(plan, tmp_path / "site") as site:
        environ = {**site.environment, "LOADTEST_OUTPUT_DIR": str(site.runs)}
        killed = subprocess.Popen(
            command("run", "chat"), env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            locust_process.await_file(site.runs, "*/measurements.hlog")
            [load] = psutil.Process(killed.pid).children()
        finally:
            killed.kill()
            killed.wait()
        load.wait(timeout=TIMEOUT_S)
        verdict = judge_run(next(site.runs.iterdir()))
        [row] = verdict.operations
        assert row.requests == len(site.target.served())
        assert verdict.manifest is not None
        assert verdict.manifest.ended_by == "interrupted"
