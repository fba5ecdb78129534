"""A portal's figures of its pool of database connections, from the page that its contract calls ``health_db``."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

_MOST_CONNECTIONS = 1_000_000
_LONGEST_MS = 86_400_000.0


class PoolFigures(NamedTuple):
    """Connections in all, idle connections, requests that wait for one, and the duration of the portal's own check."""

    total: int
    idle: int
    waiting: int
    latency_ms: float
    """Duration of the portal's own check; 0 where the page does not give it."""


def parse_pool(page: bytes) -> PoolFigures:
    """
    Read the page.

    Raises:
        ValueError: It has no figures of a pool, or impossible ones.
    """
    try:
        answer: Any = json.loads(page)
        pool = answer["poolStats"]
        total, idle, waiting = (_count(pool[name]) for name in ("totalCount", "idleCount", "waitingCount"))
        return PoolFigures(total, idle, waiting, _milliseconds(answer.get("latencyMs")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("says nothing of a pool") from None


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_CONNECTIONS:
        raise ValueError("is not a number of connections")
    return value


def _milliseconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LONGEST_MS:
        return 0.0
    return float(value)
