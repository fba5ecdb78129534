"""
One load-generating process: the local runner's, or a worker's.

Holds what its users share (settings, houses, planned arrivals, their results), watches over its own health, and
answers the owner of the run.
"""

from __future__ import annotations

from locust.runners import LocalRunner, WorkerRunner

import logging
from contextlib import ExitStack
from time import perf_counter
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import gevent
from gevent.lock import RLock

from conf.errors import LoadTestError
from conf.loading import load_settings
from conf.operations import Journey
from monitoring.health import LagSampler, OwnVitals
from monitoring.journal.tracker import build_tracker, configure_tracker
from monitoring.tracing import Tracing, open_tracer
from reports.problem import ProblemCode
from swarm.background import Background, words_of
from swarm.generator.arrivals import Schedule
from swarm.generator.ceiling import Ceiling
from swarm.generator.failure_log import FailureLog
from swarm.generator.houses import Houses
from swarm.generator.results import Results
from swarm.messages import (
    Begin,
    CeilingShare,
    Dealt,
    Finish,
    Finished,
    NewTokens,
    Report,
    StepBegins,
    Trouble,
)
from swarm.provenance import load_digest

if TYPE_CHECKING:
    from locust.env import Environment

    from conf.settings import Settings
    from swarm.database.search import Searches


_log = logging.getLogger(__name__)


class Generator:
    """
    What the users of one process share.

    Args:
        environment: Locust's; gets the listeners this process needs.
        settings: As loaded in this process. Houses come from the owner, so a worker needs no fixture.
    """

    def __init__(self, environment: Environment, settings: Settings) -> None:
        self.environment = environment
        self.settings = settings
        self.houses = Houses("", [], self._tell_owner)
        self.searches: Searches | None = None
        """Made by the first user that searches; the next run has its own."""
        self._until_the_end = ExitStack()
        self.schedules: dict[Journey, Schedule] = {}
        self.ceiling = Ceiling(settings.target.max_requests_per_second)
        self.limited = True
        self.step = 0
        self.parked = 0
        self.spent = 0
        self._arrivals_from = 0.0
        self._ended_s: float | None = None
        self._differs = False
        self._users_seen = 0
        self.ending = False
        """
        Whether this process's part in the run is over. When one worker has gone, Locust's master has the others start
        its users, also while all of them are going: their flows would be killed half-way.
        """
        self._finished = False
        self._finishing = RLock()
        self._tracker = build_tracker(settings)
        configure_tracker(self._tracker)
        self.results = Results(settings.contract, self._failure_log(), settings.target.request_timeout_s)
        self._lag = LagSampler(gevent.sleep)
        self._vitals = OwnVitals()
        gevent.spawn(self._lag.run)
        environment.events.test_stopping.add_listener(self._on_test_stopping)
        runner = environment.runner
        assert runner is not None
        if isinstance(runner, LocalRunner):
            runner.register_message(Begin.TYPE, self.begin)
        runner.register_message(StepBegins.TYPE, self._on_step)
        runner.register_message(CeilingShare.TYPE, self._on_ceiling)
        runner.register_message(Dealt.TYPE, self._on_dealt)
        runner.register_message(NewTokens.TYPE, self._on_new_tokens)
        if isinstance(runner, WorkerRunner):
            background = Background(self._on_death)
            background.watch()
            # Concurrent: users may take a while to finish, and heartbeats must be answered meanwhile.
            runner.register_message(Finish.TYPE, self._on_finish, concurrent=True)
            background.watch_messages(runner)
            environment.events.test_stop.add_listener(self._on_test_stop)
            environment.events.report_to_master.add_listener(self._on_report)
            environment.events.quitting.add_listener(self._on_quitting)
        environment.events.quit.add_listener(lambda **_: self._until_the_end.close())
        self.tracing = Tracing(self._until_the_end.enter_context(open_tracer("openhouse-loadtest", settings)))

    def _failure_log(self) -> FailureLog:
        return FailureLog(self._tracker, self.settings.monitoring.failures_per_second, self.index)

    @property
    def index(self) -> int:
        """Which of the run's load-generating processes this is, from 0."""
        runner = self.environment.runner
        assert isinstance(runner, LocalRunner | WorkerRunner)
        return runner.worker_index

    @property
    def elapsed_s(self) -> float:
        """Seconds since planned arrivals began; negative before."""
        return perf_counter() - self._arrivals_from

    @property
    def _missed(self) -> int:
        """Planned starts that were not made; 0 while the load goes on."""
        if self._ended_s is None:
            return 0
        return sum(schedule.missed(self._ended_s) for schedule in self.schedules.values())

    def next_user_number(self) -> int:
        """A number of its own for each user of this process; seeds the user's random choices."""
        self._users_seen += 1
        return self._users_seen

    def report(self) -> Report:
        """Hand over what was measured since the last report."""
        vitals, results = self._vitals.read(), self.results
        return Report(
            run_id=self.houses.run_id,
            measurements=results.recorder.take(),
            recorded=results.recorder.recorded,
            attempts={op.value: [n.begun, n.ended] for op, n in results.recorder.attempts.items()},
            parked=self.parked,
            differs=self._differs,
            spent=self.spent,
            held_back=self.ceiling.held_back,
            begun=sum(schedule.begun for schedule in self.schedules.values()),
            missed=self._missed,
            rate_limits=results.rate_limits.listed(),
            clock_ahead_s=results.portal_clock.ahead_s,
            slowest=results.slowest.listed(),
            lag=self._lag.take(),
            rss_bytes=vitals.rss_bytes,
            cpu_ratio=vitals.cpu_ratio,
            open_files=vitals.open_files,
            open_files_limit=vitals.open_files_limit,
        )

    def begin(self, msg: Any, **_: object) -> None:
        """Take the part in a run that its owner's message gives to this process."""
        begin = Begin.unpack(msg.data)
        self._load_profile(begin.profile)
        self._tracker.run_id = begin.run_id
        self.results.reset(self._failure_log())
        self.houses = Houses(begin.run_id, begin.known, self._tell_owner)
        if self.searches is not None:
            self.searches.close()
            self.searches = None
        self.limited = begin.limited
        self.ceiling = Ceiling(begin.ceiling)
        self.step = begin.step
        self._differs = begin.load != load_digest(self.settings)
        self.parked = self.spent = 0
        self._ended_s = None
        self._arrivals_from = perf_counter() + begin.ramp_s
        self.schedules = {
            journey: Schedule(
                load.arrival_rate,
                load.arrivals,
                f"{self.settings.run.random_seed}/{journey}",
                begin.share,
                begin.shares,
            )
            for journey in map(Journey, begin.journeys)
            if (load := self.settings.profile.load(journey)).arrival_rate is not None
        }
        self.ending, self._finished = begin.over, False
        if begin.over:
            self.houses.close()
        self._lag.take()  # what came before the run is not its own

    def _load_profile(self, profile: str) -> None:
        """Another profile may have been chosen since this process began; one that is not here makes another load."""
        if profile == self.settings.run.profile:
            return
        try:
            self.settings = load_settings(
                {"run.profile": profile, "target.base_url": self.settings.target.base_url}
            )
        except LoadTestError as error:
            _log.error("%s", error)

    def _on_step(self, msg: Any, **_: object) -> None:
        begins = StepBegins.unpack(msg.data)
        if begins.run_id == self.houses.run_id:
            self.step = begins.index

    def _on_ceiling(self, msg: Any, **_: object) -> None:
        share = CeilingShare.unpack(msg.data)
        if share.run_id == self.houses.run_id:
            self.ceiling.share(share.per_second)

    def _on_dealt(self, msg: Any, **_: object) -> None:
        dealt = Dealt.unpack(msg.data)
        if dealt.run_id == self.houses.run_id:
            self.houses.add(dealt)

    def _on_new_tokens(self, msg: Any, **_: object) -> None:
        new = NewTokens.unpack(msg.data)
        if new.run_id == self.houses.run_id:
            self.houses.renew(new)

    def _tell_owner(self, message_type: str, data: dict[str, Any]) -> None:
        runner = self.environment.runner
        assert isinstance(runner, LocalRunner | WorkerRunner)
        runner.send_message(message_type, data)

    def give_up(self, message: str) -> None:
        """Users of this process cannot begin: have the owner end the run."""
        self._report_trouble(ProblemCode.USERS_FAILED, message)

    def _report_trouble(self, code: ProblemCode, message: str) -> None:
        self._tell_owner(Trouble.TYPE, Trouble(self.houses.run_id, code.value, message).pack())

    def _on_death(self, what: str, error: BaseException) -> None:
        self._report_trouble(
            ProblemCode.SUITE_FAILED, f"worker {self.index}: {what} ended: {words_of(error)}"
        )

    def _on_report(self, data: dict[str, Any], **_: object) -> None:
        data[Report.KEY] = self.report().pack()

    def _on_test_stopping(self, **_: object) -> None:
        """From now on no start is planned; those that were planned before may still be made, until the users stop."""
        if self._ended_s is None:
            self._ended_s = self.elapsed_s
        self.houses.close()

    def _on_test_stop(self, **_: object) -> None:
        """
        Locust lets a worker wait so long before it is ready again; its users have ended, and the next run, which says
        anew how long it is, may begin.
        """
        self.environment.stop_timeout = 0.0

    def _on_finish(self, msg: Any, **_: object) -> None:
        if Finish.unpack(msg.data).run_id == self.houses.run_id:
            self._finish()

    def _on_quitting(self, **_: object) -> None:
        self._finish()
        self._until_the_end.close()  # after a signal, Locust may end the process before it comes to `quit`

    def _finish(self) -> None:
        """
        Stop the users, letting requests in flight end, and send all that Locust and we still hold.

        The owner's message and a signal may both ask for it. The second one waits, for after that Locust ends the process.
        Where the next run has begun meanwhile, nothing of this one is left, and its owner does not wait.
        """
        runner = self.environment.runner
        assert isinstance(runner, WorkerRunner)
        with self._finishing:
            if self._finished:
                return
            run_id = self.houses.run_id
            self.ending, users = True, runner.user_count
            runner.stop()
            if self.houses.run_id != run_id:
                return
            self.results.failures.finish()
            data: dict[str, Any] = {}
            self.environment.events.report_to_master.fire(client_id=runner.client_id, data=data)
            runner.send_message("stats", data)
            runner.send_message(Finished.TYPE, Finished(run_id, users).pack())
            if self.houses.run_id == run_id:
                self._finished = True


generators: WeakKeyDictionary[Environment, Generator] = WeakKeyDictionary()
"""By Locust's environment, of which a process has one."""


def generator_of(environment: Environment) -> Generator:
    """What the users of *environment* share."""
    return generators[environment]
