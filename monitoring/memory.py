"""Resident memory (RSS) of the processes of a run, in bytes."""

from __future__ import annotations

import math
import re

import psutil

_RSS_SAMPLE = re.compile(
    # The number is one that `float` takes.
    r"^process_resident_memory_bytes(?:\{[^}\n]{0,1000}\})?[ \t]+([0-9]{1,20}(?:\.[0-9]{0,20})?(?:[eE][-+]?[0-9]{1,3})?)(?:[ \t\r]|$)",
    re.MULTILINE,
)
_MOST_BYTES = 1 << 50
"""A petabyte: no process has so much."""


def own_rss_bytes() -> int:
    """Resident memory of this process."""
    return int(psutil.Process().memory_info().rss)


def tree_rss_bytes(pid: int) -> int | None:
    """Resident memory of a process and its children (a portal may fork workers); None once it is gone."""
    try:
        parent = psutil.Process(pid)
        return sum(process.memory_info().rss for process in [parent, *parent.children(recursive=True)])
    except psutil.NoSuchProcess:
        return None


def exposed_rss_bytes(exposition: str) -> int | None:
    """
    ``process_resident_memory_bytes`` of a Prometheus page; None where the page does not say, or says what cannot be.

    Only its line is read: whatever else the page holds costs nothing.
    """
    sample = _RSS_SAMPLE.search(exposition)
    value = float(sample[1]) if sample else math.nan
    return int(value) if 0 <= value <= _MOST_BYTES else None
