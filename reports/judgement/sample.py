"""What a criterion is judged by: results, and the figure that its metric makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from reports.statistics.certainty import Interval, Method, ratio_interval

if TYPE_CHECKING:
    from conf.metric import Metric
    from conf.thresholds import Limits
    from reports.cut_off import CutOff


class Measured(NamedTuple):
    """
    A figure, and the other values that it might have; all in the metric's unit.

    Args:
        value: Infinite where it lies among requests that were never answered.
        at_least: Whether the value is a lower bound.
        cut_off_failed: The worst value if all requests that were cut off had failed.
        never_answered: The value if requests that timed out had never been answered either.
    """

    value: float
    at_least: bool = False
    cut_off_failed: tuple[float, ...] = ()
    never_answered: tuple[float, ...] = ()


class Sample(Protocol):
    """Results of one subject."""

    @property
    def attempts(self) -> int:
        """All results but those that the end of the run cut off."""

    @property
    def successes(self) -> int:
        """Results that succeeded."""

    @property
    def cut_off(self) -> CutOff:
        """Requests that the end of the run cut off."""

    def measured(self, metric: Metric, limits: Limits) -> Measured | None:
        """The figure; None where it was not measured."""

    def judged_count(self, metric: Metric) -> int | None:
        """How many results the metric is judged by; None where the metric does not apply to them."""

    def count(self, metric: Metric) -> int | None:
        """How many results the value rests on; None where their number does not show how sure it is."""

    def interval(self, metric: Metric, limits: Limits) -> Interval | None:
        """The value's 95 % interval; None where there is none, or too few results for one."""


def share_interval(count: int, requests: int) -> Interval | None:
    """The 95 % interval of a share; None where there are no requests."""
    ends = ratio_interval(count, requests)
    return Interval(*ends, Method.CLOPPER_PEARSON) if ends else None
