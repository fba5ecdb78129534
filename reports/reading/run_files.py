"""A run directory, read: every file once, and all problems of the files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conf.errors import LoadTestError
from conf.run_directory import (
    EXCEPTIONS,
    FAILURES,
    HEALTH,
    HISTORY,
    MANIFEST,
    MEASUREMENTS,
    MEMORY,
    STATS,
)
from reports.manifest_file import load_manifest
from reports.own_files import is_own_run
from reports.reading.csv_files import CsvFiles, find_csv_files
from reports.reading.health_log import load_health
from reports.reading.locust_csv import load_exceptions, load_failures, load_stats, load_users
from reports.reading.measurement_log import load_measurements
from reports.reading.memory_log import load_memory
from reports.reading.tracked_errors import load_tracked_errors

if TYPE_CHECKING:
    from pathlib import Path

    from reports.manifest import Manifest
    from reports.problem import Problem
    from reports.processes import MemoryRow
    from reports.reading.health_log import Readings
    from reports.reading.locust_csv import FailureRow, StatsRow
    from reports.reading.measurement_log import Measurements
    from reports.record import TrackedErrors


@dataclass(frozen=True, slots=True)
class RunFiles:
    """
    What the files of a run say.

    Args:
        run_id: The directory's name.
        own: Whether this suite made the run; if not, there are only Locust's CSV files.
        total: Locust's sum of all rows; None where it is missing, and for a run in progress.
        exceptions: Exceptions that user classes raised: how often, and the message.
        users: Moments in seconds since the epoch, with the number of users.
        problems: Problems of the files, and problems that the manifest lists.
        tracked: Errors that were logged during the run.
        path: Path of the directory, as it was given; empty for a run in progress.
        finished: Whether the run is over; a run in progress has no statistics to reconcile yet.
    """

    run_id: str
    own: bool
    manifest: Manifest | None
    stats: tuple[StatsRow, ...]
    failures: tuple[FailureRow, ...]
    exceptions: tuple[tuple[int, str], ...]
    measurements: Measurements
    memory: tuple[MemoryRow, ...]
    health: tuple[Readings, ...]
    users: tuple[tuple[float, int], ...]
    problems: tuple[Problem, ...]
    tracked: tuple[TrackedErrors, ...] = ()
    finished: bool = True
    total: StatsRow | None = None
    path: str = ""


def load_run(run_dir: Path) -> RunFiles:
    """
    Read a run directory of this suite, or a directory with the CSV files of any Locust run.

    A missing or damaged file becomes a problem; everything that could be read is returned all the same.

    Raises:
        LoadTestError: *run_dir* is no directory, or holds nothing of a run, or several Locust runs.
    """
    try:
        next(run_dir.iterdir(), None)
    except FileNotFoundError:
        raise LoadTestError(f"{run_dir}: there is no such directory", "List the runs: ls runs") from None
    except OSError as error:
        raise LoadTestError(
            f"{run_dir}: cannot be read: {error.strerror}", "Name a run directory: ls runs"
        ) from error
    own = is_own_run(run_dir)
    files = _own_files(run_dir) if own else find_csv_files(run_dir)

    problems: list[Problem] = []
    stats, total = load_stats(files.stats, problems, own=own, distribution=files.distribution)
    return RunFiles(
        run_id=run_dir.resolve().name,
        path=str(run_dir),
        own=own,
        stats=tuple(stats),
        total=total,
        failures=tuple(load_failures(files.failures, stats, problems, own=own)),
        exceptions=tuple(load_exceptions(files.exceptions, problems, own=own)),
        measurements=load_measurements(run_dir / MEASUREMENTS, problems) if own else {},
        memory=tuple(load_memory(run_dir / MEMORY, problems)) if own else (),
        health=tuple(load_health(run_dir / HEALTH, problems)) if own else (),
        users=tuple(load_users(run_dir / HISTORY)) if own else (),
        manifest=load_manifest(run_dir / MANIFEST, problems) if own else None,
        problems=tuple(problems),
        tracked=tuple(load_tracked_errors(run_dir)) if own else (),
    )


def _own_files(run_dir: Path) -> CsvFiles:
    return CsvFiles(*(run_dir / name for name in (STATS, FAILURES, EXCEPTIONS)))
