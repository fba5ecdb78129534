"""
Where the suite meets Locust: every locustfile imports this module, and it registers itself once per process.

Settings are read when Locust is ready, not at import; a mistake in them ends the process before the first request.
"""

from __future__ import annotations

from locust import argument_parser, events, runners, stats
from locust.rpc import zmqrpc
from locust.runners import MasterRunner, WorkerRunner

import gc
import inspect
import logging
import os
import signal
import sys
from argparse import ArgumentTypeError
from functools import cache
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event

from conf.errors import LoadTestError
from conf.loading import load_settings
from conf.operations import ALL, Journey
from conf.profile import LONGEST_S
from conf.trace_exporters import ENDPOINT, OTHER_ENDPOINTS, require_allowed_exporters
from monitoring.redaction.clean_output import clean_output
from swarm.exits import (
    LONGEST_WAIT_FOR_WORKERS_S,
    end_unexpected,
    own_exits,
)
from swarm.generator.generator import Generator, generator_of, generators
from swarm.locust_patches.clean_results import clean_results
from swarm.locust_patches.clock import SteadyTime
from swarm.locust_patches.master import Dispatcher, WatchedNode, handle_message
from swarm.locust_patches.percentile_buckets import fine_bucket
from swarm.locust_patches.worker_channel import MasterLink, WorkerPort
from swarm.messages import Begin

if TYPE_CHECKING:
    from locust.argument_parser import LocustArgumentParser
    from locust.env import Environment

    from collections.abc import Callable


_GARBAGE_THRESHOLDS = 20_000, 10, 100
"""Of the three generations (``gc.set_threshold``): new objects, and searches of the generation below."""

_log = logging.getLogger(__name__)
_joined = Event()


def _offer_options(parser: LocustArgumentParser, **_: object) -> None:
    """The suite's own option, and the loopback for web UI and workers, which Locust would open to everybody."""
    parser.add_argument(
        "--journey",
        choices=[ALL, *Journey],
        default=ALL,
        env_var="LOCUST_JOURNEY",
        help=f"{', '.join(Journey)}, of those whose users are loaded",
    )
    parser.set_defaults(
        web_host="127.0.0.1",
        master_bind_host="127.0.0.1",
        exit_code_on_error=0,
        expect_workers_max_wait=LONGEST_WAIT_FOR_WORKERS_S,
    )
    (run_time,) = (action for action in parser._actions if action.dest == "run_time")  # noqa: SLF001 - no other way
    run_time.type = _run_time


def _run_time(text: str) -> int:
    """As Locust reads it, which breaks off over more hours than a clock knows."""
    try:
        return argument_parser.timespan(text)
    except OverflowError:
        raise ArgumentTypeError(
            f"{text!r} is longer than a run can be, {LONGEST_S:,.0f} s (a year)"
        ) from None


def _begin_session(environment: Environment, **_: object) -> None:
    clean_output()
    clean_results()
    # Python raises KeyboardInterrupt in whatever runs at the moment, which may be a user's request: it would be lost.
    gevent.signal_handler(signal.SIGINT, gevent.kill, gevent.getcurrent(), KeyboardInterrupt)
    # Locust's stop() asks for its caller. The first time in a process that reads all its modules, and the event loop
    # stands still for a tenth of a second: requests in flight at the end of a run would be timed too long.
    inspect.stack()
    try:
        _join(environment)
    except LoadTestError as error:
        print(error, file=sys.stderr)  # noqa: T201 - for the person who started Locust
        _send_workers_home(environment)
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001 - Locust would write it into its log and end with 1
        _send_workers_home(environment)
        end_unexpected(error)
    _look_for_garbage_rarely()


def _send_workers_home(environment: Environment) -> None:
    """Those that are here already would wait for a minute."""
    if isinstance(environment.runner, MasterRunner):
        environment.runner.quit()


def _look_for_garbage_rarely() -> None:
    """
    Python's search for reference cycles stops the process, and takes the longer the more users there are.

    As Python has it, ten thousand users who wait cost a quarter of a core, in pauses of up to half a second: what is in
    flight has outlived the first search, and is searched again and again.
    """
    gc.freeze()  # all that has been imported stays
    gc.set_threshold(*_GARBAGE_THRESHOLDS)


def _join(environment: Environment) -> None:
    """Take this process's part in the run: generator, owner, or both."""
    options, runner = environment.parsed_options, environment.runner
    assert options is not None
    if environment.reset_stats:
        environment.reset_stats = False
        _log.warning("--reset-stats has no effect: the report counts every request; a profile has warm_up_s")
    settings = load_settings({"run.profile": options.profile, "target.base_url": environment.host})
    environment.host = settings.target.base_url
    others = (ENDPOINT, *OTHER_ENDPOINTS) if options.otel else ()
    require_allowed_exporters(settings, os.environ, others)
    environment.dispatcher_class = Dispatcher
    if not isinstance(runner, MasterRunner):
        generators[environment] = Generator(environment, settings)
    _joined.set()
    if isinstance(runner, WorkerRunner):
        return
    # A worker judges nothing: it needs no driver of a database, no signer of JWTs and no pages.
    from swarm.ownership import own_runs  # noqa: PLC0415

    own_runs(environment, settings)


def _connect(runner: WorkerRunner) -> None:
    """
    Be ready for the owner's message before the master knows of this worker.

    Locust connects first and fires ``init`` afterwards. On a busy machine the master sends its messages in between, and
    the one that was lost held the houses.
    """
    if Begin.TYPE not in runner.custom_messages:
        runner.register_message(Begin.TYPE, _begin_when_joined)
    _connect_as_locust_does(runner)


def _begin_when_joined(environment: Environment, msg: Any, **_: object) -> None:
    """While it waits, so does what the master says next: to start users."""
    _joined.wait()
    generator_of(environment).begin(msg)


_connect_as_locust_does: Callable[[WorkerRunner], None] = WorkerRunner.connect_to_master
WorkerRunner.connect_to_master = _connect  # type: ignore[method-assign]  # as what follows, a way of Locust's that we mend
MasterRunner.handle_message = handle_message  # type: ignore[method-assign, assignment]
zmqrpc.Server, zmqrpc.Client = WorkerPort, MasterLink  # type: ignore[misc]
runners.WorkerNode = WatchedNode  # type: ignore[misc]
runners.time = SteadyTime()  # type: ignore[assignment]
stats.bucket_response_time = fine_bucket
# A worker asks for these once per option whenever the number of users changes, and each time builds a parser: its
# event loop stood still for half a second, and requests in flight were timed too long.
argument_parser.default_args_dict = cache(argument_parser.default_args_dict)
own_exits()
events.init_command_line_parser.add_listener(_offer_options)
events.init.add_listener(_begin_session)
