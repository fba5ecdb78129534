"""
The error and performance tracker: a call writes a line to the log, and never raises an exception.

``errors.jsonl`` has a record for each error, ``performance.jsonl`` one for each timed route; both are journals, so any
number of processes may write to one directory.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from monitoring.journal.current_segment import DEFAULT_LIMITS, SegmentLimits
from monitoring.journal.error_record import LONGEST_VALUE, clean_text, describe_context, describe_error
from monitoring.journal.segments import timestamp
from monitoring.journal.writer import Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from types import TracebackType

    from conf.settings import Settings

ERRORS, PERFORMANCE = "errors", "performance"
"""Names of the two logs."""
API, LLM, DATABASE, LOAD = "api", "llm", "database", "load"
"""Kinds of errors; the load's are failed requests, as its users see them."""

_BYTES_PER_MB = 1_000_000
_SECONDS_PER_DAY = 86_400

_encode = json.JSONEncoder(allow_nan=False).encode


class Tracker:
    """
    Writes errors and timings of one process, and of its forks.

    Args:
        directory: Where the logs are; made with the first record.
        run_id: Id of the load test that this process takes part in; may be set later.
        limits: Limits of the logs' segments.
        secrets: Texts that are hidden in every record.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        directory: Path,
        *,
        run_id: str = "",
        limits: SegmentLimits = DEFAULT_LIMITS,
        secrets: Collection[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.run_id = run_id
        self._secrets = tuple(secret for secret in secrets if secret)
        self._clock = clock
        self._errors = Journal(directory, ERRORS, limits, clock)
        self._performance = Journal(directory, PERFORMANCE, limits, clock)

    @property
    def lost(self) -> int:
        """Records that could not be written, since the process began."""
        return self._errors.lost + self._performance.lost

    def log_api_error(self, route: str, error: object, **context: object) -> None:
        """Write an error of a route; *error* is an exception or a text. See `log_error`."""
        self.log_error(API, route, error, context)

    def log_llm_error(self, route: str, error: object, **context: object) -> None:
        """Write an error of the language model."""
        self.log_error(LLM, route, error, context)

    def log_database_error(self, route: str, error: object, **context: object) -> None:
        """Write an error of the database."""
        self.log_error(DATABASE, route, error, context)

    def log_error(self, kind: str, route: str, error: object, context: Mapping[str, object]) -> None:
        """
        Write an error.

        Args:
            kind: ``api``, ``llm``, ``database`` or ``load``.
            route: A template, ``/onboarding/{qr_token}``: paths hold tokens.
            error: An exception, whose type and stack are written too; or a text.
            context: ``tenant_id``, ``development_id``, ``house_id``, ``status``, ``step`` and the like become fields.
        """
        self._write(self._errors, kind, route, lambda: describe_error(error, self._secrets), context)

    def log_performance(
        self, route: str, total_ms: float, steps_ms: Mapping[str, float], **context: object
    ) -> None:
        """Write how long a route and each of its named steps took."""

        def describe() -> dict[str, Any]:
            steps = {name: round(value, 3) for name, value in steps_ms.items()}
            return {"total_ms": round(total_ms, 3), "steps_ms": steps}

        self._write(self._performance, PERFORMANCE, route, describe, context)

    def _write(
        self,
        journal: Journal,
        kind: str,
        route: str,
        describe: Callable[[], Mapping[str, Any]],
        context: Mapping[str, object],
    ) -> None:
        fields: dict[str, Any] = {"time": timestamp(self._clock())}
        try:
            fields["kind"] = kind
            fields["route"] = clean_text(route, self._secrets, LONGEST_VALUE)
            fields |= describe()
            if self.run_id:
                fields["run_id"] = self.run_id
            fields |= describe_context(context, self._secrets)
            record = _encode(fields)
        except Exception as error:  # noqa: BLE001 - the caller must not see any
            fields = {"time": fields["time"], "kind": f"{kind}", "route": fields.get("route", "")}
            record = _encode(fields | {"message": f"[cannot be described: {type(error).__name__}]"})
        journal.append(record.encode("ascii"))


class PerformanceTimer:
    """
    Times a route and its named steps.

    In a ``with`` block, one record is written when the block ends, also with an exception. Without a block, each `end`
    writes a record of what has been timed so far.

    Args:
        route: A template.
        context: As for errors.
    """

    def __init__(self, route: str, **context: object) -> None:
        self._route = route
        self._context = context
        self._steps_ms: dict[str, float] = {}
        self._in_block = False
        self._started_s = self._ended_s = time.perf_counter()

    def end(self, step: str) -> float:
        """
        End a step, which began with the timer or at the end of the step before; returns its milliseconds.

        Steps of the same name are added up.
        """
        now_s = time.perf_counter()
        took_ms = (now_s - self._ended_s) * 1000
        self._ended_s = now_s
        self._steps_ms[step] = self._steps_ms.get(step, 0.0) + took_ms
        if not self._in_block:
            self._log(now_s)
        return took_ms

    def __enter__(self) -> Self:
        self._in_block = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._in_block = False
        failed = {} if kind is None else {"failed": kind.__name__}
        self._log(time.perf_counter(), **failed)

    def _log(self, now_s: float, **more: object) -> None:
        total_ms = (now_s - self._started_s) * 1000
        process_tracker().log_performance(self._route, total_ms, self._steps_ms, **{**self._context, **more})


def build_tracker(settings: Settings, run_id: str = "") -> Tracker:
    """A tracker with the ``[monitoring]`` settings, which hides the session secret."""
    monitoring, secret = settings.monitoring, settings.session_secret
    return Tracker(
        monitoring.log_dir,
        run_id=run_id,
        limits=SegmentLimits(
            segment_bytes=round(monitoring.segment_mb * _BYTES_PER_MB),
            keep_s=monitoring.keep_days * _SECONDS_PER_DAY,
        ),
        secrets=[] if secret is None else [secret.get_secret_value()],
    )


_configured: list[Tracker] = []


def configure_tracker(tracker: Tracker) -> None:
    """Let this module's functions write to *tracker*, in this process."""
    _configured[:] = [tracker]


def process_tracker() -> Tracker:
    """This process's tracker; made from the settings where none was configured."""
    if not _configured:
        _configured.append(_default_tracker())
    return _configured[0]


def _default_tracker() -> Tracker:
    from conf.loading import load_settings  # noqa: PLC0415 - not wanted where a tracker was configured

    try:
        return build_tracker(load_settings())
    except Exception:  # noqa: BLE001 - the command reports mistakes in the settings, not a log
        return Tracker(Path(os.environ.get("LOADTEST_LOG_DIR") or "logs"))


def log_api_error(route: str, error: object, **context: object) -> None:
    """Write an error of a route with this process's tracker."""
    process_tracker().log_api_error(route, error, **context)


def log_llm_error(route: str, error: object, **context: object) -> None:
    """Write an error of the language model with this process's tracker."""
    process_tracker().log_llm_error(route, error, **context)


def log_database_error(route: str, error: object, **context: object) -> None:
    """Write an error of the database with this process's tracker."""
    process_tracker().log_database_error(route, error, **context)
