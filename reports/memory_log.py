"""``memory.csv``: resident memory of the processes of a run, sampled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from reports.record import MemoryRow, Problem
from reports.table import CODE, load_table

if TYPE_CHECKING:
    from pathlib import Path

PORTAL_PROCESS = "portal"
BYTES_PER_MB = 1_000_000
"""A megabyte is 10**6 bytes, here and in the thresholds: the stricter of the two readings."""
_POINTS = 60


def load_memory(path: Path, problems: list[Problem]) -> list[MemoryRow]:
    """Read the samples of each process, in the order of their time; the portal comes first."""
    noted = len(problems)
    table = load_table(path, ["time", "process", "rss_bytes"], problems)
    samples = pd.DataFrame(
        {
            "time": pd.to_numeric(table["time"], errors="coerce"),
            "process": table["process"],
            "rss_mb": pd.to_numeric(table["rss_bytes"], errors="coerce") / BYTES_PER_MB,
        }
    )
    whole = samples[np.isfinite(samples["time"]) & np.isfinite(samples["rss_mb"]) & (samples["rss_mb"] >= 0)]
    if len(whole) < len(samples) and len(problems) == noted:
        problems.append(
            Problem(
                CODE,
                f"{path.name}: {len(samples) - len(whole)} lines do not hold numbers",
                "The figures below are what could still be read. Run the journey again for a verdict.",
            )
        )
    rows = [
        _row(str(process), group.sort_values("time", kind="stable")["rss_mb"].to_numpy())
        for process, group in whole.groupby("process", sort=False)
    ]
    return sorted(rows, key=lambda row: row.process != PORTAL_PROCESS)


def _row(process: str, rss_mb: np.ndarray[tuple[int], np.dtype[np.float64]]) -> MemoryRow:
    parts = np.array_split(rss_mb, min(_POINTS, len(rss_mb)))
    return MemoryRow(
        process=process,
        samples=len(rss_mb),
        first_mb=float(rss_mb[0]),
        last_mb=float(rss_mb[-1]),
        peak_mb=float(rss_mb.max()),
        series_mb=tuple(float(part.max()) for part in parts),
    )
