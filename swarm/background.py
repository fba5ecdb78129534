"""Exceptions in the background of a process are reported: those of its greenlets, threads and listeners."""

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
"""Function → its name in messages; any other function goes by its own name."""

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
_ORDERS = (StopUser, StopTest, RescheduleTask, RescheduleTaskImmediately, InterruptTaskSet)
"""Exceptions by which a listener gives Locust an order."""

_log = logging.getLogger(__name__)


class Background:
    """
    Watches greenlets and threads that no caller waits for.

    Args:
        on_death: Gets a name for what died, and the exception that ended it. Runs in a greenlet of its own.
    """

    def __init__(self, on_death: Callable[[str, BaseException], None]) -> None:
        self._on_death = on_death

    def watch(self) -> None:
        """
        From now on, report every greenlet and thread of this process that an exception ends.

        Locust's own are among them, and so are calls in gevent's thread pools. Connections of a server are not: a client
        may end its connection.
        """
        hub: Any = gevent.get_hub()
        as_gevent_does = hub.handle_error

        def handle_error(
            context: object, kind: type[BaseException], error: BaseException, trace: TracebackType | None
        ) -> None:
            what = _name(context)
            if isinstance(context, tuple) and isinstance(error, (*hub.NOT_ERROR, OSError, LoadTestError)):
                return  # in a thread pool (an unknown host, a file): the caller gets the exception, and handles it
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
        """Watch all listeners, those of locustfiles and plugins too: Locust would only log an exception, and go on."""
        seen: set[tuple[object, type]] = set()

        def fire(hook: EventHook, *, reverse: bool = False, **kwargs: Any) -> None:
            listeners = hook._handlers[::-1] if reverse else hook._handlers.copy()  # noqa: SLF001 - as Locust's own `fire` does
            for listener in listeners:
                try:
                    listener(**kwargs)
                except _ORDERS:
                    raise
                except Exception as error:  # noqa: BLE001 - any exception is reported
                    locust_log.unhandled_greenlet_exception = True
                    if (listener, type(error)) not in seen:
                        seen.add((listener, type(error)))
                        self._report(f"the listener {_words(listener)}", error)

        EventHook.fire = fire  # type: ignore[method-assign,assignment]  # a plain function stands in for a method

    def watch_messages(self, runner: MasterRunner | WorkerRunner) -> None:
        """Watch the handlers of all registered messages: Locust would only log an exception in one, and go on."""
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
        except Exception:  # noqa: BLE001 - reporting this one could fail too, without end
            _log.exception("what ended could not be noted")


def is_of_the_disk(error: BaseException) -> bool:
    """Whether the disk is the cause: it is full, over a quota or a limit, read-only, or broken."""
    return isinstance(error, OSError) and error.errno in _DISK


def words_of(error: BaseException) -> str:
    """An exception in one line; its traceback is in the log."""
    if isinstance(error, LoadTestError):
        return error.message
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"{type(error).__name__}: {error}"


def _name(context: object) -> str:
    """Name of what an exception ended; empty for a server's connection, and for all that is not in the background."""
    if isinstance(context, gevent.Greenlet):
        function = getattr(context, "_run", None)
    elif isinstance(context, tuple) and len(context) == 2:  # noqa: PLR2004 - a thread pool's thread and function
        function = context[1]
    else:
        return ""
    return "" if isinstance(getattr(function, "__self__", None), BaseServer) else _words(function)


def _words(function: object) -> str:
    name = getattr(function, "__qualname__", None) or type(function).__name__
    return _WORDS.get(name, name)
