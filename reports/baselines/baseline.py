"""A run, reduced to what a later one is compared with."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from conf.operations import Journey, Operation
from conf.stream_figures import Moment as StreamMoment
from reports.manifest import Moment
from reports.statistics.distribution import Distribution
from reports.statistics.latencies import Latencies
from reports.statistics.series import Series

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_WINDOWS = 60
"""The most windows in which the results of one operation are kept."""
COMPARED = (StreamMoment.FIRST_CONTENT, StreamMoment.LARGEST_GAP, StreamMoment.DONE)
"""The moments of streamed answers that are kept."""
_SPACING_S = 5.0


class _BaselinePart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Machine(_BaselinePart):
    """The machine that read the run's files, usually also the machine of the run; its name is not kept."""

    cpus: int = Field(ge=1)
    platform: str

    @classmethod
    def here(cls) -> Self:
        """The machine of this process."""
        return cls(cpus=os.cpu_count() or 1, platform=f"{platform.system()} {platform.machine()}")


class Made(_BaselinePart):
    """
    How a run was made.

    Args:
        steps: Users of each step; empty where the load has no steps.
        users: The users that were asked for.
        questions: What chat users asked, and how often each; baselines of an older suite asked these.
        arrivals_per_second: Planned starts per second of an open workload.
        target: Whether the portal was on the machine that made the load; its address is not kept.
    """

    journeys: tuple[Journey, ...]
    profile: str
    contract: str
    users: int = Field(ge=0)
    steps: tuple[int, ...]
    questions: str = "31 of the suite, uniform"
    arrivals_per_second: float | None
    target: Literal["loopback", "remote"]
    started_at: Moment
    commit: str | None
    versions: dict[str, str]
    machine: Machine


class Spans(_BaselinePart):
    """
    A moment of the streamed answers, by the windows of their account.

    Args:
        windows: How long it took, as ``Account.windows``.
        waited: How long it was waited for in vain, as ``Account.waited``.
    """

    windows: tuple[str, ...] = Field(max_length=MOST_WINDOWS)
    waited: tuple[str, ...] = Field(default=(), max_length=MOST_WINDOWS)


class Account(_BaselinePart):
    """
    The results of one operation, over the whole run or over all steps with the same number of users.

    Args:
        users: Users of the steps; None for the whole run.
        requests: All results outside of the warm-up.
        failures: How many of the requests failed.
        cut_off: How many of the requests were in flight at the end of the run: neither successes nor failures.
        windows: Successes by consecutive windows of time, at most 60: HdrHistograms of microseconds, in their
            compressed base64 form.
        waited: Requests that were waited for in vain, and how long, by the same windows; empty where there are none.
        moments: Of streamed answers.
    """

    operation: Operation
    users: int | None = Field(ge=1)
    requests: int = Field(ge=0)
    failures: int = Field(ge=0)
    cut_off: int = Field(default=0, ge=0)
    windows: tuple[str, ...] = Field(max_length=MOST_WINDOWS)
    waited: tuple[str, ...] = Field(default=(), max_length=MOST_WINDOWS)
    moments: dict[StreamMoment, Spans] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        for moment in self.moments:
            self.latencies(moment)
        latencies = self.latencies()
        held, waited = latencies.answered.count, latencies.waited.count
        if held != self.successes:
            raise ValueError(
                f"{self.requests:,} results of which {self.failures:,} failed, "
                f"but the windows hold {held:,} successes"
            )
        if not self.cut_off <= waited <= self.cut_off + self.failures:
            raise ValueError(
                f"{self.failures:,} results failed and {self.cut_off:,} were cut off, "
                f"but {waited:,} were waited for in vain"
            )
        return self

    @property
    def attempts(self) -> int:
        """Results that succeeded or failed."""
        return self.requests - self.cut_off

    @property
    def successes(self) -> int:
        """Results that succeeded."""
        return self.attempts - self.failures

    @property
    def subject(self) -> str:
        """The subject as the settings spell it."""
        return self.operation if self.users is None else f"{self.operation}@{self.users}"

    def latencies(self, moment: StreamMoment | None = None) -> Latencies:
        """
        Durations of the successes, and of the requests that were waited for in vain; or those of a moment.

        Raises:
            ValueError: A window is damaged.
        """
        found = self if moment is None else self.moments[moment]
        return Latencies(_decoded(found.windows), _decoded(found.waited))


def _decoded(windows: Iterable[str]) -> Series:
    series = Series()
    for number, payload in enumerate(windows):
        window = Distribution()
        try:
            window.add_encoded(payload)
        except Exception:  # noqa: BLE001 - the decoder raises exceptions of many kinds
            raise ValueError(f"window {number + 1} is damaged or cut off") from None
        series.add(number * _SPACING_S, window)
    return series


class Baseline(_BaselinePart):
    """A run, reduced to what a later one is compared with."""

    format: Literal[1] = 1
    name: str
    made: Made
    accounts: tuple[Account, ...]

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        subjects = [account.subject for account in self.accounts]
        if twice := sorted({subject for subject in subjects if subjects.count(subject) > 1}):
            raise ValueError(f"{', '.join(twice)}: stands there more than once")
        return self
