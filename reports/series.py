"""Results of one kind over the course of a run: the whole, and its consecutive windows of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from reports.certainty import Windows
from reports.distribution import Distribution

if TYPE_CHECKING:
    from collections.abc import Iterable

_WIDTH_S = 5.0
_MOST_WINDOWS = 240


class Series:
    """
    Results by windows of five seconds; of a long run by windows twice, four times … as long, 240 at most.

    Windows begin at multiples of their width since the epoch, so that those of several series fit together.
    """

    def __init__(self) -> None:
        self.whole = Distribution()
        self._width_s = _WIDTH_S
        self._windows: dict[int, dict[int, int]] = {}
        """Number of a window → index of a bucket → results in it."""
        self._spans_s: dict[int, tuple[float, float]] = {}
        """Number of a window → when its first interval began and its last one ended."""

    @classmethod
    def merged(cls, parts: Iterable[Self]) -> Self:
        """The sum of *parts*."""
        total = cls()
        for part in parts:
            total._add_series(part)
        return total

    def add(self, start_s: float, interval: Distribution, length_s: float = 0) -> None:
        """Add the results of an interval that began at *start_s*, in seconds since the epoch."""
        self.whole.add(interval)
        self._add_window(start_s, (start_s, start_s + length_s), interval.bucket_counts())

    @property
    def count(self) -> int:
        """Number of results."""
        return self.whole.count

    @property
    def width_s(self) -> float:
        """How long a window is; a window begins at a multiple of it since the epoch."""
        return self._width_s

    def counts(self, width_s: float) -> dict[int, dict[int, int]]:
        """Number of a window of *width_s*, twice, four times … as long as here → index of a bucket → results."""
        times = round(width_s / self._width_s)
        grouped: dict[int, dict[int, int]] = {}
        for number, counts in self._windows.items():
            _add_counts(grouped.setdefault(number // times, {}), counts)
        return grouped

    def spans_s(self, width_s: float) -> dict[int, tuple[float, float]]:
        """Number of such a window → when its first interval began and its last one ended, since the epoch."""
        times = round(width_s / self._width_s)
        grouped: dict[int, tuple[float, float]] = {}
        for number, span_s in self._spans_s.items():
            grouped[number // times] = _joined(grouped.get(number // times, span_s), span_s)
        return grouped

    def windows(self) -> Windows:
        """The results by window and value; a window without results is not among them."""
        indices = sorted({index for counts in self._windows.values() for index in counts})
        column = {index: place for place, index in enumerate(indices)}
        counts = np.zeros((len(self._windows), len(indices)), dtype=np.int64)
        for row, number in enumerate(sorted(self._windows)):
            for index, count in self._windows[number].items():
                counts[row, column[index]] = count
        values = np.array([self.whole.upper_edge_ms(index) for index in indices], dtype=np.float64)
        return Windows(values, counts)

    def _add_series(self, other: Series) -> None:
        self.whole.add(other.whole)
        self._widen(other._width_s)
        for number, counts in other._windows.items():
            self._add_window(number * other._width_s, other._spans_s[number], counts)

    def _add_window(self, start_s: float, span_s: tuple[float, float], counts: dict[int, int]) -> None:
        number = int(start_s // self._width_s)
        _add_counts(self._windows.setdefault(number, {}), counts)
        self._spans_s[number] = _joined(self._spans_s.get(number, span_s), span_s)
        while len(self._windows) > _MOST_WINDOWS:
            self._widen(self._width_s * 2)

    def _widen(self, width_s: float) -> None:
        if self._width_s < width_s:
            self._windows, self._spans_s = self.counts(width_s), self.spans_s(width_s)
            self._width_s = width_s


def _add_counts(window: dict[int, int], counts: dict[int, int]) -> None:
    for index, count in counts.items():
        window[index] = window.get(index, 0) + count


def _joined(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return min(one[0], other[0]), max(one[1], other[1])
