"""The answers of a run that stand out most, each with the id of its trace in the portal, and its texts as they came."""

from __future__ import annotations

from heapq import heappush, heapreplace, nlargest
from time import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_MOST = 5
_MOST_TEXTS = 120
"""Of an answer; in a longer one, texts that follow each other stand for one."""


class Slowest:
    """
    Of each operation the five results of one process with the largest figure, successes and failures.

    Args:
        clock: In seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time) -> None:
        self._clock = clock
        self._heaps: dict[str, list[tuple[Any, ...]]] = {}

    def add(
        self,
        operation: str,
        figure_s: float,
        trace_id: str,
        took_s: float | None = None,
        texts: Sequence[tuple[float, int]] = (),
    ) -> None:
        """
        Add a result that has just arrived.

        Args:
            operation: What was asked.
            figure_s: By which it stands out.
            trace_id: Of its request.
            took_s: How long it took; by default the figure.
            texts: Of a streamed answer: when each came, in seconds from sending, and of how many characters.
        """
        heap = self._heaps.setdefault(operation, [])
        if len(heap) == _MOST and figure_s <= heap[0][0]:
            return
        kept = figure_s, self._clock(), trace_id, figure_s if took_s is None else took_s, _thinned(texts)
        (heappush if len(heap) < _MOST else heapreplace)(heap, kept)

    def listed(self) -> list[list[Any]]:
        """Operation, figure, the answer's arrival in seconds since the epoch, trace, seconds, texts; in no order."""
        return [[operation, *result] for operation, heap in self._heaps.items() for result in heap]


def slowest_of(parts: Iterable[list[list[Any]]]) -> list[list[Any]]:
    """The five with the largest figure of each operation in all processes, the largest first."""
    by_operation: dict[str, list[list[Any]]] = {}
    for part in parts:
        for result in part:
            by_operation.setdefault(result[0], []).append(result)
    return [
        result
        for operation in sorted(by_operation)
        for result in nlargest(_MOST, by_operation[operation], key=lambda result: result[1])
    ]


def _thinned(texts: Sequence[tuple[float, int]]) -> list[list[float]]:
    stride = -(-len(texts) // _MOST_TEXTS)
    return [
        [round(texts[first][0], 4), sum(length for _, length in texts[first : first + stride])]
        for first in range(0, len(texts), max(stride, 1))
    ]
