"""A run in progress, judged as if it ended now, by the functions that judge a finished run."""

from __future__ import annotations

from collections import defaultdict, deque
from itertools import starmap
from typing import TYPE_CHECKING

import numpy as np

from monitoring.buckets import decode_histograms
from monitoring.measurement import Tag
from reports.manifest_file import noted_problems
from reports.reading.health_log import Readings
from reports.reading.locust_csv import parse_failure
from reports.reading.memory_log import build_memory_row, portal_first
from reports.reading.run_files import RunFiles
from reports.statistics.series import Series
from reports.verdict import judge_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from reports.manifest import Manifest
    from reports.reading.measurement_log import Measurements
    from reports.record import Verdict

_MOST_SAMPLES = 1000


class LiveRun:
    """
    Collects what a run's processes measure, and judges it on demand.

    `add`, `add_memory` and `add_health` only store what they get, since they are called where the load is made. `judge`
    and `measurements` do the work. They may be called in another thread, but always in the same one.
    """

    def __init__(self) -> None:
        self._arrived: deque[tuple[float, Mapping[str, bytes]]] = deque()
        self._measurements: Measurements = {}
        self._memory: dict[str, _Samples] = {}
        self._health: dict[str, _Samples] = {}

    def add(self, time_s: float, snapshot: Mapping[str, bytes]) -> None:
        """Add what a process measured up to *time_s*, in seconds since the epoch."""
        if snapshot:
            self._arrived.append((time_s, snapshot))

    def add_memory(self, time_s: float, rss_bytes: Mapping[str, int]) -> None:
        """Add a reading of each process."""
        for process, rss in rss_bytes.items():
            self._memory.setdefault(process, _Samples()).add(time_s, rss)

    def add_health(
        self, time_s: float, process: str, *, cpu_ratio: float, open_files: int, lag_p99_ms: float
    ) -> None:
        """Add a reading of a process that generates load."""
        self._health.setdefault(process, _Samples()).add(time_s, cpu_ratio, open_files, lag_p99_ms)

    def measurements(self) -> Measurements:
        """Everything that has arrived, merged."""
        by_tag: defaultdict[str, list[tuple[float, bytes]]] = defaultdict(list)
        while self._arrived:
            time_s, snapshot = self._arrived.popleft()
            for text, encoded in snapshot.items():
                by_tag[text].append((time_s, encoded))
        for text, arrived in by_tag.items():
            held, _ = decode_histograms([encoded for _, encoded in arrived])
            series = self._measurements.setdefault(Tag.parse(text), Series())
            series.add_intervals([time_s for time_s, _ in arrived], held)
        return self._measurements

    def judge(self, manifest: Manifest, failures: Iterable[tuple[str, str, str, int]]) -> Verdict:
        """
        The verdict if the run ended now.

        Args:
            manifest: The manifest as it would be then.
            failures: Failures as Locust would write them: method, name, error, and how often.
        """
        return judge_files(
            RunFiles(
                run_id=manifest.run_id,
                own=True,
                manifest=manifest,
                stats=(),
                failures=tuple(starmap(parse_failure, failures)),
                exceptions=(),
                users=(),
                measurements=self.measurements(),
                memory=tuple(
                    portal_first(build_memory_row(name, *s.columns()) for name, s in _copied(self._memory))
                ),
                health=tuple(Readings(name, *s.columns()) for name, s in _copied(self._health)),
                problems=tuple(noted_problems(manifest)),
                finished=False,
            )
        )


class _Samples:
    """Readings over time, at most a thousand; when full, it drops every other one, and from then on keeps half as many."""

    def __init__(self) -> None:
        self._rows: list[tuple[float, ...]] = []
        self._every = 1
        self._seen = 0

    def add(self, *row: float) -> None:
        """Add one reading, its time first."""
        if self._seen % self._every == 0:
            self._rows.append(row)
        self._seen += 1
        if len(self._rows) > _MOST_SAMPLES:
            self._rows, self._every = self._rows[::2], self._every * 2

    def columns(self) -> Iterable[NDArray[np.float64]]:
        """One array for each value of a reading."""
        return np.array(self._rows, dtype=np.float64).T


def _copied(samples: dict[str, _Samples]) -> list[tuple[str, _Samples]]:
    """The processes in a list of its own, since others may be added meanwhile."""
    return list(samples.items())
