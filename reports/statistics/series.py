"""Results of one kind over the time of a run: the whole run, and its consecutive windows of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from monitoring.buckets import Held
from reports.statistics.certainty import Windows
from reports.statistics.distribution import CELLS, NEVER, Counts, Distribution, bucket_beyond, upper_edges_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

_WIDTH_S = 5.0
_MOST_WINDOWS = 240
_MOST_APART = 1 << 16
"""Entries that are kept as they came before they are added up."""


class _Cells(NamedTuple):
    """
    Results by window and bucket.

    Args:
        keys: Number of the window times `CELLS`, plus the bucket.
        counts: Results with each key.
    """

    keys: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def added_up(cls, parts: Iterable[Self]) -> Self:
        """The sum of *parts*: each key once, ascending."""
        keys, counts = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        order = np.argsort(keys, kind="stable")
        keys, counts = keys[order], counts[order]
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        return cls(keys[first], np.add.reduceat(counts, first) if len(first) else counts)

    def grouped(self, times: int) -> Self:
        """With windows so many times as long."""
        if times == 1:
            return self
        windows, buckets = np.divmod(self.keys, CELLS)
        return self.added_up([type(self)(windows // times * CELLS + buckets, self.counts)])


class _Spans(NamedTuple):
    """
    The time that windows cover.

    Args:
        numbers: Numbers of the windows.
        begins_s: When the first interval of each window began, in seconds since the epoch.
        ends_s: When the last interval of each window ended, in seconds since the epoch.
    """

    numbers: NDArray[np.int64]
    begins_s: NDArray[np.float64]
    ends_s: NDArray[np.float64]

    @classmethod
    def joined(cls, parts: Iterable[Self]) -> Self:
        """The spans of all *parts*: each window once, ascending."""
        numbers, begins_s, ends_s = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        order = np.argsort(numbers, kind="stable")
        first = np.flatnonzero(np.diff(numbers[order], prepend=-1))
        if not len(first):
            return cls(numbers, begins_s, ends_s)
        return cls(
            numbers[order][first],
            np.minimum.reduceat(begins_s[order], first),
            np.maximum.reduceat(ends_s[order], first),
        )

    def grouped(self, times: int) -> Self:
        """With windows so many times as long."""
        return self if times == 1 else self.joined([self._replace(numbers=self.numbers // times)])


class Series:
    """
    Results by windows of five seconds; in a long run, windows are twice, four times … as long, at most 240 of them.

    Windows begin at multiples of their width since the epoch, so that windows of several series fit together.
    """

    def __init__(self) -> None:
        self.whole = Distribution()
        self._width_s = _WIDTH_S
        nothing = np.empty(0, dtype=np.int64)
        self._cells: list[_Cells] = [_Cells(nothing, nothing)]
        """The cells that are added up, and the cells that came since."""
        self._spans = _Spans(nothing, np.empty(0), np.empty(0))

    @classmethod
    def merged(cls, parts: Iterable[Self]) -> Self:
        """The sum of *parts*."""
        total = cls()
        for part in parts:
            total._add_series(part)
        return total

    @classmethod
    def never(cls, asked: Self) -> Self:
        """As many results as *asked* has, at the same times, of which none will ever arrive."""
        lost = cls()
        lost._add_never(asked)
        return lost

    @classmethod
    def beyond(cls, asked: Self, limit_ms: float) -> Self:
        """The results of *asked* that took longer than *limit_ms*, at the same times."""
        longer = cls()
        longer._add_beyond(asked, bucket_beyond(limit_ms))
        return longer

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
        """Add the results of several intervals; an entry of *held* says to which interval a result belongs."""
        self.whole.add_counts(held.buckets, held.counts)
        begins_s = np.array(starts_s, dtype=np.float64)
        numbers = np.floor_divide(begins_s, self._width_s).astype(np.int64)
        self._spans = _Spans.joined([self._spans, _Spans(numbers, begins_s, begins_s + lengths_s)])
        self._add_cells(_Cells(numbers[held.places] * CELLS + held.buckets, held.counts))

    @property
    def count(self) -> int:
        """Number of results."""
        return self.whole.count

    @property
    def width_s(self) -> float:
        """How long a window is; a window begins at a multiple of it since the epoch."""
        return self._width_s

    def counts(self, width_s: float) -> dict[int, Counts]:
        """Number of a window → its results; *width_s* is the own width, or twice, four times … as long."""
        keys, counts = self._added_up().grouped(self._times(width_s))
        if not len(keys):
            return {}
        windows, buckets = np.divmod(keys, CELLS)
        numbers, first = np.unique(windows, return_index=True)
        ends = [*first[1:].tolist(), len(keys)]
        return {
            number: Counts(buckets[begin:end], counts[begin:end])
            for number, begin, end in zip(numbers.tolist(), first.tolist(), ends, strict=True)
        }

    def spans_s(self, width_s: float) -> dict[int, tuple[float, float]]:
        """Number of a window of *width_s* → when its first interval began and its last ended, since the epoch."""
        numbers, *ends_s = self._spans.grouped(self._times(width_s))
        return dict(zip(numbers.tolist(), zip(*(ends.tolist() for ends in ends_s), strict=True), strict=True))

    def windows(self) -> Windows:
        """The results by window and value; windows without results are left out."""
        keys, counts = self._added_up()
        (numbers, rows), (buckets, columns) = (
            np.unique(part, return_inverse=True) for part in np.divmod(keys, CELLS)
        )
        table = np.zeros((len(numbers), len(buckets)), dtype=np.int64)
        table[rows, columns] = counts
        return Windows(upper_edges_ms(buckets), table)

    def _add_series(self, other: Series) -> None:
        self.whole.add(other.whole)
        self._widen(other._width_s)
        times = other._times(self._width_s)
        self._spans = _Spans.joined([self._spans, other._spans.grouped(times)])
        self._add_cells(other._added_up().grouped(times))

    def _add_never(self, other: Series) -> None:
        self.whole.add_counts(np.array([NEVER]), np.array([other.count]))
        self._widen(other._width_s)
        self._spans = _Spans.joined([self._spans, other._spans])
        keys, counts = other._added_up()
        self._add_cells(_Cells(keys // CELLS * CELLS + NEVER, counts))

    def _add_beyond(self, other: Series, first: int) -> None:
        held = other.whole.bucket_counts()
        longer = held.buckets >= first
        self.whole.add_counts(held.buckets[longer], held.counts[longer])
        self._widen(other._width_s)
        self._spans = _Spans.joined([self._spans, other._spans])
        keys, counts = other._added_up()
        longer = keys % CELLS >= first
        self._add_cells(_Cells(keys[longer], counts[longer]))

    def _add_cells(self, cells: _Cells) -> None:
        self._cells.append(cells)
        width_s = self._width_s
        while len(self._spans.grouped(self._times(width_s)).numbers) > _MOST_WINDOWS:
            width_s *= 2
        self._widen(width_s)
        if sum(len(later.keys) for later in self._cells[1:]) > _MOST_APART:
            self._added_up()

    def _added_up(self) -> _Cells:
        if len(self._cells) > 1:
            self._cells = [_Cells.added_up(self._cells)]
        return self._cells[0]

    def _widen(self, width_s: float) -> None:
        if self._width_s < width_s:
            times = self._times(width_s)
            self._cells = [self._added_up().grouped(times)]
            self._spans, self._width_s = self._spans.grouped(times), width_s

    def _times(self, width_s: float) -> int:
        """How many of the series' windows fit into a window of *width_s*."""
        return round(width_s / self._width_s)
