"""Resident memory (RSS) of the processes of a run, in bytes."""

from __future__ import annotations

import math
import re

import psutil

_RSS_SAMPLE = re.compile(
    # The pattern matches only numbers that `float` accepts.
    r"^process_resident_memory_bytes(?:\{[^}\n]{0,1000}\})?[ \t]+([0-9]{1,20}(?:\.[0-9]{0,20})?(?:[eE][-+]?[0-9]{1,3})?)(?:[ \t\r]|$)",
    re.MULTILINE,
)
_MOST_BYTES = 1 << 50
"""A petabyte; a larger figure cannot be true."""


def own_rss_bytes() -> int:
    """Resident memory of this process."""
    return int(psutil.Process().memory_info().rss)


def tree_rss_bytes(pid: int) -> int | None:
    """Resident memory of a process and its children (a portal may fork workers); None after it has ended."""
    try:
        parent = psutil.Process(pid)
        return sum(process.memory_info().rss for process in [parent, *parent.children(recursive=True)])
    except psutil.NoSuchProcess:
        return None


def exposed_rss_bytes(exposition: str) -> int | None:
    """
    ``process_resident_memory_bytes`` of a Prometheus page; None where it is missing or impossible.

    Only its line is read: other contents of the page cost no time.
    """
    sample = _RSS_SAMPLE.search(exposition)
    value = float(sample[1]) if sample else math.nan
    return int(value) if 0 <= value <= _MOST_BYTES else None
