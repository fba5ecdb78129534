"""What dies in the background of a process is seen: one place for its greenlets, threads and listeners."""

from __future__ import annotations

from locust import log as locust_log
from locust.event import EventHook
from locust.exception import (
    InterruptTaskSet,
    RescheduleTask,
    RescheduleTaskImmediately,
    StopTest,
    StopUser,
)

import errno
import logging
import threading
from typing import TYPE_CHECKING, Any

import gevent
from gevent.baseserver import BaseServer

from conf.errors import LoadTestError

if TYPE_CHECKING:
    from locust.runners import MasterRunner, WorkerRunner

    from collections.abc import Callable
    from types import TracebackType

_WORDS = {
    "Owner._watch": "the run's watcher",
    "StatsCSVFileWriter.stats_writer": "the writer of Locust's CSV files",
    "User.start.<locals>.run_user": "a user",
}
"""Function → what it is to people; the others go by their names."""

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
_ORDERS = (StopUser, StopTest, RescheduleTask, RescheduleTaskImmediately, InterruptTaskSet)
"""What a listener may raise to tell Locust something."""

_log = logging.getLogger(__name__)


class Background:
    """
    Watches greenlets and threads that no caller waits for.

    Args:
        on_death: Gets what died, in words, and the exception that ended it. Has a greenlet of its own.
    """

    def __init__(self, on_death: Callable[[str, BaseException], None]) -> None:
        self._on_death = on_death

    def watch(self) -> None:
        """
        From now on, see every greenlet and thread of this process that an exception ends.

        Locust's own are among them, and calls in gevent's thread pools. Connections of a server are not: their clients
        may end them.
        """
        hub: Any = gevent.get_hub()
        as_gevent_does = hub.handle_error

        def handle_error(
            context: object, kind: type[BaseException], error: BaseException, trace: TracebackType | None
        ) -> None:
            what = _name(context)
            if isinstance(context, tuple) and isinstance(error, (*hub.NOT_ERROR, OSError, LoadTestError)):
                return  # of a thread pool: a name that is not known, a file: the caller is told, and knows what to do
            if what and isinstance(error, Exception) and not isinstance(error, StopTest):
                self._report(what, error)
            else:
                as_gevent_does(context, kind, error, trace)

        def excepthook(died: Any) -> None:
            if isinstance(died.exc_value, Exception):
                self._report(f"thread {died.thread.name}" if died.thread else "a thread", died.exc_value)

        hub.handle_error = handle_error
        threading.excepthook = excepthook
        self._watch_listeners()

    def _watch_listeners(self) -> None:
        """Listeners of any locustfile or plugin too: Locust would write each exception into its log, and go on."""
        seen: set[tuple[object, type]] = set()

        def fire(hook: EventHook, *, reverse: bool = False, **kwargs: Any) -> None:
            listeners = hook._handlers[::-1] if reverse else hook._handlers.copy()  # noqa: SLF001 - as Locust's own does
            for listener in listeners:
                try:
                    listener(**kwargs)
                except _ORDERS:
                    raise
                except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
                    locust_log.unhandled_greenlet_exception = True
                    if (listener, type(error)) not in seen:
                        seen.add((listener, type(error)))
                        self._report(f"the listener {_words(listener)}", error)

        EventHook.fire = fire  # type: ignore[method-assign,assignment]  # of a function of its own

    def watch_messages(self, runner: MasterRunner | WorkerRunner) -> None:
        """What is done about messages that have been registered: Locust would log an exception there, and go on."""
        for message_type, (act, concurrent) in runner.custom_messages.items():
            runner.custom_messages[message_type] = self._watched(message_type, act), concurrent

    def _watched(self, message_type: str, act: Callable[..., object]) -> Callable[..., None]:
        def watched(**kwargs: Any) -> None:
            try:
                act(**kwargs)
            except Exception as error:  # noqa: BLE001 - as above
                self._report(f"what is done about {message_type}", error)

        return watched

    def _report(self, what: str, error: Exception) -> None:
        # The event loop itself may call this, and must not wait.
        trace = None if isinstance(error, LoadTestError) or is_of_the_disk(error) else error
        _log.error("%s ended: %s", what, words_of(error), exc_info=trace)
        gevent.spawn(self._tell, what, error)

    def _tell(self, what: str, error: Exception) -> None:
        try:
            self._on_death(what, error)
        except Exception:  # noqa: BLE001 - seen by itself it would be told again, and so on
            _log.exception("what ended could not be noted")


def is_of_the_disk(error: BaseException) -> bool:
    """Whether the disk is why: full, over a quota or a limit, read-only, broken."""
    return isinstance(error, OSError) and error.errno in _DISK


def words_of(error: BaseException) -> str:
    """An exception in a line; its traceback is in the log."""
    if isinstance(error, LoadTestError):
        return error.message
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"{type(error).__name__}: {error}"


def _name(context: object) -> str:
    """What an exception ended; empty where it is a connection of a server, or nothing that runs in the background."""
    if isinstance(context, gevent.Greenlet):
        function = getattr(context, "_run", None)
    elif isinstance(context, tuple) and len(context) == 2:  # noqa: PLR2004 - thread and function, of a thread pool
        function = context[1]
    else:
        return ""
    return "" if isinstance(getattr(function, "__self__", None), BaseServer) else _words(function)


def _words(function: object) -> str:
    name = getattr(function, "__qualname__", None) or type(function).__name__
    return _WORDS.get(name, name)
