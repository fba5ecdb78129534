"""A run over time, and the spread of its results: what the charts of a report are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conf.operations import Operation, Outcome


@dataclass(frozen=True, slots=True)
class Window:
    """
    One operation in a stretch of time.

    Args:
        start_s: Seconds since the start of the run.
        failures: Failures and requests that were cut off, by outcome, in the order of ``OperationCourse.outcomes``.
        p50_ms: Of answers and requests waited for in vain; like p95 and p99, None where there was neither.
        at_least: Which of p50, p95 and p99 are lower bounds.
        steps_ms: Mean duration of each of ``OperationCourse.server_steps``; None where no answer named the step.
    """

    start_s: float
    length_s: float
    successes: int
    failures: tuple[int, ...]
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    at_least: tuple[str, ...]
    steps_ms: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """*percent* of answers and requests waited for in vain took at most *value_ms*, a lower bound if *at_least*."""

    percent: float
    value_ms: float
    at_least: bool


@dataclass(frozen=True, slots=True)
class Bin:
    """How many answers took longer than *over_ms* and at most *to_ms*."""

    over_ms: float
    to_ms: float
    count: int


@dataclass(frozen=True, slots=True)
class OperationCourse:
    """
    One operation over the time of a run.

    Args:
        outcomes: Outcomes of its failures, and ``cut_off`` where requests were cut off.
        server_steps: Labels of the steps that the target's own timing names, in the contract's order.
        windows: At most 120, over the whole run with its warm-up, without gaps between them.
        percentiles: Up to the last percentile that so many results have; without the warm-up.
        bins: At most 60, of the answers alone. All have one width, or each is wider than the one before by one factor.
        waited: How many requests were waited for in vain; they are in no bin.
        gap_bins: As ``bins``, of each time between two texts of a streamed answer; none where answers were whole.
    """

    operation: Operation
    outcomes: tuple[Outcome, ...]
    server_steps: tuple[str, ...]
    windows: tuple[Window, ...]
    percentiles: tuple[CurvePoint, ...]
    bins: tuple[Bin, ...]
    waited: int
    gap_bins: tuple[Bin, ...] = ()


@dataclass(frozen=True, slots=True)
class UserLevel:
    """The number of users from *at_s* on, in seconds since the start of the run."""

    at_s: float
    users: int


@dataclass(frozen=True, slots=True)
class Course:
    """
    A run over time.

    Args:
        users: Changes of the number of users; the last entry is the last moment at which the number was seen. Empty
            where it was never seen.
    """

    users: tuple[UserLevel, ...]
    operations: tuple[OperationCourse, ...]
