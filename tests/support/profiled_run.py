"""Runs of plain Locust with a profile and settings of the test's own, against a target that logs all requests."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import locust_process
from locust_process import LOCUSTFILES, TIMEOUT_S, free_port
from patience import UNHURRIED
from truthful_target import Served, Target, running_target

from conf.operations import Journey, Operation
from loadtest.embedded import Stack
from reports.verdict import judge_run
from seed.fixture import House, write_fixture
from seed.jwts import homeowner_token

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from reports.finding import Finding
    from reports.problem import Problem
    from reports.record import Verdict
    from reports.rows import OperationRow

SECRET = "a-secret-of-these-tests-that-the-target-never-looks-at"  # noqa: S105 - for tests only


@dataclass(frozen=True)
class Plan:
    """
    The plan of a run.

    Args:
        journey: The journey, which names the locustfile.
        load: The journey's load, as TOML of the profile.
        others: The load of journeys that are not run.
        settings: TOML laid over the suite's settings.
        arguments: Arguments of Locust.
        target: Command-line options of the target.
        houses: Number of houses in the fixture.
        beside: Source of a further locustfile.
        instead: Source of a locustfile in place of the journey's.
        environ: Further environment variables of Locust.
        interrupt_s: Seconds until all processes get Ctrl-C; None: the run ends by itself.
        workers: Further environment variables of each worker; without workers, one process owns the run and makes the load.
    """

    journey: Journey
    load: str
    settings: str = UNHURRIED
    arguments: Sequence[str] = ()
    target: Sequence[str] = ()
    houses: int = 20
    beside: str = ""
    instead: str = ""
    environ: dict[str, str] = field(default_factory=dict)
    workers: Sequence[dict[str, str]] = ()
    interrupt_s: float | None = None
    others: str = "users = 1\niterations = 1"


@dataclass(frozen=True)
class Site:
    """A target, and the files that a run against it needs."""

    directory: Path
    target: Target
    environ: dict[str, str]

    @property
    def stack(self) -> Stack:
        return Stack(self.environ, self.target.base_url, database_url="", portal_pid=self.target.process.pid)

    @property
    def runs(self) -> Path:
        return self.directory / "runs"

    @property
    def environment(self) -> dict[str, str]:
        """The environment for a process that `locust_process` does not start."""
        return {**os.environ, **self.environ}


@dataclass(frozen=True)
class Told:
    """An ended run: its output and files, and the requests that the target served."""

    code: int
    output: str
    run_dir: Path
    served: list[Served]

    @cached_property
    def verdict(self) -> Verdict:
        return judge_run(self.run_dir)

    @cached_property
    def manifest(self) -> Any:
        return json.loads((self.run_dir / "manifest.json").read_text(encoding="utf-8"))

    @cached_property
    def written(self) -> Any:
        """The content of the run's ``verdict.json``."""
        return json.loads((self.run_dir / "verdict.json").read_text(encoding="utf-8"))

    @property
    def problems(self) -> dict[str, Problem]:
        """Code → problem; the last one where a code repeats."""
        return {problem.code: problem for problem in self.verdict.problems}

    @property
    def length_s(self) -> float:
        return self.seconds_in(self.manifest["ended_at"])

    def seconds_in(self, moment: str) -> float:
        """Seconds from the run's start to a moment."""
        started_at = datetime.fromisoformat(self.manifest["started_at"])
        return (datetime.fromisoformat(moment) - started_at).total_seconds()

    def row(self, operation: Operation = Operation.CHAT) -> OperationRow:
        return next(row for row in self.verdict.operations if row.operation is operation)

    def finding(self, subject: str, metric: str) -> Finding:
        return next(f for f in self.verdict.findings if (f.subject, f.metric) == (subject, metric))


def write_houses(path: Path, count: int) -> None:
    """Write a fixture of houses that are in no database."""
    now, tenant, development = datetime.now(UTC), str(uuid.uuid4()), str(uuid.uuid4())
    houses = [
        House(
            str(uuid.uuid4()), tenant, "own", development, "A", number, f"O-{number:04}", f"qr-{number}", ""
        )
        for number in range(1, count + 1)
    ]
    write_fixture(path, [replace(house, jwt=homeowner_token(house, SECRET, now)) for house in houses])


def profile_of(plan: Plan) -> str:
    tables = (f"[{one}]\n{plan.load if one is plan.journey else plan.others}\n" for one in Journey)
    return "".join(['description = "A profile of a test"\n', *tables])


@contextmanager
def site_for(plan: Plan, directory: Path) -> Iterator[Site]:
    """A target for the plan, until the end of the block."""
    directory.mkdir(exist_ok=True)
    (directory / "runs").mkdir()
    write_houses(directory / "houses.jsonl", plan.houses)
    (directory / "own.toml").write_text(profile_of(plan), encoding="utf-8")
    (directory / "settings.toml").write_text(plan.settings, encoding="utf-8")
    with running_target(directory, *plan.target) as target:
        environ = {
            "LOADTEST_TARGET": target.base_url,
            "LOADTEST_FIXTURE": str(directory / "houses.jsonl"),
            "LOADTEST_PROFILE": str(directory / "own.toml"),
            "LOADTEST_CONFIG": str(directory / "settings.toml"),
            "LOADTEST_LOG_DIR": str(directory / "logs"),
            "SESSION_SECRET": SECRET,
            **plan.environ,
        }
        yield Site(directory, target, environ)


@dataclass(frozen=True)
class Running:
    """A run under way; call `end` inside the block that started it."""

    plan: Plan
    site: Site
    owner: subprocess.Popen[str]
    workers: Sequence[subprocess.Popen[str]]

    def end(self) -> Told:
        if self.plan.interrupt_s is not None:
            locust_process.await_file(self.site.runs, "*/measurements.hlog")
            time.sleep(self.plan.interrupt_s)
            os.killpg(self.owner.pid, signal.SIGINT)
        output, _ = self.owner.communicate(timeout=TIMEOUT_S)
        for worker in self.workers:
            output += worker.communicate(timeout=TIMEOUT_S)[0]
        run_dirs = list(self.site.runs.iterdir())
        assert len(run_dirs) == 1, output
        return Told(self.owner.returncode, output, run_dirs[0], self.site.target.served())


@contextmanager
def started(plan: Plan, directory: Path) -> Iterator[Running]:
    """Start a headless Locust that carries out the plan; it is killed at the end of the block if it still runs."""
    with site_for(plan, directory) as site, ExitStack() as processes:
        files = ["-f", ",".join(_locustfiles(plan, directory))]
        arguments = [*files, "--headless", "--only-summary", *plan.arguments]
        port = str(free_port())
        if (
            plan.workers or "--processes" in plan.arguments
        ):  # a port of its own, as several runs may go on at once
            arguments += [
                "--master-bind-host",
                "127.0.0.1",
                "--master-bind-port",
                port,
                "--master-port",
                port,
            ]
        if plan.workers:
            arguments += ["--master", "--expect-workers", str(len(plan.workers))]
        owner = locust_process.start(site.stack, site.runs, arguments)
        processes.enter_context(ended_at_last(owner))
        workers = [
            locust_process.start(
                site.stack, site.runs, [*files, "--worker", "--master-port", port], **environ
            )
            for environ in plan.workers
        ]
        for worker in workers:
            processes.enter_context(ended_at_last(worker))
        yield Running(plan, site, owner, workers)


def _locustfiles(plan: Plan, directory: Path) -> list[str]:
    own = directory / "own.py"
    own.write_text(plan.instead or plan.beside, encoding="utf-8")
    suites = LOCUSTFILES / f"{plan.journey}.py"
    return [str(path) for path, used in ((suites, not plan.instead), (own, own.stat().st_size)) if used]


@contextmanager
def ended_at_last(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Kill the process and its session's other processes, where the test has not waited for its end."""
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def run_one(plan: Plan, directory: Path) -> Told:
    """Carry out one plan."""
    with started(plan, directory) as running:
        return running.end()


def run_together(plans: Mapping[str, Plan], directory: Path) -> dict[str, Told]:
    """Carry out several plans at once, each with a target of its own, since a run is mostly waiting."""
    with ExitStack() as runs:
        running = {name: runs.enter_context(started(plan, directory / name)) for name, plan in plans.items()}
        return {name: one.end() for name, one in running.items()}


def command(*arguments: str) -> list[str]:
    """The words of a ``loadtest`` command with these arguments."""
    return [sys.executable, "-m", "loadtest", *arguments]
