"""The web UI's page of the last 24 hours on this host: errors, chat latency, requests, onboardings."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from gevent.lock import RLock
from gevent.threadpool import ThreadPool

from conf.operations import Operation
from monitoring.journal.last_day import STRETCH_S, LastDay, Routes
from swarm.web.day_picture import draw_bars, draw_lines, top_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from conf.settings import Settings
    from monitoring.journal.last_day import Day
    from monitoring.journal.reading import Record

_FRESH_S = 5.0
_PER_HOUR = 3600 // STRETCH_S
_SHORT_TRACE = 8
_LONGEST_MESSAGE = 300


class MonitoringPage:
    """
    Reads the logs on request, at most every five seconds.

    A thread of its own reads them: the first time there may be hundreds of thousands of records, and the event loop
    may be making the load.

    Args:
        settings: Name the logs and the routes.
        clock: Monotonic, in seconds.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = monotonic) -> None:
        contract = settings.contract
        chat, resolve = (
            contract.endpoints.get(operation) for operation in (Operation.CHAT, Operation.ONBOARDING_RESOLVE)
        )
        self._log_dir = settings.monitoring.log_dir
        self._last_day = LastDay(self._log_dir, Routes(*(one.path if one else "" for one in (chat, resolve))))
        self._clock = clock
        self._thread = ThreadPool(1)
        self._reading = RLock()
        self._day: Day | None = None
        self._read_at = float("-inf")

    def day(self) -> Day:
        """The last 24 hours, as of a moment ago."""
        with self._reading:
            if self._day is None or self._clock() - self._read_at >= _FRESH_S:
                self._day = self._thread.apply(self._last_day.read)
                self._read_at = self._clock()
            return self._day

    def context(self) -> dict[str, Any]:
        """The values for the template."""
        day = self.day()
        p50, p95 = [one.p50_ms for one in day.stretches], [one.p95_ms for one in day.stretches]
        top = top_of(p50, p95)
        bars = {
            "Chat requests": [one.chats for one in day.stretches],
            "Onboardings": [one.onboardings for one in day.stretches],
            "Errors": [one.errors for one in day.stretches],
        }
        return {
            "day": day,
            "log_dir": self._log_dir,
            "top_ms": top,
            "lines": {"p50": draw_lines(p50, top), "p95": draw_lines(p95, top)},
            "bars": [(title, draw_bars(values, _PER_HOUR)) for title, values in bars.items()],
            "errors": [_shown(record) for record in day.newest_errors],
        }


def _shown(record: Record) -> dict[str, str]:
    """A record's fields as texts; secrets were removed when it was written."""
    context = record.get("context")
    trace = record.get("trace_id") or (context.get("trace_id") if isinstance(context, dict) else None)
    status = record.get("status")
    message = str(record.get("message", ""))
    return {
        "time": str(record.get("time", ""))[:19].replace("T", " "),
        "kind": str(record.get("kind", "")),
        "route": str(record.get("route", "")),
        "step": str(record.get("step", "")),
        "status": "" if status is None else str(status),
        "message": message if len(message) <= _LONGEST_MESSAGE else f"{message[: _LONGEST_MESSAGE - 1]}…",
        "trace": str(trace or "")[:_SHORT_TRACE],
    }
