"""Whether a load generator was itself at its limits: the figures then describe it, not the portal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from reports.problem import Problem, ProblemCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from conf.settings import GeneratorSettings
    from reports.processes import HealthRow
    from reports.reading.health_log import Readings

_MORE_PROCESSES = "Spread the load: more processes (--processes N), or workers on other machines."


def assess_saturation(
    readings: Iterable[Readings], rows: Iterable[HealthRow], limits: GeneratorSettings
) -> list[Problem]:
    """A problem for each limit that a process exceeded, with the first moment at which it did."""
    summaries = {row.process: row for row in rows}
    return [problem for one in readings for problem in _assess_process(one, summaries[one.process], limits)]


def _assess_process(one: Readings, row: HealthRow, limits: GeneratorSettings) -> Iterator[Problem]:
    busy_since = _first_stretch(one.time_s, one.cpu_ratio > limits.cpu_ratio, limits.cpu_for_s)
    if busy_since is not None:
        yield Problem(
            ProblemCode.GENERATOR_SATURATED,
            f"{one.process}: the load generator used more than {limits.cpu_ratio:.0%} of a core for "
            f"{limits.cpu_for_s:g} s and longer",
            _MORE_PROCESSES,
            _moment(busy_since),
        )
    if row.lag is not None and row.lag.p95_ms is not None and row.lag.p95_ms > limits.lag_p95_ms:
        late = np.flatnonzero(one.lag_p99_ms > limits.lag_p95_ms)
        yield Problem(
            ProblemCode.GENERATOR_SATURATED,
            f"{one.process}: the load generator's event loop was late by {row.lag.p95_ms:,.0f} ms (p95; at most "
            f"{limits.lag_p95_ms:g} ms): latencies are longer by that much",
            _MORE_PROCESSES,
            _moment(one.time_s[late[0]]) if len(late) else "",
        )
    if row.open_files_limit and row.open_files_peak > limits.open_files_ratio * row.open_files_limit:
        full = np.flatnonzero(one.open_files > limits.open_files_ratio * row.open_files_limit)
        yield Problem(
            ProblemCode.GENERATOR_SATURATED,
            f"{one.process}: {row.open_files_peak:,} files and sockets were open, of {row.open_files_limit:,} allowed",
            "Allow more (ulimit -n 65536), or spread the load over more processes.",
            _moment(one.time_s[full[0]]),
        )


def _first_stretch(time_s: NDArray[np.float64], above: NDArray[np.bool_], least_s: float) -> float | None:
    """The begin of the first stretch of at least *least_s* in which all readings are *above*; None without one."""
    began: float | None = None
    for previous_s, now_s, is_above in zip(time_s[:-1], time_s[1:], above[1:], strict=True):
        if not is_above:
            began = None
            continue
        began = float(previous_s) if began is None else began
        if now_s - began >= least_s:
            return began
    return None


def _moment(time_s: float) -> str:
    return datetime.fromtimestamp(float(time_s), UTC).isoformat(timespec="seconds")
