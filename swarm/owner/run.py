"""One run: what its owner knows of it while it goes on, and what becomes of it at the end."""

from __future__ import annotations

from locust.stats import StatsError

import logging
import os
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent

from conf.criteria import stopping_criteria
from conf.errors import LoadTestError, NoVerdictError
from conf.operations import Journey, Kind
from conf.run_directory import RUN_DIR_VARIABLE, run_directory
from monitoring.journal.run_errors import copy_errors
from monitoring.measurement import new_histogram
from monitoring.memory import own_rss_bytes
from monitoring.redaction.clean_console import CleanConsole
from monitoring.run_clock import RunClock
from reports.manifest import EndedBy, ProblemEntry, StepSpan, Stop, WorkerEvent
from reports.manifest_file import render_manifest
from reports.problem import ProblemCode
from swarm.owner.attendance import Attendance
from swarm.owner.portal_watch import PortalWatch
from swarm.owner.run_writer import RunDirectory
from swarm.owner.workers import Contribution
from swarm.provenance import git_commit, recorded_settings

if TYPE_CHECKING:
    from locust.env import Environment

    from collections.abc import Callable
    from datetime import datetime

    from monitoring.probing.vector_index import VectorIndex
    from reports.live import LiveRun
    from reports.manifest import Manifest
    from reports.record import Verdict
    from swarm.messages import Report
    from swarm.owner.attendance import WorkerChange
    from swarm.owner.choice import Choice
    from swarm.owner.dealer import Dealer
    from swarm.owner.early_stop import EarlyStop

_INTERVAL_TICKS = 5
_LOCUST_ENDS_WITHIN_S = 1.0

_log = logging.getLogger(__name__)


class Run:
    """
    A run under way.

    Args:
        environment: Locust's.
        choice: What the run is to be.
        dealer: Knows the houses.
        describe: Makes the manifest of the run as it stands at a moment.
        live: Is given everything that is measured too; None where nobody may look at the run while it goes on.

    Raises:
        LoadTestError: The run directory cannot be written.
    """

    def __init__(
        self,
        environment: Environment,
        choice: Choice,
        dealer: Dealer,
        describe: Callable[[Run, datetime], Manifest],
        live: LiveRun | None = None,
    ) -> None:
        self.environment = environment
        self.choice = choice
        self.dealer = dealer
        self._describe = describe
        self._live = live
        self.clock = RunClock()
        self.started_at = self.clock.started_at
        named = os.environ.get(RUN_DIR_VARIABLE)
        made = run_directory(choice.settings.run.output_dir, choice.journeys, self.started_at)
        directory = Path(named) if named else made
        self._files = RunDirectory.create(directory, environment, self.started_at)
        self.commit = git_commit()
        self.processes: dict[str, Contribution] = {}
        self.problems: dict[str, ProblemEntry] = {}
        self.steps: list[StepSpan] = []
        self.stopped_by: Stop | None = None
        self.portal = PortalWatch(choice.settings)
        self.vector_index: VectorIndex | None = None
        self.memory: dict[str, int] = {}
        self._early_stop = self._build_early_stop()
        self.users_peak = self.users_wanted = 0
        self.users_by_journey: Counter[Journey] = Counter()
        self._ticks, self._ticked_s = 0, 0.0
        is_open = any(choice.settings.profile.load(j).arrival_rate is not None for j in choice.journeys)
        self.attendance = Attendance(replaced=not is_open)
        self.limited = choice.plan.limited
        self.ended_by = EndedBy.NOTHING_YET
        self.ending = self.ended = False
        self._loaded_s: float | None = None
        self.failed = False
        """Whether something of the suite failed, so that to go on is no use."""
        self.watcher: gevent.Greenlet | None = None

    def _build_early_stop(self) -> EarlyStop | None:
        if not stopping_criteria(self.choice.settings.thresholds):
            return None
        # scipy comes with it; who does not ask for it does not wait for it.
        from swarm.owner.early_stop import EarlyStop  # noqa: PLC0415

        return EarlyStop(self.choice.settings, [step.users for step in self.choice.plan.steps])

    @property
    def run_id(self) -> str:
        """Its directory's name."""
        return self._files.path.name

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return self.clock.elapsed_s

    @property
    def loaded_s(self) -> float:
        """Seconds in which load was made: until the run began to end, without what its last requests took."""
        return self.elapsed_s if self._loaded_s is None else self._loaded_s

    def add(self, process: str, report: Report) -> None:
        """Merge what a process measured."""
        contribution = self.processes.setdefault(process, Contribution())
        contribution.received += self._files.log.add(report.measurements)
        contribution.last, contribution.heard_at = report, self.clock.now()
        lag = new_histogram()
        lag.decode_and_add(report.lag)
        contribution.lag.add(lag)
        now = self.clock.now()
        self._files.add_health(now, process, report, lag)
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
        if self._early_stop is not None:
            self._early_stop.add(self.elapsed_s, report.measurements)

    def note_users(self, users: int) -> None:
        """Note how many users there are, and how many there should be."""
        runner = self.environment.runner
        assert runner is not None
        self.users_peak = max(self.users_peak, users)
        self.users_wanted = max(self.users_wanted, runner.target_user_count)
        dealt = runner.target_user_classes_count
        by_journey: Counter[Journey] = Counter()
        for user in runner.user_classes:
            if hasattr(user, "journey"):
                by_journey[user.journey] += dealt.get(user.__name__, 0)
        if by_journey.total() > self.users_by_journey.total():
            self.users_by_journey = by_journey

    def note_problem(
        self, code: ProblemCode, message: str, subject: str = "", at: datetime | None = None
    ) -> None:
        """Note, once per *subject*, what makes the run invalid, and since when: now, unless *at* says otherwise."""
        moment = (at or self.clock.now()).replace(microsecond=0)
        self.problems.setdefault(f"{code}/{subject}", ProblemEntry(code=code, message=message, at=moment))

    def note_change(self, change: WorkerChange) -> None:
        """A worker came or went; with one that vanished is gone what it had not sent, until it returns."""
        contribution = self.processes.setdefault(change.worker, Contribution())
        contribution.lost = change.event is WorkerEvent.VANISHED
        self.attendance.note(change, self.clock.now(), contribution.heard_at or self.started_at)

    def begin_step(self, index: int, users: int) -> None:
        """A step begins, its warm-up over."""
        if self._early_stop is not None:
            self._early_stop.begin_step(index, self.elapsed_s)
        now = self.clock.now()
        self.steps.append(StepSpan(index=index, users=users, started_at=now, ended_at=now))

    def end_step(self) -> None:
        """The step that has begun is over; nothing where none has."""
        if self.steps and not self.steps[-1].length_s:
            self.steps = list(self.steps_until(self.clock.now()))
            if self._early_stop is not None:
                self._early_stop.end_step(self.elapsed_s)

    def steps_until(self, now: datetime) -> tuple[StepSpan, ...]:
        """All steps; the last one ends now, unless it is over."""
        return tuple(
            step if step.length_s else step.model_copy(update={"ended_at": now}) for step in self.steps
        )

    def tick(self) -> None:
        """Read the memory of all processes and, every few seconds, write an interval of measurements."""
        self.clock.look()
        now, elapsed_s, runner = self.clock.now(), self.elapsed_s, self.environment.runner
        assert runner is not None
        self.attendance.tick(elapsed_s - self._ticked_s, runner.target_user_count, runner.user_count)
        self._ticked_s = elapsed_s
        self._read_memory(now)
        self._ticks += 1
        if self._ticks % _INTERVAL_TICKS == 0:
            self._flush(now)
            gevent.spawn(self.portal.look_at_pool)

    def _flush(self, now: datetime) -> None:
        try:
            self._files.flush(now)
        except OSError as error:
            self._note_unwritten(error)
            self.failed = True

    def _note_unwritten(self, error: OSError) -> None:
        self.note_problem(
            ProblemCode.NOT_WRITTEN,
            f"{error.filename or self.directory}: cannot be written: {error.strerror}",
        )

    def look_for_end(self) -> EndedBy:
        """What the run is to end for, now; nothing where it goes on."""
        if self.failed:
            return EndedBy.FAILURE
        if self._is_done():
            return EndedBy.ITERATIONS
        if self._is_over():
            return EndedBy.RUN_TIME
        return EndedBy.CRITERION if self._is_failing() else EndedBy.NOTHING_YET

    def _is_done(self) -> bool:
        """Whether every user that is asked for now has made its iterations."""
        runner = self.environment.runner
        assert runner is not None
        parked = sum(c.last.parked for c in self.processes.values() if c.last and not c.lost)
        return self.limited and parked >= runner.target_user_count > 0

    def _is_over(self) -> bool:
        """Whether its time is over and Locust has not ended it: where the users were edited, Locust forgets the time."""
        run_time_s = self.choice.plan.run_time_s
        return run_time_s is not None and self.elapsed_s >= run_time_s + _LOCUST_ENDS_WITHIN_S

    def _is_failing(self) -> bool:
        """Whether a criterion that may end the run fails; it is noted."""
        stop = self._early_stop.failed(self.elapsed_s) if self._early_stop else None
        if stop is not None:
            self.stopped_by = Stop(**asdict(stop), at=self.clock.now().replace(microsecond=0))
        return stop is not None

    def progress(self) -> dict[str, Any]:
        """The run so far, in numbers."""
        tallies = self._files.log.tallies.items()
        counted = [(operation, tally) for operation, tally in tallies if operation.kind is Kind.REQUEST]
        return {
            "elapsed_s": round(self.elapsed_s, 1),
            "users": self.users_peak if not self.steps else self.steps[-1].users,
            "step": len(self.steps),
            "requests": sum(tally.requests for _, tally in counted),
            "failures": sum(tally.failures for _, tally in counted),
        }

    def so_far(self) -> tuple[Manifest, list[tuple[str, str, str, int]]]:
        """The manifest as it would be now, and the failures: method, name, error, and how often."""
        failures = [(e.method, e.name, StatsError.parse_error(e.error), e.occurrences) for e in self.errors()]
        return self._describe(self, self.clock.now()), failures

    def errors(self) -> list[StatsError]:
        """Failures as Locust groups them."""
        return list(self.environment.stats.errors.values())

    @property
    def directory(self) -> Path:
        """Where the run's files are."""
        return self._files.path

    @property
    def users(self) -> int:
        """How many there are now."""
        runner = self.environment.runner
        return 0 if runner is None or self.ended else runner.user_count

    def begin_ending(self, *, interrupted: bool) -> None:
        """The run is about to end: settle why, while what it ends for can still be seen."""
        if self.ending:
            return  # asked to end once more: its load had ended before
        self.ending, self._loaded_s = True, self.elapsed_s
        if self.watcher is not None and not self.ended_by:
            self.watcher.kill()
        self.end_step()
        if not self.ended_by:
            ran_out = (
                self.choice.plan.run_time_s is not None and self.elapsed_s >= self.choice.plan.run_time_s - 1
            )
            self.ended_by = (
                EndedBy.RUN_TIME if ran_out else EndedBy.INTERRUPTED if interrupted else EndedBy.STOPPED
            )
        if self.ended_by in {EndedBy.INTERRUPTED, EndedBy.STOPPED} and (
            self.choice.plan.steps or self._has_iterations()
        ):
            self.note_problem(
                ProblemCode.CUT_SHORT, "the run was ended before the profile's load had been made"
            )

    def finish(self) -> Verdict:
        """Write everything down and judge it."""
        self.clock.look()
        self.ended, ended_at = True, self.clock.now()
        self._read_memory(ended_at)  # before what judging imports is in it
        # pandas takes a second to import, and only the owner needs it, now that the load is over.
        from reports.rendering.terminal import print_verdict  # noqa: PLC0415
        from reports.verdict import judge_run, write_reports, write_what_fits  # noqa: PLC0415

        if self.watcher is not None:
            self.watcher.kill(block=False)
        self._check_sums()
        self._check_houses()
        log_dir = self.choice.settings.monitoring.log_dir
        for error in self._files.close(ended_at):
            self._note_unwritten(error)
        copy_errors(log_dir, self.directory, self.run_id, self.clock.wall_span())
        try:
            self._files.write_manifest(self._manifest_text(ended_at))
            verdict = judge_run(self._files.path)
            report: Path | None = write_reports(verdict, self._files.path)
        except NoVerdictError:
            raise
        except LoadTestError as unwritten:
            _log.error("%s", unwritten)
            self.note_problem(ProblemCode.NOT_WRITTEN, unwritten.message)
            self._files.rewrite_manifest(self._manifest_text(ended_at))
            verdict, report = judge_run(self._files.path), None
            write_what_fits(verdict, self._files.path)
        if RUN_DIR_VARIABLE not in os.environ:
            print_verdict(CleanConsole(), verdict, report, strict=self.choice.settings.run.strict)
        return verdict

    def _manifest_text(self, ended_at: datetime) -> str:
        return render_manifest(self._describe(self, ended_at), recorded_settings(self.choice.settings))

    def _has_iterations(self) -> bool:
        profile = self.choice.settings.profile
        return self.limited and any(profile.load(journey).iterations for journey in self.choice.journeys)

    def _check_sums(self) -> None:
        """Begun, ended, recorded and received must be the same of every process that is here; a lost one is a problem anyway."""
        for process, contribution in self.processes.items():
            attempts = contribution.last.attempts if contribution.last and not contribution.lost else {}
            for operation, (begun, ended) in attempts.items():
                if begun != ended:
                    self.note_problem(
                        ProblemCode.UNACCOUNTED,
                        f"{process} began {operation} {begun:,} times and has {ended:,} results",
                        f"{process}/{operation}",
                    )
            recorded = contribution.last.recorded if contribution.last else 0
            if recorded != contribution.received and not contribution.lost:
                self.note_problem(
                    ProblemCode.NOT_RECONCILED,
                    f"{process} recorded {recorded:,} results, {contribution.received:,} arrived",
                    process,
                )
        if self.users_peak < self.users_wanted:
            self.note_problem(
                ProblemCode.FEWER_USERS,
                f"{self.users_wanted:,} users were asked for, at most {self.users_peak:,} ran at once",
            )

    def _check_houses(self) -> None:
        at = self.dealer.reused_at
        if at and not self.choice.settings.profile.load(Journey.ONBOARDING).reuse_houses:
            self.note_problem(
                ProblemCode.FIXTURE_EXHAUSTED,
                f"all {len(self.dealer):,} houses had been onboarded, and were onboarded again: no new homeowners",
                at=at,
            )

    def _read_memory(self, now: datetime) -> None:
        readings = {
            process: c.last.rss_bytes for process, c in self.processes.items() if c.last and not c.lost
        }
        if "local" not in readings:
            readings["master"] = own_rss_bytes()
        if (portal := self.portal.rss_bytes()) is not None:
            readings["portal"] = portal
        self.memory = readings
        self._files.add_memory(now, readings)
        if self._live is not None:
            self._live.add_memory(now.timestamp(), readings)
