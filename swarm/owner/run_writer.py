"""Writes the files of a run: opened before the first request, and complete after the last."""

from __future__ import annotations

from locust import stats as locust_stats

import csv
import errno
import os
import tempfile
from contextlib import ExitStack, suppress
from functools import partial
from io import TextIOWrapper
from typing import IO, TYPE_CHECKING, Self

import gevent

from conf.errors import LoadTestError
from conf.run_directory import (
    EXCEPTIONS,
    FAILURES,
    HEALTH,
    HEALTH_FIGURES,
    HISTORY,
    LOCUST_PREFIX,
    MANIFEST,
    MEASUREMENTS,
    MEMORY,
    PROCESS,
    RSS_BYTES,
    RUN_DIR_VARIABLE,
    STATS,
    TIME,
    unwritable,
)
from monitoring.appending import AppendedFile
from monitoring.measurement import MeasurementLog
from reports.output import write_text

if TYPE_CHECKING:
    from locust.env import Environment

    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from hdrh.histogram import HdrHistogram

    from swarm.messages import Report

_FILES = (MEASUREMENTS, MEMORY, HEALTH)
_LOCUSTS_FILES = (STATS, HISTORY, FAILURES, EXCEPTIONS)
"""Files that Locust's own writer opens."""
_RESERVE_BYTES, _LEAST_RESERVE_BYTES = 4 << 20, 64 << 10
"""Space kept for the last interval, Locust's files, the verdict and the report; on a small disk less."""


class RunDirectory:
    """
    ``runs/<UTC time>-<journey>/`` while the run goes on.

    Args:
        path: An existing, writable directory.
        environment: Locust's; its statistics become CSV files.
        started_at: Start of the run.
    """

    def __init__(self, path: Path, environment: Environment, started_at: datetime) -> None:
        self.path = path
        self._environment = environment
        with ExitStack() as undo:
            self._reserve = undo.enter_context(_take_room(path))
            self._files = [_open(path / name, undo) for name in _FILES]
            self._begin_files(started_at)
            undo.callback(_remove, *(path / name for name in _LOCUSTS_FILES))
            self._csv = locust_stats.StatsCSVFileWriter(
                environment, locust_stats.PERCENTILES_TO_REPORT, str(path / LOCUST_PREFIX)
            )
            undo.pop_all()
        self._csv_greenlet = gevent.spawn(self._csv.stats_writer)

    def _begin_files(self, started_at: datetime) -> None:
        measurements, memory, health = self._files
        self._memory_csv, self._health_csv = csv.writer(memory), csv.writer(health)
        self._memory_csv.writerow([TIME, PROCESS, RSS_BYTES])
        self._health_csv.writerow([TIME, PROCESS, *HEALTH_FIGURES])
        self.log = MeasurementLog(measurements, started_at)
        for file in self._files:
            file.flush()

    @classmethod
    def create(cls, path: Path, environment: Environment, started_at: datetime) -> Self:
        """
        Create the directory and open its files.

        If that fails, the files created here are removed, and no others: a run that did not begin leaves nothing.

        Raises:
            LoadTestError: The directory cannot be written, or holds a run.
        """
        was_there = path.exists()
        try:
            path.mkdir(parents=True, exist_ok=True)
            for file in (path / name for name in (MANIFEST, *_FILES, *_LOCUSTS_FILES)):
                if file.exists():
                    raise LoadTestError(
                        f"{path}: a run is there already: {file.name}",
                        f"Set {RUN_DIR_VARIABLE} to a directory that does not exist yet, or begin the run once more.",
                    )
            return cls(path, environment, started_at)
        except OSError as error:
            if not was_there:
                with suppress(OSError):  # another run may have begun there meanwhile
                    path.rmdir()
            raise unwritable(path, error) from error

    def add_memory(self, now: datetime, rss_bytes: Mapping[str, int]) -> None:
        """Write one memory reading of each process."""
        self._memory_csv.writerows(
            [f"{now.timestamp():.3f}", process, rss] for process, rss in rss_bytes.items()
        )

    def add_health(self, now: datetime, process: str, report: Report, lag: HdrHistogram) -> None:
        """Write one health reading of a load-generating process; *lag* covers the time since the previous one."""
        lags_ms = (lag.get_value_at_percentile(99) / 1000, lag.get_max_value() / 1000)
        self._health_csv.writerow(
            [f"{now.timestamp():.3f}", process, f"{report.cpu_ratio:.3f}", report.open_files]
            + [f"{value:.3f}" for value in lags_ms]
        )

    def flush(self, until: datetime) -> None:
        """
        Write the buffered measurements, memory and health.

        Raises:
            OSError: A file, which the error names, could not be written.
        """
        self.log.write_interval(until)
        for file in self._files:
            file.flush()

    def close(self, ended_at: datetime) -> list[OSError]:
        """
        Write all that is still buffered, and Locust's statistics as of now.

        Returns:
            The errors of files that could not be written; all others are written.
        """
        self._reserve.close()  # this frees space for the last files
        failed: list[OSError] = []
        self._csv_greenlet.kill()
        writes: tuple[Callable[[], object], ...] = (
            partial(self.log.write_interval, ended_at),
            *(file.close for file in self._files),
            *(file.close for file in vars(self._csv).values() if isinstance(file, TextIOWrapper)),
            partial(write_locust_csv, self._environment, str(self.path / LOCUST_PREFIX)),
        )
        for write in writes:
            try:
                write()
            except OSError as error:
                failed.append(error)
        return failed

    def write_manifest(self, manifest: str) -> None:
        """
        Write the last file; without it a run counts as never finished.

        Raises:
            LoadTestError: The file could not be written.
        """
        write_text(self.path / MANIFEST, manifest)

    def rewrite_manifest(self, manifest: str) -> None:
        """Write the manifest again, after a late problem. Where that fails too, the run counts as never finished."""
        try:
            self.write_manifest(manifest)
        except LoadTestError:
            (self.path / MANIFEST).unlink(missing_ok=True)


def _remove(*files: Path) -> None:
    for file in files:
        with suppress(OSError):
            file.unlink()


def _open(path: Path, undo: ExitStack) -> AppendedFile:
    """Open a new file, which *undo* closes and removes."""
    file = AppendedFile(path)
    undo.callback(_remove, path)
    undo.callback(_close, file)
    return file


def _close(file: AppendedFile) -> None:
    with suppress(OSError):  # the disk may be full
        file.close()


def _take_room(directory: Path) -> IO[bytes]:
    """Fill some of the disk with an unnamed file. Closing it makes room for the end of a run."""
    size_bytes = _RESERVE_BYTES
    while True:
        reserve = tempfile.TemporaryFile(dir=directory, buffering=0)  # noqa: SIM115 - it outlasts this function
        try:
            if reserve.write(bytes(size_bytes)) == size_bytes:
                return reserve
            full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            full = error
        reserve.close()
        if size_bytes <= _LEAST_RESERVE_BYTES:
            raise full
        size_bytes //= 2


def write_locust_csv(environment: Environment, prefix: str) -> None:
    """
    Write Locust's complete statistics in its own format.

    Locust itself writes them every second but not at the end, and so loses the last results.
    """
    writer = locust_stats.StatsCSV(environment, locust_stats.PERCENTILES_TO_REPORT)
    for name, write in (
        (STATS, writer.requests_csv),
        (FAILURES, writer.failures_csv),
        (EXCEPTIONS, writer.exceptions_csv),
    ):
        path = prefix + name.removeprefix(LOCUST_PREFIX)
        with open(path, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123 - as in Locust
            write(csv.writer(file))
