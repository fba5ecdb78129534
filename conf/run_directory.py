"""The run directory and the names in it, which the command, Locust's processes and the reports share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.errors import LoadTestError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from conf.operations import Journey

RUN_DIR_VARIABLE = "LOADTEST_RUN_DIR"
"""Variable with the run directory for Locust's process; without it, that process chooses one."""
PROGRESS_VARIABLE = "LOADTEST_PROGRESS_FD"
"""Variable with the file descriptor on which Locust's process reports progress."""

MANIFEST = "manifest.json"
MEASUREMENTS = "measurements.hlog"
MEMORY = "memory.csv"
HEALTH = "health.csv"
LOG = "locust.log"
RUN_ERRORS = "errors.jsonl"
"""Copy of the run's errors; the tracker's log, from which they come, has the same name."""
LOCUST_PREFIX = "locust"
"""Beginning of the names of Locust's own CSV files; Locust adds what each holds."""
STATS, FAILURES, EXCEPTIONS, HISTORY = (
    f"{LOCUST_PREFIX}_{holds}.csv" for holds in ("stats", "failures", "exceptions", "stats_history")
)

TIME, PROCESS = "time", "process"
"""The first columns of ``memory.csv`` and ``health.csv``: seconds since the epoch, and the process."""
RSS_BYTES = "rss_bytes"
HEALTH_FIGURES = ("cpu_ratio", "open_files", "lag_p99_ms", "lag_max_ms")


def run_directory(output_dir: Path, journeys: Iterable[Journey], started_at: datetime) -> Path:
    """``<output_dir>/<UTC time>-<journey>``, followed by a number where that directory exists already."""
    name = f"{started_at:%Y%m%dT%H%M%SZ}-{'+'.join(journeys)}"
    path = output_dir / name
    number = 2
    while path.exists():
        path = output_dir / f"{name}-{number}"
        number += 1
    return path


def unwritable(directory: Path, error: OSError) -> LoadTestError:
    """The error for a run directory that cannot be made or written."""
    return LoadTestError(
        f"run.output_dir: {directory} cannot be written: {error.strerror}",
        "Choose another: loadtest run … --output-dir DIR, or LOADTEST_OUTPUT_DIR=DIR locust -f …",
    )
