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

    @classmethod
    def merged(cls, parts: Iterable[Self]) -> Self:
        """The sum of *parts*."""
        total = cls()
        for part in parts:
            total._add_series(part)
        return total

    def add(self, start_s: float, interval: Distribution) -> None:
        """Add the results of an interval that began at *start_s*, in seconds since the epoch."""
        self.whole.add(interval)
        self._add_window(start_s, interval.bucket_counts())

    @property
    def count(self) -> int:
        """Number of results."""
        return self.whole.count

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
            self._add_window(number * other._width_s, counts)

    def _add_window(self, start_s: float, counts: dict[int, int]) -> None:
        window = self._windows.setdefault(int(start_s // self._width_s), {})
        for index, count in counts.items():
            window[index] = window.get(index, 0) + count
        while len(self._windows) > _MOST_WINDOWS:
            self._widen(self._width_s * 2)

    def _widen(self, width_s: float) -> None:
        while self._width_s < width_s:
            narrow, self._windows = self._windows, {}
            self._width_s *= 2
            for number, counts in narrow.items():
                window = self._windows.setdefault(number // 2, {})
                for index, count in counts.items():
                    window[index] = window.get(index, 0) + count
