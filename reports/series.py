"""Results of one kind over the course of a run: the whole, and its consecutive windows of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from monitoring.buckets import BUCKETS, Held
from reports.certainty import Windows
from reports.distribution import Distribution, upper_edges_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

_WIDTH_S = 5.0
_MOST_WINDOWS = 240
_MOST_APART = 1 << 16
"""Entries that are kept as they came before they are added up."""


class Counts(NamedTuple):
    """The results of a window: buckets, ascending, and how many are in each."""

    buckets: NDArray[np.int64]
    counts: NDArray[np.int64]


class _Cells(NamedTuple):
    """
    Results by window and bucket.

    Args:
        keys: Number of the window times `BUCKETS`, and the bucket.
        counts: For each of them.
    """

    keys: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def added_up(cls, parts: Iterable[Self]) -> Self:
        """Each key once, ascending."""
        keys, counts = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        order = np.argsort(keys, kind="stable")
        keys, counts = keys[order], counts[order]
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        return cls(keys[first], np.add.reduceat(counts, first) if len(first) else counts)

    def grouped(self, times: int) -> Self:
        """With windows so many times as long."""
        if times == 1:
            return self
        windows, buckets = np.divmod(self.keys, BUCKETS)
        return self.added_up([type(self)(windows // times * BUCKETS + buckets, self.counts)])


class Series:
    """
    Results by windows of five seconds; of a long run by windows twice, four times … as long, 240 at most.

    Windows begin at multiples of their width since the epoch, so that those of several series fit together.
    """

    def __init__(self) -> None:
        self.whole = Distribution()
        self._width_s = _WIDTH_S
        nothing = np.empty(0, dtype=np.int64)
        self._cells: list[_Cells] = [_Cells(nothing, nothing)]
        """Those that are added up, and those that came since."""
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
        buckets, counts = interval.bucket_counts()
        self.add_intervals([start_s], Held(np.zeros_like(buckets), buckets, counts), [length_s])

    def add_intervals(
        self,
        starts_s: Sequence[float] | NDArray[np.float64],
        held: Held,
        lengths_s: Sequence[float] | NDArray[np.float64] | float = 0,
    ) -> None:
        """Add the results of several intervals; an entry of *held* says which of them it belongs to."""
        self.whole.add_counts(held.buckets, held.counts)
        begins = np.array(starts_s, dtype=np.float64)
        ends, numbers = begins + lengths_s, np.floor_divide(begins, self._width_s).astype(np.int64)
        windows, places = np.unique(numbers, return_inverse=True)
        first_s, last_s = np.full(len(windows), np.inf), np.full(len(windows), -np.inf)
        np.minimum.at(first_s, places, begins)
        np.maximum.at(last_s, places, ends)
        for number, *span_s in zip(windows.tolist(), first_s.tolist(), last_s.tolist(), strict=True):
            self._extend_span(number, (span_s[0], span_s[1]))
        self._add_cells(_Cells(numbers[held.places] * BUCKETS + held.buckets, held.counts))

    @property
    def count(self) -> int:
        """Number of results."""
        return self.whole.count

    @property
    def width_s(self) -> float:
        """How long a window is; a window begins at a multiple of it since the epoch."""
        return self._width_s

    def counts(self, width_s: float) -> dict[int, Counts]:
        """Number of a window of *width_s*, twice, four times … as long as here → what is in it."""
        keys, counts = self._added_up().grouped(round(width_s / self._width_s))
        windows, buckets = np.divmod(keys, BUCKETS)
        numbers, first = np.unique(windows, return_index=True)
        ends = [*first[1:].tolist(), len(keys)]
        return {
            number: Counts(buckets[begin:end], counts[begin:end])
            for number, begin, end in zip(numbers.tolist(), first.tolist(), ends, strict=True)
        }

    def spans_s(self, width_s: float) -> dict[int, tuple[float, float]]:
        """Number of such a window → when its first interval began and its last one ended, since the epoch."""
        times = round(width_s / self._width_s)
        if times == 1:
            return self._spans_s.copy()
        grouped: dict[int, tuple[float, float]] = {}
        for number, span_s in self._spans_s.items():
            grouped[number // times] = _joined(grouped.get(number // times, span_s), span_s)
        return grouped

    def windows(self) -> Windows:
        """The results by window and value; a window without results is not among them."""
        keys, counts = self._added_up()
        (numbers, rows), (buckets, columns) = (
            np.unique(part, return_inverse=True) for part in np.divmod(keys, BUCKETS)
        )
        table = np.zeros((len(numbers), len(buckets)), dtype=np.int64)
        table[rows, columns] = counts
        return Windows(upper_edges_ms(buckets), table)

    def _add_series(self, other: Series) -> None:
        self.whole.add(other.whole)
        self._widen(other._width_s)
        for number, span_s in other.spans_s(self._width_s).items():
            self._extend_span(number, span_s)
        self._add_cells(other._added_up().grouped(round(self._width_s / other._width_s)))

    def _extend_span(self, number: int, span_s: tuple[float, float]) -> None:
        self._spans_s[number] = _joined(self._spans_s.get(number, span_s), span_s)

    def _add_cells(self, cells: _Cells) -> None:
        self._cells.append(cells)
        while len(self._spans_s) > _MOST_WINDOWS:
            self._widen(self._width_s * 2)
        if sum(len(later.keys) for later in self._cells[1:]) > _MOST_APART:
            self._added_up()

    def _added_up(self) -> _Cells:
        if len(self._cells) > 1:
            self._cells = [_Cells.added_up(self._cells)]
        return self._cells[0]

    def _widen(self, width_s: float) -> None:
        if self._width_s < width_s:
            self._cells = [self._added_up().grouped(round(width_s / self._width_s))]
            self._spans_s, self._width_s = self.spans_s(width_s), width_s


def _joined(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return min(one[0], other[0]), max(one[1], other[1])
