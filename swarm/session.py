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
"""Thresholds of the three generations (``gc.set_threshold``): new objects, then searches of the younger generation."""

_log = logging.getLogger(__name__)
_joined = Event()


def _offer_options(parser: LocustArgumentParser, **_: object) -> None:
    """Add the suite's option. Bind web UI and port for workers to the loopback, since Locust opens both to every machine."""
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
    (run_time,) = (action for action in parser._actions if action.dest == "run_time")  # noqa: SLF001 - Locust offers no other way
    run_time.type = _run_time


def _run_time(text: str) -> int:
    """Read a run time as Locust does; Locust's own reader fails for a time of very many hours."""
    try:
        return argument_parser.timespan(text)
    except OverflowError:
        raise ArgumentTypeError(
            f"{text!r} is longer than a run can be, {LONGEST_S:,.0f} s (a year)"
        ) from None


def _begin_session(environment: Environment, **_: object) -> None:
    clean_output()
    clean_results()
    # Python raises KeyboardInterrupt in the greenlet that runs, perhaps in a user's request, where it would be lost.
    gevent.signal_handler(signal.SIGINT, gevent.kill, gevent.getcurrent(), KeyboardInterrupt)
    # Locust's stop() looks up its caller. The first look-up in a process reads all modules, and blocks the event loop
    # for a tenth of a second: requests in flight at the end of a run would be timed too long.
    inspect.stack()
    try:
        _join(environment)
    except LoadTestError as error:
        print(error, file=sys.stderr)  # noqa: T201 - for the person who started Locust
        _send_workers_home(environment)
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001 - Locust would log it, and exit with 1
        _send_workers_home(environment)
        end_unexpected(error)
    _look_for_garbage_rarely()


def _send_workers_home(environment: Environment) -> None:
    """Tell workers that have joined already to quit; else they would wait for a minute."""
    if isinstance(environment.runner, MasterRunner):
        environment.runner.quit()


def _look_for_garbage_rarely() -> None:
    """
    Make Python search for reference cycles less often: a search stops the process, for longer the more users there are.

    With Python's own thresholds, ten thousand waiting users cost a quarter of a core, in pauses of up to half a second.
    Objects of requests in flight outlive the first search, and are searched again and again.
    """
    gc.freeze()  # imported modules are never freed, so they need no search
    gc.set_threshold(*_GARBAGE_THRESHOLDS)


def _join(environment: Environment) -> None:
    """Make this process a generator, an owner, or both."""
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
    # A worker judges nothing: it needs no database driver, no signer of JWTs and no pages.
    from swarm.ownership import own_runs  # noqa: PLC0415

    own_runs(environment, settings)


def _connect(runner: WorkerRunner) -> None:
    """
    Register for the owner's message before the master knows of this worker.

    Locust connects first and fires ``init`` afterwards. On a busy machine the master sends messages in between; one
    that was lost held the houses.
    """
    if Begin.TYPE not in runner.custom_messages:
        runner.register_message(Begin.TYPE, _begin_when_joined)
    _connect_as_locust_does(runner)


def _begin_when_joined(environment: Environment, msg: Any, **_: object) -> None:
    """Begin once this worker has joined. Until then the master's next message, to start users, waits too."""
    _joined.wait()
    generator_of(environment).begin(msg)


_connect_as_locust_does: Callable[[WorkerRunner], None] = WorkerRunner.connect_to_master
WorkerRunner.connect_to_master = _connect  # type: ignore[method-assign]  # this and the next lines change Locust's behaviour
MasterRunner.handle_message = handle_message  # type: ignore[method-assign, assignment]
zmqrpc.Server, zmqrpc.Client = WorkerPort, MasterLink  # type: ignore[misc]
runners.WorkerNode = WatchedNode  # type: ignore[misc]
runners.time = SteadyTime()  # type: ignore[assignment]
stats.bucket_response_time = fine_bucket
# A worker asks for these once per option whenever the number of users changes, and each call builds a parser. That
# blocked the event loop for half a second, and requests in flight were timed too long.
argument_parser.default_args_dict = cache(argument_parser.default_args_dict)
own_exits()
events.init_command_line_parser.add_listener(_offer_options)
events.init.add_listener(_begin_session)
