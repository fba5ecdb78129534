"""The memory of a run's processes and of its portal, read now and then."""

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
    Reads resident memory, and writes it down.

    Args:
        portal: Knows how the portal's memory can be seen, if it can.
        files: Get each reading.
        live: Gets each reading too; None where nobody looks at the run while it goes on.
    """

    def __init__(self, portal: PortalWatch, files: RunDirectory, live: LiveRun | None) -> None:
        self._portal, self._files, self._live = portal, files, live
        self.rss_bytes: Mapping[str, int] = {}
        """The last reading of each process."""

    def read(self, now: datetime, processes: Mapping[str, Contribution]) -> None:
        """Of *processes* what they last reported of themselves; a master and the portal are looked at."""
        readings = {name: c.last.rss_bytes for name, c in processes.items() if c.last and not c.lost}
        if LOCAL not in readings:
            readings[MASTER] = own_rss_bytes()
        if (portal := self._portal.rss_bytes()) is not None:
            readings[PORTAL] = portal
        self.rss_bytes = readings
        self._files.add_memory(now, readings)
        if self._live is not None:
            self._live.add_memory(now.timestamp(), readings)
