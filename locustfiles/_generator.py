"""
One load-generating process: the local runner's, or a worker's.

Holds what its users share (settings, houses, the recorder) and answers the owner of the run.
"""

from __future__ import annotations

from locust.runners import LocalRunner, WorkerRunner

from typing import TYPE_CHECKING, Any

from gevent.lock import RLock

from conf.operations import Operation, Outcome
from locustfiles._failure import RequestFailed
from locustfiles._houses import Houses
from locustfiles._messages import Begin, Finish, Finished, Report, StepBegins
from monitoring.measurement import Recorder
from monitoring.memory import own_rss_bytes

if TYPE_CHECKING:
    from locust.env import Environment

    from conf.settings import Settings


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
        self.recorder = Recorder()
        self.houses = Houses([])
        self.limited = True
        self.step = 0
        self.parked = 0
        self._users_seen = 0
        self._finished = False
        self._finishing = RLock()
        environment.events.request.add_listener(self._on_request)
        runner = environment.runner
        assert runner is not None
        runner.register_message(Begin.TYPE, self._on_begin)
        runner.register_message(StepBegins.TYPE, self._on_step)
        if isinstance(runner, WorkerRunner):
            # Concurrent: users may take a while to finish, and heartbeats must be answered meanwhile.
            runner.register_message(Finish.TYPE, self._on_finish, concurrent=True)
            environment.events.report_to_master.add_listener(self._on_report)
            environment.events.quitting.add_listener(self._on_quitting)

    @property
    def index(self) -> int:
        """Which of the run's load-generating processes this is, from 0."""
        runner = self.environment.runner
        assert isinstance(runner, LocalRunner | WorkerRunner)
        return runner.worker_index

    def next_user_number(self) -> int:
        """A number of its own for each user of this process; seeds the user's random choices."""
        self._users_seen += 1
        return self._users_seen

    def report(self) -> Report:
        """Hand over what was measured since the last report."""
        return Report(
            measurements=self.recorder.take(),
            recorded=self.recorder.recorded,
            parked=self.parked,
            shared=self.houses.shared,
            rss_bytes=own_rss_bytes(),
        )

    def _on_request(
        self,
        name: str,
        response_time: float,
        exception: BaseException | None,
        context: dict[str, Any],
        **_: object,
    ) -> None:
        step = context.get("step")
        if step is None:
            return  # not one of the suite's own requests
        outcome = Outcome.SUCCESS
        if exception is not None:
            outcome = exception.outcome if isinstance(exception, RequestFailed) else Outcome.CONNECTION
        self.recorder.record(Operation(name), outcome, step, response_time / 1000)

    def _on_begin(self, msg: Any, **_: object) -> None:
        begin = Begin.unpack(msg.data)
        self.houses = Houses(begin.houses)
        self.limited = begin.limited
        self.recorder = Recorder()
        self.step = self.parked = 0
        self._finished = False

    def _on_step(self, msg: Any, **_: object) -> None:
        self.step = StepBegins.unpack(msg.data).index

    def _on_report(self, data: dict[str, Any], **_: object) -> None:
        data[Report.KEY] = self.report().pack()

    def _on_finish(self, **_: object) -> None:
        self._finish()

    def _on_quitting(self, **_: object) -> None:
        self._finish()

    def _finish(self) -> None:
        """
        Stop the users, letting requests in flight end, and send all that Locust and we still hold.

        The owner's message and a signal may both ask for it; whoever comes second waits, for after that
        Locust ends the process.
        """
        runner = self.environment.runner
        assert isinstance(runner, WorkerRunner)
        with self._finishing:
            if self._finished:
                return
            runner.stop()
            data: dict[str, Any] = {}
            self.environment.events.report_to_master.fire(client_id=runner.client_id, data=data)
            runner.send_message("stats", data)
            runner.send_message(Finished.TYPE, Finished().pack())
            self._finished = True
