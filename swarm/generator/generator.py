"""
One load-generating process: the local runner, or a worker.

It takes part in one run after another, measures its own health, and answers the run's owner.
"""

from __future__ import annotations

from locust.runners import LocalRunner, WorkerRunner

import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

import gevent
from gevent.lock import RLock

from conf.errors import LoadTestError
from conf.loading import load_settings
from monitoring.health import LagSampler, OwnVitals
from monitoring.journal.tracker import build_tracker, configure_tracker
from monitoring.tracing import Tracing, open_tracer
from reports.problem import ProblemCode
from swarm.background import Background, words_of
from swarm.generator.failure_log import FailureLog
from swarm.generator.part import RunPart
from swarm.messages import (
    Begin,
    CeilingShare,
    Dealt,
    Finish,
    Finished,
    Message,
    NewTokens,
    Report,
    StepBegins,
    Trouble,
)
from swarm.provenance import load_digest

if TYPE_CHECKING:
    from locust.env import Environment

    from collections.abc import Callable

    from conf.settings import Settings


M = TypeVar("M", bound=Message)
_log = logging.getLogger(__name__)


class Generator:
    """
    A process that makes load.

    Args:
        environment: Locust's; gets the listeners that this process needs.
        settings: As this process loaded them. Houses come from the owner, so a worker needs no fixture.
    """

    def __init__(self, environment: Environment, settings: Settings) -> None:
        runner = environment.runner
        assert isinstance(runner, LocalRunner | WorkerRunner)
        self._environment, self._runner = environment, runner
        self.settings = settings
        self.part: RunPart | None = None
        """This process's part in the latest run; None before the first run."""
        self._run_id = ""
        self._finishing = RLock()
        self._users_seen = 0
        self._tracker = build_tracker(settings)
        configure_tracker(self._tracker)
        self._lag, self._vitals = LagSampler(gevent.sleep), OwnVitals()
        gevent.spawn(self._lag.run)
        self._listen()
        self._until_the_end = ExitStack()
        self.tracing = Tracing(self._until_the_end.enter_context(open_tracer("openhouse-loadtest", settings)))

    def _listen(self) -> None:
        self._hear(StepBegins, lambda part, begins: part.begin_step(begins.index))
        self._hear(CeilingShare, lambda part, share: part.ceiling.share(share.per_second))
        self._hear(Dealt, lambda part, dealt: part.houses.add(dealt))
        self._hear(NewTokens, lambda part, new: part.houses.renew(new))
        events = self._environment.events
        events.test_stopping.add_listener(self._on_test_stopping)
        events.quit.add_listener(lambda **_: self._until_the_end.close())
        if isinstance(self._runner, WorkerRunner):
            self._listen_as_worker(self._runner)
        else:
            self._runner.register_message(Begin.TYPE, self.begin)

    def _listen_as_worker(self, runner: WorkerRunner) -> None:
        background = Background(self._on_death)
        background.watch()
        # Concurrent, since users may take a while to finish, and the worker must answer heartbeats meanwhile.
        self._hear(Finish, lambda part, _: self._finish(part, runner), concurrent=True)
        background.watch_messages(runner)
        events = self._environment.events
        events.test_stop.add_listener(self._on_test_stop)
        events.report_to_master.add_listener(self._on_report)
        events.quitting.add_listener(lambda **_: self._quit(runner))

    def _hear(self, kind: type[M], act: Callable[[RunPart, M], object], *, concurrent: bool = False) -> None:
        """Call *act* with the owner's messages of one kind, if they are about this process's current run."""

        def hear(msg: Any, **_: object) -> None:
            message = kind.unpack(msg.data)
            if self.part is not None and message.run_id == self.part.run_id:
                act(self.part, message)

        self._runner.register_message(kind.TYPE, hear, concurrent)

    @property
    def index(self) -> int:
        """Number of this load-generating process in the run, from 0."""
        return self._runner.worker_index

    def next_user_number(self) -> int:
        """A new number for each user of this process; it seeds the user's random choices."""
        self._users_seen += 1
        return self._users_seen

    def begin(self, msg: Any, **_: object) -> None:
        """Take part in a run as its owner's message says."""
        begin = Begin.unpack(msg.data)
        self._run_id = self._tracker.run_id = begin.run_id
        self._load_settings(begin)
        if self.part is not None:
            self.part.close()
        failures = FailureLog(self._tracker, self.settings.monitoring.failures_per_second, self.index)
        self.part = RunPart(begin, self.settings, failures, self._runner.send_message)
        self._lag.take()  # lag from before the run does not belong to it

    def _load_settings(self, begin: Begin) -> None:
        """Load the run's settings where they changed. Where its profile is missing here, this process makes another load."""
        if begin.profile == self.settings.run.profile and begin.load == load_digest(self.settings):
            return
        try:
            self.settings = load_settings(
                {"run.profile": begin.profile, "target.base_url": self.settings.target.base_url}
            )
        except LoadTestError as error:
            _log.error("%s", error)

    def report(self) -> Report:
        """Report what was measured since the last report. A run must have begun."""
        assert self.part is not None
        part, results, vitals = self.part, self.part.results, self._vitals.read()
        return Report(
            run_id=part.run_id,
            measurements=results.recorder.take(),
            recorded=results.recorder.recorded,
            attempts={op.value: [n.begun, n.ended] for op, n in results.recorder.attempts.items()},
            parked=part.parked,
            differs=part.differs,
            spent=part.spent,
            held_back=part.ceiling.held_back,
            begun=part.begun_starts,
            missed=part.missed_starts,
            rate_limits=results.rate_limits.listed(),
            clock_ahead_s=results.portal_clock.ahead_s,
            slowest=results.slowest.listed(),
            halting=results.halting.listed(),
            lag=self._lag.take(),
            rss_bytes=vitals.rss_bytes,
            cpu_ratio=vitals.cpu_ratio,
            open_files=vitals.open_files,
            open_files_limit=vitals.open_files_limit,
        )

    def give_up(self, message: str) -> None:
        """Have the owner end the run, since users of this process cannot begin."""
        self._report_trouble(ProblemCode.USERS_FAILED, message)

    def _on_death(self, what: str, error: BaseException) -> None:
        self._report_trouble(
            ProblemCode.SUITE_FAILED, f"worker {self.index}: {what} ended: {words_of(error)}"
        )

    def _report_trouble(self, code: ProblemCode, message: str) -> None:
        self._runner.send_message(Trouble.TYPE, Trouble(self._run_id, code.value, message).pack())

    def _on_report(self, data: dict[str, Any], **_: object) -> None:
        if self.part is not None:
            data[Report.KEY] = self.report().pack()

    def _on_test_stopping(self, **_: object) -> None:
        if self.part is not None:
            self.part.end()

    def _on_test_stop(self, **_: object) -> None:
        """
        Reset Locust's stop timeout, since a worker would wait for so long before it is ready again. Its users have
        ended, and the next run sets the timeout anew.
        """
        self._environment.stop_timeout = 0.0

    def finish(self) -> None:
        """Finish the part after all users have ended; the owner in this process still takes the last report."""
        if self.part is not None:
            self.part.finish()

    def _finish(self, part: RunPart, runner: WorkerRunner) -> None:
        """
        Stop the users, let requests in flight end, and send all results that Locust and the suite still hold.

        The owner's message and a signal may both ask for this. The second call waits, since Locust ends the process
        after it. Where the next run has begun meanwhile, this run has no results left, and its owner does not wait.
        """
        with self._finishing:
            if part.is_finished or part is not self.part:
                return
            part.takes_flows, users = False, runner.user_count
            runner.stop()
            if part is not self.part:
                return
            part.finish()
            data: dict[str, Any] = {}
            self._environment.events.report_to_master.fire(client_id=runner.client_id, data=data)
            runner.send_message("stats", data)
            runner.send_message(Finished.TYPE, Finished(part.run_id, users).pack())
            part.is_finished = True

    def _quit(self, runner: WorkerRunner) -> None:
        if self.part is not None:
            self._finish(self.part, runner)
        self._until_the_end.close()  # after a signal, Locust may end the process before it fires `quit`


generators: WeakKeyDictionary[Environment, Generator] = WeakKeyDictionary()
"""Locust's environment → generator; a process has one of each."""


def generator_of(environment: Environment) -> Generator:
    """The generator that the users of *environment* share."""
    return generators[environment]
