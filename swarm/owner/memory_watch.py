"""Reads the memory of a run's processes and of its portal now and then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.subject import LOCAL, MASTER, PORTAL
from monitoring.memory import own_rss_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from reports.live import LiveRun
    from swarm.owner.portal_watch import PortalWatch
    from swarm.owner.run_writer import RunDirectory
    from swarm.owner.workers import Contribution


class MemoryWatch:
    """
    Reads resident memory, and records it.

    Args:
        portal: Reads the portal's memory, where that is possible.
        files: Stores each reading.
        live: Gets each reading too; None where no view shows the run.
    """

    def __init__(self, portal: PortalWatch, files: RunDirectory, live: LiveRun | None) -> None:
        self._portal, self._files, self._live = portal, files, live
        self.rss_bytes: Mapping[str, int] = {}
        """Process → its last reading."""

    def read(self, now: datetime, processes: Mapping[str, Contribution]) -> None:
        """Record what *processes* last reported, and read the memory of a master and of the portal."""
        readings = {name: c.last.rss_bytes for name, c in processes.items() if c.last and not c.lost}
        if LOCAL not in readings:
            readings[MASTER] = own_rss_bytes()
        if (portal := self._portal.rss_bytes()) is not None:
            readings[PORTAL] = portal
        self.rss_bytes = readings
        self._files.add_memory(now, readings)
        if self._live is not None:
            self._live.add_memory(now.timestamp(), readings)
