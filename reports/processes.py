"""The record's figures of processes: the memory of each, and the health of those that generated load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conf.metric import MetricKind

if TYPE_CHECKING:
    from conf.metric import Metric
    from reports.statistics.distribution import Latency


@dataclass(frozen=True, slots=True)
class Slope:
    """How quickly memory grows, in MB per hour, with its 95 % interval."""

    mb_per_hour: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """
    Resident memory of one process; MB are 10**6 bytes.

    Args:
        series_mb: The largest value in each of at most 60 consecutive parts of the run.
        slope: MB per hour (Theil-Sen, 95 % interval); None with fewer than ten samples.
    """

    process: str
    samples: int
    first_mb: float
    last_mb: float
    peak_mb: float
    series_mb: tuple[float, ...]
    slope: Slope | None = None

    def value(self, metric: Metric) -> float | None:
        """The value of *metric* in its unit; None where it is not known."""
        if metric.kind is MetricKind.RSS_SLOPE:
            return self.slope.mb_per_hour if self.slope else None
        return self.peak_mb


@dataclass(frozen=True, slots=True)
class HealthRow:
    """
    A process that generated load: what it measured of itself.

    Args:
        cpu_mean_ratio: Share of one core over the run.
        cpu_peak_ratio: Largest share in one reading.
        open_files_peak: Files and sockets open at once, at most.
        open_files_limit: How many it may have; None where unknown.
        lag: How late its event loop was, in milliseconds: up to that much of a latency is the generator's own time.
            None where it was never sampled.
    """

    process: str
    readings: int
    cpu_mean_ratio: float
    cpu_peak_ratio: float
    open_files_peak: int
    open_files_limit: int | None
    lag: Latency | None
