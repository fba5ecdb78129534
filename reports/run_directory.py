"""A run directory, read: every file of it once, and all that is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conf.errors import LoadTestError
from reports.health_log import load_health
from reports.locust_csv import load_exceptions, load_failures, load_stats, load_users
from reports.manifest import load_manifest
from reports.measurement_log import load_measurements
from reports.memory_log import load_memory
from reports.tracked_errors import load_tracked_errors

if TYPE_CHECKING:
    from pathlib import Path

    from reports.health_log import Readings
    from reports.locust_csv import FailureRow, StatsRow
    from reports.manifest import Manifest
    from reports.measurement_log import Measurements
    from reports.record import MemoryRow, Problem, TrackedErrors

MANIFEST = "manifest.json"
MEASUREMENTS = "measurements.hlog"
MEMORY = "memory.csv"
HEALTH = "health.csv"
HISTORY = "locust_stats_history.csv"
_OWN_PREFIX = "locust"
_STATS_ENDING = "_stats.csv"


@dataclass(frozen=True, slots=True)
class RunFiles:
    """
    What the files of a run say.

    Args:
        run_id: The directory's name.
        own: Whether this suite made the run; if not, there are only Locust's CSV files.
        exceptions: What user classes raised instead of finishing: how often, and the message.
        users: Moment in seconds since the epoch, and users then.
        problems: What is wrong with the files, and what the manifest lists.
        tracked: What was written down while the run went on.
        finished: Whether there is anything to reconcile; a run under way has no statistics yet.
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


def load_run(run_dir: Path) -> RunFiles:
    """
    Read a run directory of this suite, or a directory with the CSV files of any Locust run.

    A file that is missing or damaged becomes a problem; what could be read is there all the same.

    Raises:
        LoadTestError: *run_dir* is no directory, or holds nothing of a run, or several Locust runs.
    """
    try:
        names = {path.name for path in run_dir.iterdir()}
    except FileNotFoundError:
        raise LoadTestError(f"{run_dir}: there is no such directory", "List the runs: ls runs") from None
    except OSError as error:
        raise LoadTestError(
            f"{run_dir}: cannot be read: {error.strerror}", "Name a run directory: ls runs"
        ) from error
    own = bool({MANIFEST, MEASUREMENTS} & names)
    prefix = _OWN_PREFIX if own else _only_prefix(run_dir, names)

    problems: list[Problem] = []
    stats = load_stats(run_dir / f"{prefix}{_STATS_ENDING}", problems)
    return RunFiles(
        run_id=run_dir.resolve().name,
        own=own,
        stats=tuple(stats),
        failures=tuple(load_failures(run_dir / f"{prefix}_failures.csv", stats, problems, own=own)),
        exceptions=tuple(load_exceptions(run_dir / f"{prefix}_exceptions.csv", problems, own=own)),
        measurements=load_measurements(run_dir / MEASUREMENTS, problems) if own else {},
        memory=tuple(load_memory(run_dir / MEMORY, problems)) if own else (),
        health=tuple(load_health(run_dir / HEALTH, problems)) if own else (),
        users=tuple(load_users(run_dir / HISTORY)) if own else (),
        manifest=load_manifest(run_dir / MANIFEST, problems) if own else None,
        problems=tuple(problems),
        tracked=tuple(load_tracked_errors(run_dir)) if own else (),
    )


def _only_prefix(run_dir: Path, names: set[str]) -> str:
    prefixes = sorted(name.removesuffix(_STATS_ENDING) for name in names if name.endswith(_STATS_ENDING))
    match prefixes:
        case [prefix]:
            return prefix
        case []:
            raise LoadTestError(
                f"{run_dir}: holds neither {MANIFEST} nor a Locust …{_STATS_ENDING}",
                "Name a run directory (ls runs), or a directory that locust --csv wrote to.",
            )
    raise LoadTestError(
        f"{run_dir}: holds the CSV files of several Locust runs: {', '.join(prefixes)}",
        f"Copy one run into a directory of its own: cp {run_dir}/{prefixes[0]}_*.csv DIRECTORY",
    )
