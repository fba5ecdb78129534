"""Whether the load was made as planned, and whether the files of a run agree about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.run_directory import EXCEPTIONS
from reports.judgement.reconciliation import reconcile
from reports.problem import Problem, ProblemCode
from reports.state import State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reports.finding import Finding
    from reports.manifest import ArrivalsMade
    from reports.reading.run_files import RunFiles

_MISSED_TOLERATED = 0.01
"""Share of planned starts that may be missing."""
_LAST_MOMENT_S = 0.1
"""Starts of the run's last moment, and one in each process, may be missing too: the run ended before them."""


def assess_load(run: RunFiles, findings: Iterable[Finding]) -> list[Problem]:
    """Problems where the files of a run contradict each other, and where the load itself failed."""
    if not run.own:
        unlisted = unlisted_failures(run)
        if unlisted is None or any(finding.state is State.FAIL for finding in findings):
            return _raised(run)
        next_step = "Put the file of the same run into the directory: locust --csv writes it, and its web UI offers it."
        return [Problem(ProblemCode.DAMAGED_FILE, unlisted, next_step), *_raised(run)]
    problems = reconcile(run.measurements, run.stats) if run.finished else []
    arrivals = run.manifest.arrivals if run.manifest else None
    if run.manifest and arrivals and arrivals.missed > _tolerated(arrivals, len(run.manifest.processes)):
        problems.append(
            Problem(
                ProblemCode.MISSED_STARTS,
                f"{arrivals.missed:,} of {arrivals.begun + arrivals.missed:,} planned starts were not made: all users "
                "were busy",
                "The portal was too slow for this arrival rate, or the profile's users are too few: compare the "
                "latencies from the planned start, then lower arrival_rate or raise users.",
            )
        )
    if run.manifest and run.manifest.held_back:
        problems.append(
            Problem(
                ProblemCode.HELD_BACK,
                f"{run.manifest.held_back:,} requests had to wait for target.max_requests_per_second: less load than the "
                "users would have made",
                "Ask for fewer users, or raise it, if the target's operator agrees.",
            )
        )
    return problems + _raised(run)


def unlisted_failures(run: RunFiles) -> str | None:
    """Why another project's failures are unknown, else None: a FAIL needs no messages of failures, a PASS does."""
    failed = sum(row.failures for row in run.stats)
    if not failed or run.failures or run.problems:
        return None
    return f"The messages of the {failed:,} failures are not known: no file (…_failures.csv) lists them"


def _raised(run: RunFiles) -> list[Problem]:
    if not run.exceptions:
        return []
    times, message = sum(times for times, _ in run.exceptions), run.exceptions[0][1]
    place = EXCEPTIONS if run.own else "The exceptions"
    return [
        Problem(
            ProblemCode.EXCEPTIONS,
            f"{place}: the load itself failed {times:,} times, first with: {message}",
            "Requests may be missing because of it: correct the cause, and run the load again.",
        )
    ]


def _tolerated(arrivals: ArrivalsMade, processes: int) -> float:
    last_moment = processes + arrivals.per_second * _LAST_MOMENT_S
    return max(_MISSED_TOLERATED * (arrivals.begun + arrivals.missed), last_moment)
