"""The verdict so far, for people who watch a run."""

from __future__ import annotations

from locust.stats import StatsError

from time import monotonic
from typing import TYPE_CHECKING

from gevent.lock import RLock
from gevent.threadpool import ThreadPool

from monitoring.run_metrics import RunMetrics, render
from reports.live import LiveRun
from swarm.owner.exposition import build_run_metrics, build_totals
from swarm.owner.manifest import build_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from reports.manifest import PoolSeen
    from reports.record import Verdict
    from swarm.owner.exposition import Totals
    from swarm.owner.run import Run

_FRESH_S = 2.0
_PAUSE_RATIO = 10
"""After judging, wait this many times as long as it took. Judging slows down with the run, and workers need the owner."""


class LiveView:
    """
    Judges the run under way on request, at most every two seconds, and remembers the last run that ended.

    Judging takes some hundredths of a second, and after a day a second or two; then it is done less often. It has a
    thread of its own, so that the event loop goes on, which may be making the load.

    Args:
        clock: Monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._thread = ThreadPool(1)
        self._judging = RLock()
        self._run: Run | None = None
        self._collected = LiveRun()
        self._verdict: Verdict | None = None
        self._stale_at = float("-inf")
        self.report: Path | None = None
        """Report of the last run that ended; None while a run is under way, and before the first."""

    def begin(self) -> LiveRun:
        """Begin to show a new run; its measurements go into the returned object."""
        self._collected, self._run, self._verdict, self.report = LiveRun(), None, None, None
        self._stale_at = float("-inf")
        return self._collected

    def watch(self, run: Run) -> None:
        """Show the run that has begun."""
        self._run = run

    def end(self, verdict: Verdict, report: Path) -> None:
        """Show the verdict and report of the run, which is over."""
        self._verdict, self.report = verdict, report

    def verdict(self) -> Verdict | None:
        """The verdict as of a moment ago; None before the first run."""
        with self._judging:
            run = self._run
            if run is not None and self.report is None and self._clock() >= self._stale_at:
                began_s = self._clock()
                manifest, failures = build_manifest(run, run.clock.now()), list(_failures(run))
                judged = self._thread.apply(self._collected.judge, (manifest, failures))
                if run is self._run and self.report is None:  # the run may have ended meanwhile
                    self._verdict, now_s = judged, self._clock()
                    self._stale_at = now_s + max(_FRESH_S, _PAUSE_RATIO * (now_s - began_s))
            return self._verdict

    def pool(self) -> PoolSeen | None:
        """Readings of the portal's pool of database connections; None where it was not read."""
        return None if self._run is None else self._run.portal.pool()

    def metrics_page(self) -> bytes:
        """The run under way, or else the last one, in Prometheus's text format."""
        verdict, run = self.verdict(), self._run
        if verdict is None or run is None:
            return render(RunMetrics())
        totals = self._thread.apply(self._totals)
        return render(build_run_metrics(run, verdict, totals))

    def keep_up(self) -> None:
        """Start to merge the results that have arrived, since no verdict may be requested for hours."""
        self._thread.spawn(self._collected.measurements)

    def _totals(self) -> Totals:
        return build_totals(self._collected.measurements())


def _failures(run: Run) -> Iterator[tuple[str, str, str, int]]:
    """Failures as Locust groups them: method, name, error, and count."""
    for error in run.environment.stats.errors.values():
        yield error.method, error.name, StatsError.parse_error(error.error), error.occurrences
