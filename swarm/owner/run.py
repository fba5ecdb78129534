"""One run, as its owner knows it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

import gevent

from conf.measurable import stopping_criteria
from conf.run_directory import RUN_DIR_VARIABLE, run_directory
from monitoring.measurement import new_histogram
from monitoring.probing.planned_load import usable_questions
from monitoring.run_clock import RunClock
from reports.manifest import EndedBy, ProblemEntry, WorkerEvent
from reports.problem import ProblemCode
from seed.questions import choose_salt
from swarm.owner.ending import RunEnding
from swarm.owner.memory_watch import MemoryWatch
from swarm.owner.missing_load import Attendance
from swarm.owner.portal_watch import PortalWatch
from swarm.owner.run_writer import RunDirectory
from swarm.owner.steps import Steps
from swarm.owner.user_counts import UserCounts
from swarm.owner.workers import Contribution
from swarm.provenance import git_commit

if TYPE_CHECKING:
    from locust.env import Environment
    from locust.runners import LocalRunner, MasterRunner

    from collections.abc import Callable
    from datetime import datetime

    from monitoring.probing.vector_index import VectorIndex
    from reports.live import LiveRun
    from reports.manifest import Stop
    from swarm.messages import Report
    from swarm.owner.choice import Choice
    from swarm.owner.dealer import Dealer
    from swarm.owner.early_stop import EarlyStop
    from swarm.owner.missing_load import WorkerChange

_INTERVAL_TICKS = 5
_ENDED_BY_A_PERSON = {EndedBy.INTERRUPTED, EndedBy.STOPPED}


class Run:
    """
    A run from its beginning to its verdict; `RunEnding` holds its state.

    Args:
        environment: Locust's.
        choice: Journeys, settings and plan of the run.
        dealer: Deals the houses.
        stop: Makes Locust stop the run.
        live: Gets all measurements too; None where no view shows the run.

    Raises:
        LoadTestError: The run directory cannot be written, or its questions cannot be asked.
    """

    def __init__(
        self,
        environment: Environment,
        choice: Choice,
        dealer: Dealer,
        stop: Callable[[], object],
        live: LiveRun | None = None,
    ) -> None:
        self.environment, self.choice, self.dealer = environment, choice, dealer
        self.runner = cast("LocalRunner | MasterRunner", environment.runner)
        settings, plan = choice.settings, choice.plan
        self.question_salt = choose_salt(settings.run.question_salt)
        self.questions = usable_questions(settings, choice.journeys).salted(self.question_salt)
        self.clock = RunClock()
        self.started_at = self.clock.started_at
        self.files = RunDirectory.create(_directory(choice, self.started_at), environment, self.started_at)
        self.commit = git_commit()
        self.ending = RunEnding(plan.run_time_s, stop)
        self.early_stop = _build_early_stop(choice)
        self.steps = Steps(plan, self.clock, self.ending, self.early_stop)
        self.users = UserCounts()
        is_open = any(settings.profile.load(journey).arrival_rate is not None for journey in choice.journeys)
        self.attendance = Attendance(replaced=not is_open)
        self.processes: dict[str, Contribution] = {}
        self.portal = PortalWatch(settings)
        self.memory = MemoryWatch(self.portal, self.files, live)
        self.vector_index: VectorIndex | None = None
        self.stopped_by: Stop | None = None
        self._live = live
        self._problems: dict[tuple[ProblemCode, str], ProblemEntry] = {}
        self._ticks, self._ticked_s = 0, 0.0

    @property
    def run_id(self) -> str:
        """Id of the run: its directory's name."""
        return self.directory.name

    @property
    def directory(self) -> Path:
        """The directory of the run's files."""
        return self.files.path

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run's start."""
        return self.clock.elapsed_s

    @property
    def loaded_s(self) -> float:
        """Seconds of load, until now or until the load was over."""
        return self.elapsed_s if self.ending.loaded_s is None else self.ending.loaded_s

    @property
    def problems(self) -> tuple[ProblemEntry, ...]:
        """Problems noted so far that make the run invalid."""
        return tuple(self._problems.values())

    def add(self, process: str, report: Report) -> None:
        """Merge a process's measurements."""
        now = self.clock.now()
        contribution = self.processes.setdefault(process, Contribution())
        contribution.received += self.files.log.add(report.measurements)
        contribution.last, contribution.heard_at = report, now
        lag = new_histogram()
        lag.decode_and_add(report.lag)
        contribution.lag.add(lag)
        self.files.add_health(now, process, report, lag)
        if self._live is not None:
            self._live.add(now.timestamp(), report.measurements)
            self._live.add_health(
                now.timestamp(),
                process,
                cpu_ratio=report.cpu_ratio,
                open_files=report.open_files,
                lag_p99_ms=lag.get_value_at_percentile(99) / 1000,
            )
        if report.differs:
            self.note_problem(
                ProblemCode.SETTINGS_DIFFER,
                f"worker {process} has another profile, contract or timeout than the master: it makes another load",
                process,
            )
        if self.early_stop is not None:
            self.early_stop.add(self.elapsed_s, report.measurements)

    def note_problem(
        self, code: ProblemCode, message: str, subject: str = "", at: datetime | None = None
    ) -> None:
        """Note a problem that makes the run invalid, once per *subject*, as of *at* or else now."""
        moment = (at or self.clock.now()).replace(microsecond=0)
        self._problems.setdefault((code, subject), ProblemEntry(code=code, message=message, at=moment))

    def note_unwritten(self, error: OSError) -> None:
        """Note that a file could not be written."""
        message = f"{error.filename or self.directory}: cannot be written: {error.strerror}"
        self.note_problem(ProblemCode.NOT_WRITTEN, message)

    def note_change(self, change: WorkerChange) -> None:
        """Note that a worker came or went. A vanished worker's unsent results are missing, unless it returns."""
        contribution = self.processes.setdefault(change.worker, Contribution())
        contribution.lost = change.event is WorkerEvent.VANISHED
        self.attendance.note(change, self.clock.now(), contribution.heard_at or self.started_at)

    def tick(self) -> None:
        """Read the memory of all processes, and every few seconds write an interval of measurements."""
        self.clock.look()
        now, elapsed_s = self.clock.now(), self.elapsed_s
        self.attendance.tick(
            elapsed_s - self._ticked_s, self.runner.target_user_count, self.runner.user_count
        )
        self._ticked_s = elapsed_s
        self.memory.read(now, self.processes)
        self._ticks += 1
        if self._ticks % _INTERVAL_TICKS == 0:
            self._write_interval(now)
            gevent.spawn(self.portal.look_at_pool)

    def _write_interval(self, now: datetime) -> None:
        try:
            self.files.flush(now)
        except OSError as error:
            self.note_unwritten(error)
            self.ending.decide(EndedBy.FAILURE)

    def end(self, *, interrupted: bool) -> None:
        """Settle why Locust stops the run, while the reason can still be seen."""
        if not self.ending.end(self.elapsed_s, interrupted=interrupted):
            return
        self.steps.end()
        if self.ending.reason in _ENDED_BY_A_PERSON and (self.choice.plan.steps or self._has_iterations()):
            message = "the run was ended before the profile's load had been made"
            self.note_problem(ProblemCode.CUT_SHORT, message)

    def _has_iterations(self) -> bool:
        profile = self.choice.settings.profile
        return self.choice.plan.limited and any(
            profile.load(journey).iterations for journey in self.choice.journeys
        )

    def finish(self) -> datetime:
        """Note that the last results have arrived; returns the run's end, which is now."""
        self.clock.look()
        self.ending.finish()
        ended_at = self.clock.now()
        self.memory.read(ended_at, self.processes)
        return ended_at


def _directory(choice: Choice, started_at: datetime) -> Path:
    """The directory that the parent process names; else a new one in ``run.output_dir``."""
    named = os.environ.get(RUN_DIR_VARIABLE)
    return (
        Path(named) if named else run_directory(choice.settings.run.output_dir, choice.journeys, started_at)
    )


def _build_early_stop(choice: Choice) -> EarlyStop | None:
    if not stopping_criteria(choice.settings.thresholds):
        return None
    # It imports scipy, and few runs need it.
    from swarm.owner.early_stop import EarlyStop  # noqa: PLC0415

    return EarlyStop(choice.settings, [step.users for step in choice.plan.steps])
