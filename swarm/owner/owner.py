"""
The owner of a run: the process of the local runner, or the master.

The owner deals the houses, collects the processes' measurements, watches the run, and at its end writes the run
directory and judges the run. `swarm.owner.ending` draws how a run ends. Locust fires ``test_stopping`` whenever the load
ends; there the owner waits for every worker, so that at ``test_stop`` all results are counted.
"""

from __future__ import annotations

from locust.runners import LocalRunner, MasterRunner

import logging
import sys
from typing import TYPE_CHECKING, Any

import gevent

from conf.errors import ExitCode, LoadTestError
from conf.subject import LOCAL
from monitoring.measurement import utc_now
from reports.manifest import EndedBy, WorkerEvent
from reports.problem import ProblemCode
from swarm.background import Background, is_of_the_disk, words_of
from swarm.messages import Report, Trouble
from swarm.owner.beginning import begin_run, prepare_locust, read_deck
from swarm.owner.briefing import Briefing
from swarm.owner.choice import offered_journeys
from swarm.owner.dealer import Dealer
from swarm.owner.due_end import due_end
from swarm.owner.ending import RunState
from swarm.owner.finishing import finish_run
from swarm.owner.progress import run_so_far
from swarm.owner.run import Run
from swarm.owner.workers import Workers
from swarm.provenance import git_commit

if TYPE_CHECKING:
    from locust.env import Environment

    from conf.operations import Journey
    from conf.settings import Settings
    from swarm.generator.generator import Generator
    from swarm.owner.choice import Choice
    from swarm.owner.live import LiveView
    from swarm.owner.missing_load import WorkerChange
    from swarm.owner.progress import Progress

_TICK_S = 1.0
_FINISH_MARGIN_S = 10.0
_JUDGED_WITHIN_S = 60.0

_log = logging.getLogger(__name__)


class Owner:
    """
    Connects runs to Locust's events.

    Args:
        environment: Locust's; its options get the profile's load unless one was typed.
        choice: The first run, as the command line describes it.
        generator: The local runner's generator; None on a master.
        progress: Reports progress.
        view: Shows the run while it goes on; None without one.
    """

    def __init__(
        self,
        environment: Environment,
        choice: Choice,
        generator: Generator | None,
        progress: Progress,
        view: LiveView | None = None,
    ) -> None:
        self._environment = environment
        self._generator = generator
        self._progress = progress
        self._view = view
        self._run: Run | None = None
        """The latest run that has begun."""
        self._briefing: Briefing | None = None
        """Briefing of the latest run; None until that run can begin."""
        self._watcher: gevent.Greenlet | None = None
        self._starting: gevent.Greenlet | None = None
        self._is_quitting = False
        runner = environment.runner
        assert isinstance(runner, LocalRunner | MasterRunner)
        self._runner = runner
        self._workers = Workers(runner) if isinstance(runner, MasterRunner) else None
        self._dealer = Dealer(runner)
        self._user_classes = tuple(environment.user_classes)
        git_commit()  # asks Git now, and keeps the answer, so that no run waits for it
        self.choose(choice)
        self._listen()

    def _listen(self) -> None:
        background = Background(self._on_death)
        background.watch()
        self._runner.register_message(Trouble.TYPE, self._on_trouble)
        if isinstance(self._runner, MasterRunner):
            background.watch_messages(self._runner)
        events = self._environment.events
        events.test_start.add_listener(self._on_test_start)
        events.spawning_complete.add_listener(self._on_spawning_complete)
        events.worker_connect.add_listener(self._on_worker_connect)
        events.worker_report.add_listener(self._on_worker_report)
        events.test_stopping.add_listener(self._on_test_stopping)
        events.test_stop.add_listener(self._on_test_stop)
        events.quitting.add_listener(self._on_quitting)

    @property
    def offered(self) -> tuple[Journey, ...]:
        """The journeys that have a user class."""
        return offered_journeys(self._user_classes)

    @property
    def settings(self) -> Settings:
        """Settings of the run that was chosen last."""
        return self._choice.settings

    @property
    def is_running(self) -> bool:
        """Whether a run is under way or ending."""
        return self._under_way is not None

    @property
    def _under_way(self) -> Run | None:
        """The run whose results still count."""
        return self._run if self._run is not None and self._run.ending.is_under_way else None

    @property
    def is_ending(self) -> bool:
        """Whether a run's load is over, but its verdict is not there yet."""
        return self._run is not None and self._run.ending.has_begun and not self._run.ending.is_over

    def choose(self, choice: Choice) -> None:
        """Choose the next run; Locust's options get the load where the profile names it."""
        self._choice = choice
        prepare_locust(self._environment, choice, self._user_classes, self._on_step)

    def _on_test_start(self, **_: object) -> None:
        self._starting = gevent.getcurrent()
        if self.is_running:  # Locust's key for a start makes no check
            _log.error("a run is under way or still ending: none begins beside it")
            gevent.spawn(self._starting.kill)
            return
        self._briefing = None
        try:
            deck = read_deck(self._choice)
            live = self._view.begin() if self._view else None
            run = self._run = Run(self._environment, self._choice, self._dealer, self._stop_locust, live)
            self._environment.process_exit_code = None  # the previous run's code
        except Exception as error:  # noqa: BLE001 - a web UI stays open after any exception, and the next run may begin
            self._give_up(error)
            return
        self._briefing = Briefing(run)
        begin_run(run, self._briefing, deck, self._workers, self._environment.stop_timeout or 0.0)
        if self._view is not None:
            self._view.watch(run)
        self._watcher = gevent.spawn(self._watch, run)

    def _give_up(self, error: Exception) -> None:
        """Stop Locust, which would start its users although the run could not begin."""
        known = isinstance(error, LoadTestError)
        _log.error("%s", error if known else words_of(error), exc_info=None if known else error)
        self._environment.process_exit_code = ExitCode.USAGE if known else ExitCode.NO_VERDICT
        starting = gevent.getcurrent()

        def give_up() -> None:
            starting.kill()
            self._stop_locust()

        gevent.spawn(give_up)

    def _stop_locust(self) -> None:
        """Make Locust stop the run under way; a web UI stays open."""
        self._runner.stop() if self._environment.web_ui else self._runner.quit()

    def _on_trouble(self, msg: Any, **_: object) -> None:
        trouble = Trouble.unpack(msg.data)
        if self._run is not None and trouble.run_id == self._run.run_id:
            self._fail(ProblemCode(trouble.code), trouble.message)

    def _on_death(self, what: str, error: BaseException) -> None:
        self._fail(
            ProblemCode.NOT_WRITTEN if is_of_the_disk(error) else ProblemCode.SUITE_FAILED,
            f"{what} ended: {words_of(error)}",
        )

    def _fail(self, code: ProblemCode, message: str) -> None:
        """End the run as not valid, since something in the suite failed."""
        if (run := self._under_way) is not None:
            run.note_problem(code, message, message)
            run.ending.decide(EndedBy.FAILURE)

    def _on_worker_connect(self, client_id: str, **_: object) -> None:
        """Let a worker join the run under way."""
        assert isinstance(self._runner, MasterRunner)
        if client_id in self._runner.clients:
            return  # the worker repeats that it is ready, since Locust answered late
        if self._briefing is not None and self.is_running:
            self._briefing.join(client_id)

    def _on_step(self, index: int | None) -> None:
        if self._run is not None:
            self._run.steps.reach(index)

    def _on_spawning_complete(self, **_: object) -> None:
        """Count the users that are there: a master's event has the number that was asked for."""
        if self._run is not None:
            self._run.users.look(self._runner)

    def _on_worker_report(self, client_id: str, data: dict[str, Any], **_: object) -> None:
        if (run := self._under_way) is not None and Report.KEY in data:
            report = Report.unpack(data[Report.KEY])
            if report.run_id == run.run_id:
                run.add(client_id, report)

    def _watch(self, run: Run) -> None:
        """Once a second, collect results, note changes, report progress, and check whether the run must end."""
        while run.ending.state is RunState.RUNNING:
            gevent.sleep(_TICK_S)
            self._collect(run)
            run.tick()
            self._progress.write(**run_so_far(run))
            if self._view is not None:
                self._view.keep_up()
            for change in self._workers.look() if self._workers else ():
                self._note(run, change)
            self._dealer.renew(utc_now())
            if run.ending.state is RunState.RUNNING:
                self._look_for_end(run)

    def _look_for_end(self, run: Run) -> None:
        if self._progress.reader_is_gone:
            _log.warning("the process that started this run was killed: the run ends")
            run.ending.decide(EndedBy.INTERRUPTED)
        elif reason := due_end(run):
            run.ending.decide(reason)

    def _note(self, run: Run, change: WorkerChange) -> None:
        """Note that a worker came or went, and with it its houses."""
        _log.warning("Worker %s %s", change.worker, change.event)
        run.note_change(change)
        if change.event in {WorkerEvent.VANISHED, WorkerEvent.LEFT}:
            self._dealer.lose(change.worker)
        elif change.event is WorkerEvent.RETURNED:
            self._dealer.find_again(change.worker)

    def _collect(self, run: Run) -> None:
        run.users.look(self._runner)
        if self._generator is not None:
            run.add(LOCAL, self._generator.report())

    def _on_test_stopping(self, **_: object) -> None:
        """After the load, settle the reason for the end, and wait for the workers' last results."""
        run = self._under_way
        if run is None:
            return
        run.end(interrupted=self._is_quitting)
        if self._watcher is not None:
            self._watcher.kill()
        if self._workers is not None:
            # Where a run ends before all users have started, Locust's master would go on sending users to the workers.
            if self._starting is not None and self._starting is not gevent.getcurrent():
                self._starting.kill()
            for change in self._workers.finish(self._environment.stop_timeout + _FINISH_MARGIN_S):
                self._note(run, change)

    def _on_test_stop(self, **_: object) -> None:
        """After all users have stopped, collect the remaining results, and finish the run."""
        run = self._under_way
        if run is None:
            return
        try:
            self._collect(run)
            if self._generator is not None:
                self._generator.finish()
        except Exception as error:  # noqa: BLE001 - after any exception, the results that arrived are judged
            _log.exception("the last results of this process were not collected")
            run.note_problem(
                ProblemCode.SUITE_FAILED, f"the last results were not collected: {words_of(error)}"
            )
        try:
            self._finish(run)
        except Exception as error:  # noqa: BLE001 - after any exception, the process ends with its reason and a code
            _log.exception("the run could not be judged")
            print(  # noqa: T201 - for the person who started Locust
                f"Error: {run.directory}: the run could not be judged: {words_of(error)}\n"
                f"  The traceback is in the log. Judge what was written: loadtest report {run.directory}",
                file=sys.stderr,
            )
            self._environment.process_exit_code = ExitCode.NO_VERDICT
        finally:
            run.ending.settle()

    def _finish(self, run: Run) -> None:
        verdict = finish_run(run)
        # Only the owner needs these, and only after the load.
        from reports.judgement.assessment import exit_code  # noqa: PLC0415
        from reports.own_files import REPORT_FILE  # noqa: PLC0415

        if self._view is not None:
            self._view.end(verdict, run.directory / REPORT_FILE)

        self._environment.process_exit_code = exit_code(verdict, strict=self._choice.settings.run.strict)
        self._progress.write(**run_so_far(run), finished=True)

    def _on_quitting(self, **_: object) -> None:
        """End all that still runs, since Locust reads the exit code right after this event."""
        self._is_quitting = True
        if self._run is not None:
            if self.is_running:
                self._runner.stop() if self._workers is None else self._runner.quit()
            self._run.ending.wait(_JUDGED_WITHIN_S)  # a Stop in the web UI may be finishing the run
        # A web UI in which no run was made has no exit code.
        if self._environment.process_exit_code is None and (
            self._environment.web_ui is None or self._run is not None
        ):
            self._environment.process_exit_code = ExitCode.NO_VERDICT
