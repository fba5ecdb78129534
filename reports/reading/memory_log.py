"""``memory.csv``: resident memory of the processes of a run, sampled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from conf.run_directory import PROCESS, RSS_BYTES, TIME
from conf.subject import PORTAL
from reports.processes import MemoryRow, Slope
from reports.reading.table import load_numbers
from reports.statistics.certainty import Z_95

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from reports.problem import Problem

BYTES_PER_MB = 1_000_000
"""A megabyte is 10**6 bytes, here and in the thresholds: the stricter of its two meanings."""
_POINTS = 60
_LEAST_FOR_SLOPE = 10
_MOST_FOR_SLOPE = 400


def load_memory(path: Path, problems: list[Problem]) -> list[MemoryRow]:
    """Read the samples of each process, in the order of their time; the portal comes first."""
    table = load_numbers(path, [PROCESS], [TIME, RSS_BYTES], problems)
    rows = []
    for process, group in table.groupby(PROCESS, sort=False):
        ordered = group.sort_values(TIME, kind="stable")
        columns = (ordered[name].to_numpy(dtype=np.float64) for name in (TIME, RSS_BYTES))
        rows.append(build_memory_row(str(process), *columns))
    return portal_first(rows)


def portal_first(rows: Iterable[MemoryRow]) -> list[MemoryRow]:
    """The rows with the portal's first, since its memory is what a reader looks for."""
    return sorted(rows, key=lambda row: row.process != PORTAL)


def build_memory_row(process: str, time_s: NDArray[np.float64], rss_bytes: NDArray[np.float64]) -> MemoryRow:
    """One process from its samples, in the order of time; each array has a value for each of at least one sample."""
    rss_mb = rss_bytes / BYTES_PER_MB
    parts = np.array_split(rss_mb, min(_POINTS, len(rss_mb)))
    return MemoryRow(
        process=process,
        samples=len(rss_mb),
        first_mb=float(rss_mb[0]),
        last_mb=float(rss_mb[-1]),
        peak_mb=float(rss_mb.max()),
        series_mb=tuple(float(part.max()) for part in parts),
        slope=_slope(time_s, rss_mb),
    )


def _slope(time_s: NDArray[np.float64], rss_mb: NDArray[np.float64]) -> Slope | None:
    """
    The median of the slopes between all pairs of samples (Theil 1950, Sen 1968): a single peak does not bend it.
    scipy.stats has it too, but takes a second to import.

    Of a long run only every n-th sample is taken, which bounds the number of pairs.
    """
    step = -(-len(rss_mb) // _MOST_FOR_SLOPE)
    hours, values = time_s[::step] / 3600, rss_mb[::step]
    if len(values) < _LEAST_FOR_SLOPE or hours[0] == hours[-1]:
        return None
    earlier, later = np.triu_indices(len(hours), k=1)
    apart = hours[later] > hours[earlier]
    slopes = np.sort(((values[later] - values[earlier])[apart]) / (hours[later] - hours[earlier])[apart])
    reach = Z_95 * math.sqrt(_rank_variance(hours, values))
    low, high = round((len(slopes) - reach) / 2), round((len(slopes) + reach) / 2)
    return Slope(
        float(np.median(slopes)),
        float(slopes[max(low - 1, 0)]),
        float(slopes[min(high, len(slopes) - 1)]),
    )


def _rank_variance(*columns: NDArray[np.float64]) -> float:
    """
    The variance of Kendall's rank correlation of independent values, times that of all pairs; equal values lower it.

    Sen, Journal of the American Statistical Association 63 (1968), equation 2.6.
    """

    def term(count: NDArray[np.int64]) -> int:
        return int((count * (count - 1) * (2 * count + 5)).sum())

    equal = sum(term(np.unique(column, return_counts=True)[1]) for column in columns)
    return max(term(np.array([len(columns[0])])) - equal, 0) / 18
