"""Observes the portal apart from the load: its memory, and its pool of database connections."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from monitoring.memory import exposed_rss_bytes, tree_rss_bytes
from monitoring.probing.page import read_page
from monitoring.probing.pool_figures import parse_pool
from reports.manifest import PoolSeen

if TYPE_CHECKING:
    from conf.settings import Settings

_TIMEOUT_S = 2.0
_POOL_TIMEOUT_S = 5.0
"""Longer than the two seconds that the portal itself waits for its database."""
_log = logging.getLogger(__name__)


class PortalWatch:
    """
    Observes the portal of a run now and then.

    Args:
        settings: Name what to read; parts that they do not name are left out.
    """

    def __init__(self, settings: Settings) -> None:
        self._target = settings.target
        self._health_db = settings.contract.health_db
        self._looks = self._unavailable = self._exhausted = self._most_waiting = self._total = 0
        self._slowest_ms = 0.0

    def rss_bytes(self) -> int | None:
        """The portal's resident memory; None where it cannot be read, or the portal does not report it."""
        target = self._target
        if target.pid is not None:
            return tree_rss_bytes(target.pid)
        if target.metrics_url is None:
            return None
        try:
            _, page = read_page(target.metrics_url, _TIMEOUT_S, trust=target.trust)
            return exposed_rss_bytes(page.decode())
        except (OSError, ValueError) as error:
            _log.debug("target.metrics_url: %s", type(error).__name__)
            return None

    def look_at_pool(self) -> None:
        """Ask the portal about its pool of connections; an answer that the contract does not allow counts as none."""
        if not self._health_db:
            return
        try:
            # An answer with status 503 has the figures too, since the pool may be the cause.
            url = self._target.base_url + self._health_db
            _, page = read_page(url, _POOL_TIMEOUT_S, trust=self._target.trust)
            seen = parse_pool(page)
        except (OSError, ValueError) as error:
            _log.debug("%s: %s", self._health_db, type(error).__name__)
            self._looks += 1
            self._unavailable += 1
            return
        self._looks += 1
        self._total = seen.total
        self._exhausted += seen.idle == 0 and seen.waiting > 0
        self._most_waiting = max(self._most_waiting, seen.waiting)
        self._slowest_ms = max(self._slowest_ms, seen.latency_ms)

    def pool(self) -> PoolSeen | None:
        """The readings of the pool; None where it was not to be read."""
        if not self._looks:
            return None
        return PoolSeen(
            looks=self._looks,
            unavailable=self._unavailable,
            exhausted=self._exhausted,
            most_waiting=self._most_waiting,
            connections=self._total,
            slowest_ms=self._slowest_ms,
        )
