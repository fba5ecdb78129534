"""How throughput grows with users: the Universal Scalability Law, fitted to the levels of a run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import nnls
from scipy.special import ndtri, stdtrit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_LEAST_LEVELS = 4
"""One level more than the law has parameters."""
_LEAST_ERROR_RATIO = 0.001
"""Smallest error of a throughput: no level is held so long and so evenly that it is known better."""
_LEAST_DRAWN_RATIO = 0.001
"""Smallest drawn throughput, as a share of the fitted one: noise must not make it negative."""
_FARTHEST_RATIO = 10.0
"""A peak at so many times the largest level, or beyond, is a guess."""
_TAIL = 0.025
_MOST_ITERATIONS = 50
_SMALLEST_STEP = 1e-4
_TOLERANCE = 1e-9
"""Gain of a step, as a share of the misfit; a smaller gain ends the fit."""


@dataclass(frozen=True, slots=True)
class LoadLevel:
    """
    What was measured with so many concurrent users.

    Args:
        standard_error: Standard error of *per_second*; 0 where it is unknown.
    """

    users: int
    per_second: float
    standard_error: float


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted value and its 95 % interval, which always holds it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Scalability:
    """
    The law X(N) = per_user·N / (1 + contention·(N-1) + coherency·N·(N-1)) of the throughput of N users.

    Gunther, Guerrilla Capacity Planning (2007); he writes lambda, sigma and kappa.

    Args:
        per_user: Results per second of a single user.
        contention: 0..1, the share of the work that waits its turn.
        coherency: What every pair of users costs; only where it is not 0 does throughput ever fall.
        peak_users: Users at the largest throughput; None where that is beyond ten times the largest level.
        peak_per_second: Throughput of *peak_users*; None where there is no such number.
        peak_users_interval: 95 % interval of *peak_users*. None where a peak beyond ten times the largest level cannot
            be ruled out: a peak without an interval is not established.
        residual_ratio: Root mean square of the residuals, each as a share of the fitted throughput.
    """

    per_user: Fitted
    contention: Fitted
    coherency: Fitted
    peak_users: float | None
    peak_per_second: float | None
    peak_users_interval: tuple[float, float] | None
    residual_ratio: float

    def per_second(self, users: float) -> float:
        """The throughput that the law gives so many users."""
        cost = 1 + self.contention.value * (users - 1) + self.coherency.value * users * (users - 1)
        return self.per_user.value * users / cost


def fit_scalability(
    levels: Sequence[LoadLevel], *, random: np.random.Generator, resamples: int = 1000
) -> Scalability | None:
    """
    Fit the law by weighted least squares, with a contention of 0..1 and a coherency of at least 0.

    Intervals come from a parametric bootstrap. Its noise is as large as the standard errors. Where these do not explain
    the residuals, its noise is as large as the residuals show, by Student's t for as few levels.

    Returns:
        None with fewer than four different numbers of users, where a level has no users or no throughput, and where
        the levels do not determine the throughput of a single user.
    """
    users = np.array([level.users for level in levels], dtype=np.float64)
    measured = np.array([level.per_second for level in levels], dtype=np.float64)
    if len(np.unique(users)) < _LEAST_LEVELS or users.min() < 1 or measured.min() <= 0:
        return None
    errors = np.maximum([level.standard_error for level in levels], _LEAST_ERROR_RATIO * measured)
    terms = _terms(users)
    costs = _fit_costs(terms, measured, errors, _rough_costs(terms, measured, errors))
    fitted = _throughput(terms, costs)
    noise = random.normal(size=(resamples, len(users))) * errors * _noise_scale((measured - fitted) / errors)
    resampled = np.maximum(fitted + noise, _LEAST_DRAWN_RATIO * fitted)
    drawn = np.array([_fit_costs(terms, throughput, errors, costs) for throughput in resampled])
    per_user, contention, coherency = map(_estimate, _parameters(costs), _parameters(drawn).T)
    if not math.isfinite(per_user.high):
        return None
    farthest = _FARTHEST_RATIO * float(users.max())
    peak = _estimate(_peak_users(costs), _peak_users(drawn))
    is_near = peak.value <= farthest
    return Scalability(
        per_user,
        contention,
        coherency,
        peak_users=peak.value if is_near else None,
        peak_per_second=float(_throughput(_terms(np.array(peak.value)), costs)) if is_near else None,
        peak_users_interval=(peak.low, peak.high) if peak.high <= farthest else None,
        residual_ratio=math.sqrt(float(np.mean((measured / fitted - 1) ** 2))),
    )


def largest_holding(levels: Sequence[tuple[int, bool]]) -> int | None:
    """
    The number of users up to which the criteria hold: at that level and at every lower level.

    Args:
        levels: Users, and whether the criteria hold, in any order; a level that was tried twice holds if it held
            both times.

    Returns:
        None where the criteria do not hold at the lowest level, or there is no level.
    """
    least_failing = min((users for users, holds in levels if not holds), default=math.inf)
    return max((users for users, _ in levels if users < least_failing), default=None)


def _terms(users: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    The factors of the three costs: N / X(N) = (1-contention)/per_user + N·contention/per_user
    + N(N-1)·coherency/per_user.

    In terms of these costs, all bounds of the law say the same: no cost is negative.
    """
    return np.stack((np.ones_like(users), users, users * (users - 1)), axis=-1)


def _throughput(terms: NDArray[np.float64], costs: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        throughput: NDArray[np.float64] = terms[..., 1] / (terms @ costs)
    return throughput


def _rough_costs(
    terms: NDArray[np.float64], measured: NDArray[np.float64], errors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The costs that fit N / X(N) best, which is linear in them; a single user always costs something."""
    users = terms[:, 1]
    weights = measured**2 / users / errors
    costs = nnls(terms * weights[:, np.newaxis], users / measured * weights)[0]
    costs[0] = max(costs[0], 0.01 * (users / measured).min())
    return costs


def _fit_costs(
    terms: NDArray[np.float64],
    measured: NDArray[np.float64],
    errors: NDArray[np.float64],
    costs: NDArray[np.float64],
) -> NDArray[np.float64]:
    """
    The costs that fit *measured* best: Gauss-Newton, starting at *costs*; each step is a bounded least-squares problem.

    A step that does not improve the fit is halved until it does, or ends the search.
    """
    fitted = _throughput(terms, costs)
    residuals = (measured - fitted) / errors
    misfit = float(residuals @ residuals)
    for _ in range(_MOST_ITERATIONS):
        slopes = terms * (-(fitted**2) / terms[:, 1] / errors)[:, np.newaxis]
        target = nnls(slopes, residuals + slopes @ costs)[0]
        step, before = 1.0, misfit
        while misfit >= before and step > _SMALLEST_STEP:
            tried = costs + step * (target - costs)
            fitted = _throughput(terms, tried)
            residuals = (measured - fitted) / errors
            misfit = float(residuals @ residuals)
            step /= 2
        if misfit >= before:
            return costs
        costs = tried
        if before - misfit < _TOLERANCE * before:
            return costs
    return costs


def _noise_scale(residuals: NDArray[np.float64]) -> float:
    """How many times as large as the standard errors the noise is, at least 1; *residuals* are multiples of these."""
    free = len(residuals) - 3
    scatter = math.sqrt(float((residuals**2).sum()) / free)
    return scatter * float(stdtrit(free, 1 - _TAIL) / ndtri(1 - _TAIL)) if scatter > 1 else 1.0


def _parameters(costs: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Throughput per user, contention and coherency; shape (…, 3), as *costs*.

    The throughput per user is infinite where a single user costs nothing, as may be where no level is near 1.
    """
    alone = costs[..., 0] + costs[..., 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.stack((1 / alone, costs[..., 1] / alone, costs[..., 2] / alone), axis=-1)


def _peak_users(costs: NDArray[np.float64]) -> NDArray[np.float64]:
    """√((1-contention)/coherency), at least 1; infinite where throughput never falls. Shape (…) from shape (…, 3)."""
    squares = np.full(costs.shape[:-1], np.inf)
    np.divide(costs[..., 0], costs[..., 2], out=squares, where=costs[..., 2] > 0)
    peaks: NDArray[np.float64] = np.maximum(np.sqrt(squares), 1)
    return peaks


def _estimate(value: NDArray[np.float64], drawn: NDArray[np.float64]) -> Fitted:
    ordered, beyond = np.sort(drawn), int(_TAIL * len(drawn))
    return Fitted(float(value), float(min(ordered[beyond], value)), float(max(ordered[-1 - beyond], value)))
