"""How sure a percentile, a mean or a share is: the interval that holds the true value in 95 of 100 runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betainc, betaincinv, ndtr, stdtrit  # scipy.stats takes a second to import

from reports.statistics.distribution import nearest_rank

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEAST_WINDOWS = 8
"""With fewer windows, their scatter says nothing."""
Z_95 = 1.959963984540054
"""Standard deviations of the normal distribution on either side of its mean that hold 95 % of it."""
_SIGNIFICANCE = 0.005
_DEALS = 399
_RESAMPLES_AT_ONCE = 250
"""Bounds the memory; with 4,000 values it is 8 MB."""


class Method(StrEnum):
    """How an interval was found."""

    ORDER_STATISTICS = "order_statistics"
    """Two of the results themselves, by rank; results are taken to be independent."""
    BLOCK_BOOTSTRAP = "block_bootstrap"
    """From resampled blocks of windows; results may depend on others of about the same time."""
    CLOPPER_PEARSON = "clopper_pearson"
    """The exact interval of a share; results are taken to be independent."""
    NORMAL = "normal"
    """Student's t, for a mean with too few windows to resample; results are taken to be independent."""


@dataclass(frozen=True, slots=True)
class Interval:
    """
    An interval with both of its ends; in milliseconds, or 0..1 for a share.

    Args:
        at_least: Whether the true upper end may be larger, because it lies among requests that were waited for in
            vain.
    """

    low: float
    high: float
    method: Method
    at_least: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """
    Results of one kind by consecutive windows of time.

    Args:
        values: Milliseconds, ascending and distinct; shape (b,).
        counts: Results per window and value; shape (k, b). A window may be empty.
    """

    values: NDArray[np.float64]
    counts: NDArray[np.int64]

    @property
    def count(self) -> int:
        """Number of results."""
        return int(self.counts.sum())

    def value_at_rank(self, rank: int) -> float:
        """The *rank*-th smallest of all results, in milliseconds; the smallest has rank 1."""
        return float(self.values[np.searchsorted(np.cumsum(self.counts.sum(axis=0)), rank)])

    def held(self) -> Windows:
        """The windows that are not empty."""
        return Windows(self.values, self.counts[self.counts.any(axis=1)])

    def above(self, percent: float) -> NDArray[np.int64]:
        """Results per window above the percentile of all; shape (k,)."""
        column = np.searchsorted(self.values, self.value_at_rank(nearest_rank(self.count, percent)))
        above: NDArray[np.int64] = self.counts[:, column + 1 :].sum(axis=1)
        return above


def least_count(percent: float, confidence: float = 0.95) -> int:
    """
    The fewest results that have an interval: 59 for p95, 299 for p99.

    With fewer, all of them may well lie on the same side of the true percentile.

    Raises:
        ValueError: *percent* is not between 0 and 100, both excluded.
    """
    below = percent / 100
    if not 0 < below < 1:
        raise ValueError(f"percent: {percent} is not between 0 and 100")
    count = max(math.ceil(math.log(1 - confidence) / math.log(max(below, 1 - below))), 2)
    while below**count + (1 - below) ** count > 1 - confidence:
        count += 1
    return count


def quantile_ranks(count: int, percent: float, confidence: float = 0.95) -> tuple[int, int] | None:
    """
    The ranks, from 1, of the two results between which the true percentile lies.

    For independent results of any distribution, the number of results below the true percentile is binomial
    (David & Nagaraja, Order Statistics, 3rd ed., 7.1). Of the pairs that reach the confidence, the closest pair is
    taken; of equally close pairs, the pair around the nearest rank.

    Returns:
        None where no pair reaches the confidence: there are fewer results than ``least_count``.
    """
    if count < least_count(percent, confidence):
        return None
    below = percent / 100
    reach = 5 * math.sqrt(count * below * (1 - below)) + 20
    first = max(math.floor(count * below - reach), 0)
    numbers = np.arange(first, min(math.ceil(count * below + reach), count - 1) + 1)
    at_most = np.asarray(betainc(count - numbers, numbers + 1, 1 - below), dtype=np.float64)
    partners = np.searchsorted(at_most, at_most + confidence)
    low = np.flatnonzero(partners < len(numbers))
    high = partners[low]
    off_centre = np.abs(numbers[low] + numbers[high] + 2 - 2 * nearest_rank(count, percent))
    best = np.lexsort((at_most[low] - at_most[high], off_centre, high - low))[0]
    return int(numbers[low[best]]) + 1, int(numbers[high[best]]) + 1


def ratio_interval(successes: int, count: int, confidence: float = 0.95) -> tuple[float, float] | None:
    """
    The exact interval of a share, 0..1 (Clopper & Pearson, Biometrika 26, 1934).

    For independent results: failures that come in bursts say less than as many single ones.

    Returns:
        None where *count* is 0.
    """
    if not count:
        return None
    tail, failures = (1 - confidence) / 2, count - successes
    low = float(betaincinv(successes, failures + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, failures, 1 - tail)) if failures else 1.0
    return low, high


def is_dependent(windows: Windows, percent: float) -> bool:
    """
    Whether results depend on others of about the same time.

    The results above the percentile are counted per window. Then the same results are dealt to the same windows at
    random, 399 times; this is valid for few results per window too. Results are dependent if the counts scatter more
    (Pearson's chi-square), or neighbours are more alike, than in 99.5 % of the deals. The same is done for the median,
    which shows dependence with fewer results. Of independent runs, at most 2 in 100 are taken for dependent. The deals
    do not change from call to call: the same results are judged alike.

    Returns:
        False also where it is not known: fewer than 8 windows hold results.
    """
    windows = windows.held()
    if len(windows.counts) < _LEAST_WINDOWS:
        return False
    sizes = windows.counts.sum(axis=1)
    return any(_is_clustered(windows.above(share), sizes) for share in sorted({50.0, percent}))


def bootstrap_interval(
    windows: Windows,
    percent: float,
    confidence: float = 0.95,
    *,
    random: np.random.Generator,
    resamples: int = 1000,
) -> tuple[float, float]:
    """
    The interval of a percentile, in milliseconds, where results depend on others of about the same time.

    It is made from the nearest-rank percentiles of resampled blocks of windows; see ``_draw_weights`` and ``_ends``.
    It needs at least one result. Resampling cannot show spells that are rarer than the run is long: where slow and
    fast spells last a sixth of the run, the interval holds the true percentile in 85 of 100 runs.
    """
    windows = windows.held()
    cumulative = np.cumsum(windows.counts, axis=1, dtype=np.float64)
    found = []
    for weights in _draw_weights(len(cumulative), random, resamples):
        drawn = weights @ cumulative
        ranks = [nearest_rank(int(count), percent) for count in drawn[:, -1]]
        found.append(windows.values[(drawn < np.array(ranks)[:, np.newaxis]).sum(axis=1)])
    return _ends(np.concatenate(found), len(cumulative), confidence)


def percentile_interval(
    windows: Windows, percent: float, confidence: float = 0.95, *, random: np.random.Generator
) -> Interval | None:
    """
    The interval of a percentile, in milliseconds; the measured percentile is always in it.

    Dependence makes the interval wider than that of as many independent results, never narrower.

    Returns:
        None with fewer results than ``least_count``.
    """
    ranks = quantile_ranks(windows.count, percent, confidence)
    if ranks is None:
        return None
    low, high = (windows.value_at_rank(rank) for rank in ranks)
    if not is_dependent(windows, percent):
        return Interval(low, high, Method.ORDER_STATISTICS)
    lower, higher = bootstrap_interval(windows, percent, confidence, random=random)
    return Interval(min(low, lower), max(high, higher), Method.BLOCK_BOOTSTRAP)


def mean_interval(
    windows: Windows, confidence: float = 0.95, *, random: np.random.Generator, resamples: int = 1000
) -> Interval | None:
    """
    The interval of the mean of *values* as they stand; the mean is always in it.

    Returns:
        None with fewer than two results.
    """
    windows = windows.held()
    sizes, count = windows.counts.sum(axis=1), windows.count
    if count < 2:  # noqa: PLR2004 - one result has no scatter
        return None
    sums = windows.counts @ windows.values
    mean = float(sums.sum() / count)
    if len(sizes) < _LEAST_WINDOWS:
        variance = float(windows.counts.sum(axis=0) @ (windows.values - mean) ** 2) / (count - 1)
        reach = float(stdtrit(count - 1, (1 + confidence) / 2)) * math.sqrt(variance / count)
        return Interval(mean - reach, mean + reach, Method.NORMAL)
    found = [(weights @ sums) / (weights @ sizes) for weights in _draw_weights(len(sizes), random, resamples)]
    low, high = _ends(np.concatenate(found), len(sizes), confidence)
    return Interval(min(low, mean), max(high, mean), Method.BLOCK_BOOTSTRAP)


def _draw_weights(count: int, random: np.random.Generator, resamples: int) -> list[NDArray[np.float64]]:
    """
    How often each of *count* windows is drawn; one array of shape (resamples, count) for each part of the resamples.

    It is a circular block bootstrap (Politis & Romano 1992). A block is as long as the square root of *count*: the cube
    root gives the best variance, but its intervals hold the true value too rarely.
    """
    length = math.isqrt(count)
    starts = random.integers(count, size=(resamples, -(-count // length), 1))
    drawn = ((starts + np.arange(length)) % count).reshape(resamples, -1)[:, :count]
    cells = drawn + np.arange(resamples)[:, np.newaxis] * count
    weights = np.bincount(cells.ravel(), minlength=resamples * count).reshape(resamples, count)
    return np.array_split(weights.astype(np.float64), -(-resamples // _RESAMPLES_AT_ONCE))


def _ends(found: NDArray[np.float64], count: int, confidence: float) -> tuple[float, float]:
    """
    The quantiles of the resampled figures, as far out as so few blocks of *count* windows demand.

    They are further out than the confidence says, by as much as Student's t is wider than the normal distribution
    (Hesterberg, The American Statistician 69, 2015, "expanded percentile interval").
    """
    blocks = max(count / math.isqrt(count), 2)
    score = float(stdtrit(blocks - 1, (1 - confidence) / 2)) * math.sqrt(blocks / (blocks - 1))
    beyond = int(float(ndtr(score)) * len(found))
    ordered = np.sort(found)
    return float(ordered[beyond]), float(ordered[-1 - beyond])


def _is_clustered(above: NDArray[np.int64], sizes: NDArray[np.int64]) -> bool:
    """Whether the results *above*, in windows of such *sizes*, are spread less evenly than by chance."""
    dealt = np.random.default_rng(0).multivariate_hypergeometric(
        sizes, int(above.sum()), size=_DEALS, method="marginals"
    )
    surplus = (np.vstack((above, dealt)) - sizes * (above.sum() / sizes.sum())) / np.sqrt(sizes)
    scatter = (surplus**2).sum(axis=1)
    likeness = (surplus[:, 1:] * surplus[:, :-1]).sum(axis=1)
    return any(_share_as_large(statistics) <= _SIGNIFICANCE for statistics in (scatter, likeness))


def _share_as_large(statistics: NDArray[np.float64]) -> float:
    """The share of *statistics* that reach the first, itself included; equal values may differ by rounding."""
    first = statistics[0]
    return float(np.mean(statistics >= first - 1e-9 * abs(first)))
