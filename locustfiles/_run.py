"""One run: what its owner knows of it while it goes on, and what becomes of it at the end."""

from __future__ import annotations

import logging
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from conf.criteria import stopping_criteria
from conf.loading import choice_name
from conf.operations import Journey, Kind
from conf.run_directory import RUN_DIR_VARIABLE, run_directory
from locustfiles._provenance import git_commit, package_versions, recorded_settings
from locustfiles._run_directory import RunDirectory
from locustfiles._workers import Contribution
from monitoring.measurement import new_histogram, utc_now
from monitoring.memory import exposed_rss_bytes, own_rss_bytes, tree_rss_bytes
from monitoring.page import read_page
from monitoring.run_errors import copy_errors

if TYPE_CHECKING:
    from locust.env import Environment

    from collections.abc import Sequence

    import gevent
    from hdrh.histogram import HdrHistogram

    from conf.settings import Settings
    from locustfiles._early_stop import EarlyStop
    from locustfiles._messages import Report
    from locustfiles._plan import Plan
    from reports.record import Verdict

_INTERVAL_TICKS = 5
_METRICS_TIMEOUT_S = 2.0

_log = logging.getLogger(__name__)


class Run:
    """
    A run under way.

    Args:
        environment: Locust's.
        settings: Of the run.
        journeys: What the users set out to do.
        plan: How the run goes.
        houses: How many the fixture holds.

    Raises:
        LoadTestError: The run directory cannot be written.
    """

    def __init__(
        self,
        environment: Environment,
        settings: Settings,
        journeys: Sequence[Journey],
        plan: Plan,
        houses: int,
    ) -> None:
        self._environment = environment
        self._settings = settings
        self._journeys = journeys
        self._plan = plan
        self._houses = houses
        self.started_at = utc_now()
        named = os.environ.get(RUN_DIR_VARIABLE)
        directory = (
            Path(named) if named else run_directory(settings.run.output_dir, journeys, self.started_at)
        )
        self._files = RunDirectory.create(directory, environment, self.started_at)
        self._commit = git_commit()
        self._processes: dict[str, Contribution] = {}
        self._problems: dict[str, dict[str, str]] = {}
        self._steps: list[dict[str, Any]] = []
        self._stopped_by: dict[str, Any] | None = None
        self._early_stop = self._build_early_stop()
        self._users_peak = self._users_wanted = 0
        self._ticks = 0
        self.limited = plan.limited
        self.houses_shared = False
        self.ended_by = ""
        self.ending = self.ended = False
        self.watcher: gevent.Greenlet | None = None

    def _build_early_stop(self) -> EarlyStop | None:
        if not stopping_criteria(self._settings.thresholds):
            return None
        # scipy comes with it; who does not ask for it does not wait for it.
        from locustfiles._early_stop import EarlyStop  # noqa: PLC0415

        return EarlyStop(self._settings, [step.users for step in self._plan.steps])

    @property
    def run_id(self) -> str:
        """Its directory's name."""
        return self._files.path.name

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return (utc_now() - self.started_at).total_seconds()

    def add(self, process: str, report: Report) -> None:
        """Merge what a process measured."""
        contribution = self._processes.setdefault(process, Contribution())
        contribution.received += self._files.log.add(report.measurements)
        contribution.last = report
        lag = new_histogram()
        lag.decode_and_add(report.lag)
        contribution.lag.add(lag)
        self._files.add_health(utc_now(), process, report, lag)
        self.houses_shared = self.houses_shared or report.shared
        if report.differs:
            self.note_problem(
                "settings_differ",
                f"worker {process} has another profile, contract or timeout than the master: it makes another load",
                process,
            )
        if self._early_stop is not None:
            self._early_stop.add(self.elapsed_s, report.measurements)

    def note_users(self, users: int) -> None:
        """Note how many users there are, and how many there should be."""
        runner = self._environment.runner
        assert runner is not None
        self._users_peak = max(self._users_peak, users)
        self._users_wanted = max(self._users_wanted, runner.target_user_count)

    def note_problem(self, code: str, message: str, subject: str = "", at: datetime | None = None) -> None:
        """Note, once per *subject*, what makes the run invalid, and since when: now, unless *at* says otherwise."""
        moment = (at or utc_now()).isoformat(timespec="seconds")
        self._problems.setdefault(f"{code}/{subject}", {"code": code, "message": message, "at": moment})

    def note_lost(self, worker: str) -> None:
        """A worker is gone, and with it what it had not sent."""
        self._processes.setdefault(worker, Contribution()).lost = True
        self.note_problem(
            "worker_lost",
            f"worker {worker} vanished: what it measured last and its share of the load are missing",
            worker,
        )

    def begin_step(self, index: int, users: int) -> None:
        """A step begins, its warm-up over."""
        if self._early_stop is not None:
            self._early_stop.begin_step(index, self.elapsed_s)
        now = utc_now().isoformat()
        self._steps.append({"index": index, "users": users, "started_at": now, "ended_at": now})

    def end_step(self) -> None:
        """The step that has begun is over; nothing where none has."""
        if self._steps and self._steps[-1]["ended_at"] == self._steps[-1]["started_at"]:
            self._steps[-1]["ended_at"] = utc_now().isoformat()
            if self._early_stop is not None:
                self._early_stop.end_step(self.elapsed_s)

    def tick(self) -> None:
        """Read the memory of all processes and, every few seconds, write an interval of measurements."""
        now = utc_now()
        self._files.add_memory(now, self._memory())
        self._ticks += 1
        if self._ticks % _INTERVAL_TICKS == 0:
            self._files.log.write_interval(now)

    def is_done(self) -> bool:
        """Whether every user that was asked for has made its iterations."""
        parked = sum(c.last.parked for c in self._processes.values() if c.last)
        return self.limited and self._users_wanted > 0 and parked >= self._users_wanted

    def is_failing(self) -> bool:
        """Whether a criterion that may end the run fails; it is noted."""
        stop = self._early_stop.failed(self.elapsed_s) if self._early_stop else None
        if stop is not None:
            self._stopped_by = asdict(stop) | {"at": utc_now().isoformat(timespec="seconds")}
        return stop is not None

    def progress(self) -> dict[str, Any]:
        """The run so far, in numbers."""
        tallies = self._files.log.tallies.items()
        counted = [(operation, tally) for operation, tally in tallies if operation.kind is Kind.REQUEST]
        return {
            "elapsed_s": round(self.elapsed_s, 1),
            "users": self._users_peak if not self._steps else self._steps[-1]["users"],
            "step": len(self._steps),
            "requests": sum(tally.requests for _, tally in counted),
            "failures": sum(tally.failures for _, tally in counted),
        }

    def begin_ending(self, *, interrupted: bool) -> None:
        """The run is about to end: settle why, while what it ends for can still be seen."""
        self.ending = True
        if self.watcher is not None and not self.ended_by:
            self.watcher.kill()
        self.end_step()
        if not self.ended_by:
            ran_out = self._plan.run_time_s is not None and self.elapsed_s >= self._plan.run_time_s - 1
            self.ended_by = "run time" if ran_out else "interrupted" if interrupted else "stopped"
        if self.ended_by in {"interrupted", "stopped"} and (self._plan.steps or self._has_iterations()):
            self.note_problem("cut_short", "the run was ended before the profile's load had been made")

    def finish(self) -> Verdict:
        """Write everything down and judge it."""
        self.ended, ended_at = True, utc_now()
        # pandas takes a second to import, and only the owner needs it, now that the load is over.
        from reports.judging import judge_run, write_reports  # noqa: PLC0415
        from reports.terminal import print_verdict  # noqa: PLC0415

        if self.watcher is not None:
            self.watcher.kill(block=False)
        self._check_sums()
        self._check_houses()
        self._files.add_memory(ended_at, self._memory())
        log_dir = self._settings.monitoring.log_dir
        copy_errors(log_dir, self._files.path, self.run_id, (self.started_at, ended_at))
        self._files.close(self._manifest(ended_at), ended_at)
        verdict = judge_run(self._files.path)
        report = write_reports(verdict, self._files.path)
        if RUN_DIR_VARIABLE not in os.environ:
            print_verdict(Console(), verdict, report, strict=self._settings.run.strict)
        return verdict

    def _has_iterations(self) -> bool:
        profile = self._settings.profile
        return self.limited and any(profile.load(journey).iterations for journey in self._journeys)

    def _check_sums(self) -> None:
        for process, contribution in self._processes.items():
            recorded = contribution.last.recorded if contribution.last else 0
            if recorded != contribution.received and not contribution.lost:
                self.note_problem(
                    "not_reconciled",
                    f"{process} recorded {recorded:,} results, {contribution.received:,} arrived",
                    process,
                )
        if self._users_peak < self._users_wanted:
            self.note_problem(
                "fewer_users",
                f"{self._users_wanted:,} users were asked for, at most {self._users_peak:,} ran at once",
            )

    def _check_houses(self) -> None:
        moments = [c.last.reused_at for c in self._processes.values() if c.last and c.last.reused_at]
        if moments and not self._settings.profile.load(Journey.ONBOARDING).reuse_houses:
            at = datetime.fromtimestamp(min(moments), UTC)
            self.note_problem(
                "fixture_exhausted",
                f"all {self._houses:,} houses had been onboarded, and were onboarded again: no new homeowners",
                at=at,
            )

    def _memory(self) -> dict[str, int]:
        readings = {
            process: c.last.rss_bytes for process, c in self._processes.items() if c.last and not c.lost
        }
        if "local" not in readings:
            readings["master"] = own_rss_bytes()
        if (portal := self._portal_rss_bytes()) is not None:
            readings["portal"] = portal
        return readings

    def _portal_rss_bytes(self) -> int | None:
        target = self._settings.target
        if target.pid is not None:
            return tree_rss_bytes(target.pid)
        if target.metrics_url is None:
            return None
        try:
            _, page = read_page(target.metrics_url, _METRICS_TIMEOUT_S)
            return exposed_rss_bytes(page.decode())
        except (OSError, ValueError) as error:
            _log.debug("target.metrics_url: %s", type(error).__name__)
            return None

    def _manifest(self, ended_at: datetime) -> dict[str, Any]:
        settings = self._settings
        reports = [contribution.last for contribution in self._processes.values() if contribution.last]
        return {
            "format": 1,
            "run_id": self.run_id,
            "journeys": list(self._journeys),
            "profile": choice_name(settings.run.profile),
            "profile_description": settings.profile.description,
            "contract": choice_name(settings.target.contract),
            "target": self._environment.host or settings.target.base_url,
            "random_seed": settings.run.random_seed,
            "started_at": self.started_at.isoformat(),
            "ended_at": ended_at.isoformat(),
            "git_commit": self._commit,
            "versions": package_versions(),
            "settings": recorded_settings(settings),
            "users_wanted": self._users_wanted,
            "users_peak": self._users_peak,
            "houses": self._houses,
            "houses_shared": self.houses_shared,
            "onboarded_before": sum(report.spent for report in reports),
            "arrivals": self._arrivals(reports),
            "processes": [
                {
                    "id": process,
                    "requests": contribution.received,
                    "lost": contribution.lost,
                    "open_files_limit": contribution.last.open_files_limit if contribution.last else None,
                    "lag_ms": _summary_ms(contribution.lag),
                }
                for process, contribution in self._processes.items()
            ],
            "steps": self._steps,
            "stopped_by": self._stopped_by,
            "ended_by": self.ended_by,
            "problems": list(self._problems.values()),
        }

    def _arrivals(self, reports: Sequence[Report]) -> dict[str, float] | None:
        """What was planned and what became of it; None where users waited for their answers."""
        loads = [self._settings.profile.load(journey) for journey in self._journeys]
        rates = [load.arrival_rate for load in loads if load.arrival_rate is not None]
        if not rates:
            return None
        return {
            "per_second": sum(rates),
            "begun": sum(report.begun for report in reports),
            "missed": sum(report.missed for report in reports),
        }


def _summary_ms(lag: HdrHistogram) -> dict[str, float] | None:
    if not lag.get_total_count():
        return None
    percentiles = {f"p{percent}": lag.get_value_at_percentile(percent) / 1000 for percent in (50, 95, 99)}
    return percentiles | {"max": lag.get_max_value() / 1000}
