"""The files that a run leaves behind, opened before the first request and complete after the last."""

from __future__ import annotations

from locust import stats as locust_stats

import csv
import json
from typing import TYPE_CHECKING, Any, Self

import gevent

from conf.run_directory import unwritable
from monitoring.measurement import MeasurementLog

if TYPE_CHECKING:
    from locust.env import Environment

    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from hdrh.histogram import HdrHistogram

    from locustfiles._messages import Report

MANIFEST = "manifest.json"
_CSV_PREFIX = "locust"
_HEALTH_COLUMNS = ("cpu_ratio", "open_files", "lag_p99_ms", "lag_max_ms")


class RunDirectory:
    """
    ``runs/<UTC time>-<journey>/`` while the run goes on.

    Args:
        path: Exists, and is writable.
        environment: Locust's, whose statistics become CSV files.
        started_at: Start of the run.
    """

    def __init__(self, path: Path, environment: Environment, started_at: datetime) -> None:
        self.path = path
        self._environment = environment
        self._measurements = (path / "measurements.hlog").open("x", encoding="ascii")
        self._memory = (path / "memory.csv").open("x", encoding="utf-8", newline="")
        self._memory_csv = csv.writer(self._memory)
        self._memory_csv.writerow(["time", "process", "rss_bytes"])
        self._health = (path / "health.csv").open("x", encoding="utf-8", newline="")
        self._health_csv = csv.writer(self._health)
        self._health_csv.writerow(["time", "process", *_HEALTH_COLUMNS])
        self.log = MeasurementLog(self._measurements, started_at)
        self._csv = locust_stats.StatsCSVFileWriter(
            environment, locust_stats.PERCENTILES_TO_REPORT, str(path / _CSV_PREFIX)
        )
        self._csv_greenlet = gevent.spawn(self._csv.stats_writer)

    @classmethod
    def create(cls, path: Path, environment: Environment, started_at: datetime) -> Self:
        """
        Make the directory and open its files.

        Raises:
            LoadTestError: It cannot be written.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            return cls(path, environment, started_at)
        except OSError as error:
            raise unwritable(path, error) from error

    def add_memory(self, now: datetime, rss_bytes: Mapping[str, int]) -> None:
        """Write one reading of each process."""
        self._memory_csv.writerows(
            [f"{now.timestamp():.3f}", process, rss] for process, rss in rss_bytes.items()
        )

    def add_health(self, now: datetime, process: str, report: Report, lag: HdrHistogram) -> None:
        """Write one reading of a process that generates load; *lag* is of the time since the one before."""
        lags_ms = (lag.get_value_at_percentile(99) / 1000, lag.get_max_value() / 1000)
        self._health_csv.writerow(
            [f"{now.timestamp():.3f}", process, f"{report.cpu_ratio:.3f}", report.open_files]
            + [f"{value:.3f}" for value in lags_ms]
        )

    def close(self, manifest: dict[str, Any], ended_at: datetime) -> None:
        """Write what is still held, Locust's statistics as they stand now, and the manifest last."""
        self.log.write_interval(ended_at)
        self._measurements.close()
        self._memory.close()
        self._health.close()
        self._csv_greenlet.kill()
        self._csv.close_files()
        write_locust_csv(self._environment, str(self.path / _CSV_PREFIX))
        (self.path / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def write_locust_csv(environment: Environment, prefix: str) -> None:
    """
    Write Locust's statistics in its own format, complete.

    Locust itself writes them every second and never at the end: what came after the last time is lost.
    """
    writer = locust_stats.StatsCSV(environment, locust_stats.PERCENTILES_TO_REPORT)
    for name, write in (
        ("stats", writer.requests_csv),
        ("failures", writer.failures_csv),
        ("exceptions", writer.exceptions_csv),
    ):
        with open(f"{prefix}_{name}.csv", "w", encoding="utf-8", newline="") as file:  # noqa: PTH123 - a prefix, not a path
            write(csv.writer(file))
