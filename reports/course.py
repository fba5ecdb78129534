"""The course of a run and the spread of its results: what the charts of a report are drawn from."""

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
        failures: By outcome, in the order of the course's *outcomes*; what the end of the run cut off too.
        p50_ms: Of answers and of what was waited for in vain; None, like the others, where there was neither.
        at_least: Which of the three are lower bounds.
        steps_ms: How long each of the course's *server_steps* took on average; None where no answer named it.
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
    """*percent* of the answers, and of what was waited for in vain, took at most *value_ms*; or *at_least* so long."""

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
    One operation over the run.

    Args:
        outcomes: How its failures ended, and that requests were cut off, where they were.
        server_steps: What people call the steps that the target's own timing names, in the contract's order.
        windows: At most 120, of the whole run; those of the warm-up too. Nothing is missing between two.
        percentiles: Up to the last that so many results have; the warm-up is not in it.
        bins: At most 60, of the answers alone. All are of one width, or each as many times as wide as the one before.
        waited: How many requests were waited for in vain, and are in no bin.
    """

    operation: Operation
    outcomes: tuple[Outcome, ...]
    server_steps: tuple[str, ...]
    windows: tuple[Window, ...]
    percentiles: tuple[CurvePoint, ...]
    bins: tuple[Bin, ...]
    waited: int


@dataclass(frozen=True, slots=True)
class UserLevel:
    """From *at_s*, in seconds since the start of the run, there were so many users."""

    at_s: float
    users: int


@dataclass(frozen=True, slots=True)
class Course:
    """
    The course of a run.

    Args:
        users: Changes of the number of users; the last says when it was last seen. Empty where the number was not seen.
    """

    users: tuple[UserLevel, ...]
    operations: tuple[OperationCourse, ...]
