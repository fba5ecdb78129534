"""Removes secrets from the failures and exceptions that Locust keeps for its CSV files, its report and its web UI."""

from __future__ import annotations

from locust.runners import Runner
from locust.stats import StatsError

from functools import lru_cache
from typing import Any

from monitoring.redaction.redact import redact


def clean_results() -> None:
    """Make Locust redact each error's text when it makes it, and each exception when it stores it. Call this once."""
    StatsError.parse_error = classmethod(_parse_error)  # type: ignore[method-assign, assignment]  # all output of errors calls it
    Runner.log_exception = _log_exception  # type: ignore[method-assign]  # called for a worker's exceptions too


_parse_as_locust_does: Any = StatsError.parse_error
_log_as_locust_does = Runner.log_exception
_redact = lru_cache(maxsize=1024)(redact)
"""Cached, since the same failure comes again and again."""


def _parse_error(_: type[StatsError], error: Exception | str | None) -> str:
    return _redact(_parse_as_locust_does(error))


def _log_exception(self: Runner, node_id: str, msg: str, formatted_tb: str) -> None:
    _log_as_locust_does(self, node_id, redact(str(msg)), redact(str(formatted_tb)))
