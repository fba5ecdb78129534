"""The slowest answers of a run, each with the id of its trace in the portal."""

from __future__ import annotations

from heapq import heappush, heapreplace, nlargest
from time import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_MOST = 5


class Slowest:
    """
    The five slowest results of each operation in one process, successes and failures.

    Args:
        clock: In seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time) -> None:
        self._clock = clock
        self._heaps: dict[str, list[tuple[float, float, str]]] = {}

    def add(self, operation: str, seconds: float, trace_id: str) -> None:
        """Add a result that has just arrived."""
        heap = self._heaps.setdefault(operation, [])
        if len(heap) < _MOST:
            heappush(heap, (seconds, self._clock(), trace_id))
        elif seconds > heap[0][0]:
            heapreplace(heap, (seconds, self._clock(), trace_id))

    def listed(self) -> list[list[Any]]:
        """Operation, seconds, the answer's arrival in seconds since the epoch, and trace; in no order."""
        return [[operation, *result] for operation, heap in self._heaps.items() for result in heap]


def slowest_of(parts: Iterable[list[list[Any]]]) -> list[list[Any]]:
    """The five slowest of each operation in all processes, the slowest first."""
    by_operation: dict[str, list[list[Any]]] = {}
    for part in parts:
        for result in part:
            by_operation.setdefault(result[0], []).append(result)
    return [
        result
        for operation in sorted(by_operation)
        for result in nlargest(_MOST, by_operation[operation], key=lambda result: result[1])
    ]
