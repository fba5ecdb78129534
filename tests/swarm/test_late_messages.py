"""A worker that stood still from one run into the next: what belongs to the first counts for neither."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from patience import TIMEOUT_S

if TYPE_CHECKING:
    from longview_database import SeededDatabase

WORKER = """
from locust.env import Environment
from locust.runners import WorkerRunner

from types import SimpleNamespace

from conf.loading import load_settings
from swarm.generator.generator import Generator
from swarm.messages import Begin, CeilingShare, Finish, Finished, Report, StepBegins, Trouble

def begin(run_id, known=()):
    said = Begin(run_id, list(known), [[], []], False, 0, 0, 1, 0.0, 50, [], "smoke", "", False)
    generator.begin(heard(said))

def heard(message):
    return SimpleNamespace(data=message.pack())

class Worker(WorkerRunner):
    worker_index, user_count, client_id = 0, 3, "a"
    thaws_in = ""

    def __init__(self, environment):
        self.environment, self.custom_messages, self.sent = environment, {}, []

    def stop(self):
        if self.thaws_in:
            begin(self.thaws_in)

    def send_message(self, kind, data=None, client=None):
        self.sent.append((kind, data))

    def hear(self, message):
        self.custom_messages[message.TYPE][0](environment=self.environment, msg=heard(message))

environment = Environment()
environment.runner = worker = Worker(environment)
generator = Generator(environment, load_settings({"run.profile": "smoke"}))
begin("one")
"""
OWNER = """
from locust.env import Environment

from dataclasses import fields
from types import SimpleNamespace

from swarm.messages import Report, Trouble
from swarm.owner.ending import RunEnding
from swarm.owner.owner import Owner

ending = RunEnding(None, list)
ending.end(1.0, interrupted=False)
run = SimpleNamespace(run_id="two", ending=ending, added=[], problems=[])
run.add = lambda client, report: run.added.append(report.run_id)
run.note_problem = lambda code, *_: run.problems.append(code)
owner = Owner.__new__(Owner)
owner._run = run

def report_of(run_id):
    return {Report.KEY: dict.fromkeys((field.name for field in fields(Report)), 0) | {"run_id": run_id}}
"""


def outcome(script: str) -> list[str]:
    """What a process of Locust's own prints: it is patched by gevent, which the tests' process is not."""
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert not said.returncode, said.stderr
    return said.stdout.split()


def test_a_worker_ends_the_run_that_it_is_asked_to_end_and_no_later_one() -> None:
    script = """
begin("two")
worker.hear(Finish("one"))
print(len(worker.sent), not generator.part.takes_flows)
worker.hear(Finish("two"))
print([data["run_id"] for kind, data in worker.sent if kind == Finished.TYPE], not generator.part.takes_flows)
"""
    assert outcome(WORKER + script) == ["0", "False", "['two']", "True"]


def test_a_worker_for_which_the_next_run_begins_while_it_ends_the_last_one_can_end_that_too() -> None:
    script = """
worker.thaws_in = "two"
worker.hear(Finish("one"))
worker.thaws_in = ""
print(len(worker.sent), not generator.part.takes_flows)
worker.hear(Finish("two"))
print([data["run_id"] for kind, data in worker.sent if kind == Finished.TYPE])
print([data[Report.KEY]["run_id"] for kind, data in worker.sent if kind == "stats"])
"""
    assert outcome(WORKER + script) == ["0", "False", "['two']", "['two']"]


def test_a_step_and_a_ceiling_of_another_run_change_nothing() -> None:
    script = """
begin("two")
for run_id in ("one", "two"):
    worker.hear(StepBegins(run_id, 4))
    worker.hear(CeilingShare(run_id, 7))
    print(generator.part.step, generator.part.ceiling._starts.maxlen)
"""
    assert outcome(WORKER + script) == ["0", "50", "4", "7"]


def test_a_worker_names_its_run_where_something_fails() -> None:
    script = """
generator.give_up("no")
print(worker.sent[0][1]["run_id"])
"""
    assert outcome(WORKER + script) == ["one"]


def test_a_worker_without_the_runs_profile_takes_part_and_says_that_it_differs() -> None:
    """Another profile may lack a journey: a part that is not there could report nothing, and its users' end would be unheard."""
    script = """
said = Begin("two", [], [[], []], False, 0, 0, 1, 0.0, 50, ["chat"], "/nowhere/docs.toml", "another", False)
generator.settings = generator.settings.model_copy(
    update={"profile": generator.settings.profile.model_copy(update={"chat": None})}
)
generator.begin(heard(said))
print(generator.part.run_id, generator.report().differs)
generator.give_up("no")
print(worker.sent[-1][1]["run_id"])
"""
    assert outcome(WORKER + script) == ["two", "True", "two"]


def test_settings_that_were_edited_since_the_last_run_are_read_anew() -> None:
    script = """
before = generator.settings
begin("two")
print(generator.settings is before)
from swarm.provenance import load_digest
before = generator.settings
said = Begin("three", [], [[], []], False, 0, 0, 1, 0.0, 50, [], "smoke", load_digest(before), False)
generator.begin(heard(said))
print(generator.settings is before)
"""
    assert outcome(WORKER + script) == ["False", "True"]


def test_the_users_that_ran_are_counted_and_not_those_that_were_planned() -> None:
    script = """
from swarm.owner.user_counts import UserCounts
run.users = UserCounts()
owner._runner = SimpleNamespace(user_count=3, target_user_count=6, target_user_classes_count={}, user_classes=[])
owner._on_spawning_complete(user_count=6)
print(run.users.peak, run.users.wanted)
"""
    assert outcome(OWNER + script) == ["3", "6"]


@pytest.mark.parametrize(
    ("journeys", "onboarding", "problems"),
    [
        ("[Journey.DOCUMENTS]", "None", "['fixture_exhausted']"),
        ("[Journey.DOCUMENTS]", "Load(iterations=1, reuse_houses=True)", "['fixture_exhausted']"),
        ("[Journey.ONBOARDING]", "Load(iterations=1, reuse_houses=True)", "[]"),
        ("[Journey.ONBOARDING]", "Load(iterations=1)", "['fixture_exhausted']"),
    ],
)
def test_whether_houses_may_be_used_again_is_said_by_the_journeys_that_run(
    journeys: str, onboarding: str, problems: str
) -> None:
    script = f"""
from conf.loading import load_settings
from conf.operations import Journey
from conf.profile import Load
from swarm.owner.finishing import _check_houses
loads = {{Journey.DOCUMENTS: Load(iterations=1), Journey.ONBOARDING: {onboarding}}}
profile = SimpleNamespace(loads={{journey: load for journey, load in loads.items() if load}})
run.choice = SimpleNamespace(settings=SimpleNamespace(profile=profile, contract=load_settings(environ={{}}).contract), journeys={journeys})
class Dealer:
    reused_at = "t"
    def __len__(self):
        return 20
run.dealer = Dealer()
run.note_problem = lambda code, *_, **__: run.problems.append(code.value)
_check_houses(run)
print(run.problems)
"""
    assert outcome(OWNER + script) == [problems]


@pytest.mark.parametrize("run_id", ["one", "two", ""])
def test_results_and_troubles_of_another_run_are_not_this_ones(run_id: str) -> None:
    script = f"""
owner._on_worker_report("a", report_of({run_id!r}))
owner._on_trouble(SimpleNamespace(data=Trouble({run_id!r}, "users_failed", "no").pack()))
print(len(run.added), len(run.problems))
"""
    assert outcome(OWNER + script) == (["1", "1"] if run_id == "two" else ["0", "0"])


def test_a_run_searches_on_connections_and_for_vectors_of_its_own(
    seeded_database: SeededDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = f"""
from swarm.generator.generator import generators
from locustfiles.rag import RagQueryUser
from seed.fixture import load_fixture, pack_house

known = [pack_house(house) for house in load_fixture({str(seeded_database.settings.seed.fixture)!r})[:1]]
generators[environment] = generator
begin("one", known)
first = RagQueryUser(environment)
first.on_start()
with first.searches.pool.connection() as lent:
    print(lent.closed, len(first.space.vectors) > 0)
begin("two", known)
second = RagQueryUser(environment)
print(lent.closed, second.space.vectors)
second.on_start()
print(second.space is first.space, second.space == first.space)
with second.searches.pool.connection() as lent:
    print(lent.closed)
"""
    monkeypatch.setenv("DATABASE_URL", seeded_database.url)
    assert outcome(WORKER + script) == ["0", "True", "1", "()", "False", "True", "0"]
