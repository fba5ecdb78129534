"""``health.csv``: what the processes that generate load measured of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from conf.run_directory import HEALTH_FIGURES, PROCESS, TIME
from reports.processes import HealthRow
from reports.reading.table import load_numbers
from reports.statistics.distribution import Latency

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from reports.manifest import Manifest, Process
    from reports.problem import Problem

_NUMBERS = [TIME, *HEALTH_FIGURES]


@dataclass(frozen=True, slots=True)
class Readings:
    """
    One process over the run, in the order of time; arrays of the same length.

    Args:
        time_s: Seconds since the epoch; a reading covers the time since the reading before.
        cpu_ratio: Share of one core.
        open_files: Open files and sockets.
        lag_p99_ms: 99th percentile of the event-loop lag.
    """

    process: str
    time_s: NDArray[np.float64]
    cpu_ratio: NDArray[np.float64]
    open_files: NDArray[np.float64]
    lag_p99_ms: NDArray[np.float64]


def load_health(path: Path, problems: list[Problem]) -> list[Readings]:
    """Read the readings of each process."""
    table = load_numbers(path, [PROCESS], _NUMBERS, problems)
    return [_readings(str(process), group) for process, group in table.groupby(PROCESS, sort=False)]


def _readings(process: str, group: pd.DataFrame) -> Readings:
    ordered = group.sort_values(TIME, kind="stable")
    columns = (ordered[name].to_numpy(dtype=np.float64) for name in _NUMBERS[:-1])
    return Readings(process, *columns)


def build_health_rows(readings: list[Readings], manifest: Manifest | None) -> list[HealthRow]:
    """One row per process; the manifest gives its lag over the whole run, and its limit of files."""
    processes = {process.id: process for process in manifest.processes} if manifest else {}
    return [_row(one, processes.get(one.process)) for one in readings]


def _row(one: Readings, process: Process | None) -> HealthRow:
    lag = process.lag_ms if process else None
    lengths_s = np.diff(one.time_s, prepend=one.time_s[0] - 1)
    return HealthRow(
        process=one.process,
        readings=len(one.time_s),
        cpu_mean_ratio=float(np.average(one.cpu_ratio, weights=np.maximum(lengths_s, 1e-3))),
        cpu_peak_ratio=float(one.cpu_ratio.max()),
        open_files_peak=int(one.open_files.max()),
        open_files_limit=process.open_files_limit if process else None,
        lag=Latency(p50_ms=lag.p50, p95_ms=lag.p95, p99_ms=lag.p99, max_ms=lag.max) if lag else None,
    )
