"""Resident memory (RSS) of the processes of a run, in bytes."""

from __future__ import annotations

import psutil
from prometheus_client.parser import text_string_to_metric_families


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
    """``process_resident_memory_bytes`` of a Prometheus page; None where the page does not say."""
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            if sample.name == "process_resident_memory_bytes":
                return int(sample.value)
    return None
