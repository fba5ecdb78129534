"""Load profiles: how much load, how long. One file per profile in ``conf/profiles/``."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from conf.errors import LoadTestError
from conf.operations import Journey
from conf.table_model import with_field_per

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_S = 366 * 86_400.0
"""Longest run, and longest part of one."""


class Arrivals(StrEnum):
    """When the flows of an open workload start."""

    CONSTANT = "constant"
    """At equal intervals."""
    POISSON = "poisson"
    """Independent of each other, like visitors: the intervals are exponential."""


class Step(BaseModel):
    """A stretch of a run at one load level."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    users: int = Field(ge=1)
    duration_s: float = Field(gt=0, le=LONGEST_S)


class Load(BaseModel):
    """
    The load of one journey.

    Exactly one of these ends it: ``iterations`` (each user makes that many flows), ``run_time_s``, or the last of
    ``steps``.

    With ``arrival_rate`` the workload is open: flows start at planned moments, also when the portal is slow, and
    ``users`` is the largest number of flows under way at once. Without it, users wait for their answers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    users: int = Field(default=1, ge=1, description="Concurrent users.")
    spawn_rate: float = Field(default=100, gt=0, le=100, description="Users started per second.")
    iterations: int | None = Field(default=None, ge=1, description="Flows per user.")
    run_time_s: float | None = Field(default=None, gt=0, le=LONGEST_S)
    steps: tuple[Step, ...] = Field(default=(), description="Concurrency levels, one after the other.")
    think_time_s: tuple[float, float] = Field(default=(0.0, 0.0), description="Least and most, uniform.")
    questions_in_flight: int = Field(default=1, ge=1, description="Chat: questions asked at once.")
    warm_up_s: float = Field(
        default=0, ge=0, description="Results that begin earlier are not judged; per step."
    )
    arrival_rate: float | None = Field(
        default=None, gt=0, le=100_000, description="Flows started per second, all processes."
    )
    arrivals: Arrivals = Arrivals.POISSON
    abandon_ratio: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0,
        description="Chat: share of streamed answers whose homeowner closes the page; all of these are apart ...",
    )
    abandon_within_s: float = Field(
        default=5.0,
        gt=0,
        le=LONGEST_S,
        description="... at a random moment within so long; a quicker answer has ended by then.",
    )
    reuse_houses: bool = Field(default=False, description="Onboarding: a house may be scanned again.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ends = [n for n in ("iterations", "run_time_s", "steps") if getattr(self, n)]
        if len(ends) != 1:
            raise ValueError(
                f"give exactly one of iterations, run_time_s, steps (given: {', '.join(ends) or 'none'})"
            )
        least, most = self.think_time_s
        if not 0 <= least <= most:
            raise ValueError(
                f"think_time_s must be [least, most] with 0 <= least <= most, not [{least:g}, {most:g}]"
            )
        return self

    @model_validator(mode="after")
    def _open_workload(self) -> Self:
        if self.arrival_rate is None:
            return self
        if self.run_time_s is None:
            raise ValueError("arrival_rate needs run_time_s: flows start until the time is over")
        if self.think_time_s != (0.0, 0.0):
            raise ValueError("think_time_s is for users that wait; with arrival_rate every start is planned")
        return self

    @model_validator(mode="after")
    def _warm_up_is_shorter(self) -> Self:
        shortest_s = min((step.duration_s for step in self.steps), default=self.run_time_s)
        if self.warm_up_s and shortest_s is None:
            raise ValueError("warm_up_s needs run_time_s or steps: iterations may be over before it is")
        if shortest_s is not None and self.warm_up_s >= shortest_s:
            raise ValueError(f"warm_up_s ({self.warm_up_s:g}) leaves nothing of {shortest_s:g} s to judge")
        return self

    @property
    def most_users(self) -> int:
        """The largest number of users that run at once."""
        return max((step.users for step in self.steps), default=self.users)

    @property
    def longest_s(self) -> float | None:
        """Planned length in seconds; None where ``iterations`` end the load."""
        return sum(step.duration_s for step in self.steps) if self.steps else self.run_time_s


@with_field_per(Journey, Load)
class Profile(BaseModel):
    """A named set of loads, one per journey; a journey without one cannot be run."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    description: str

    @property
    def loads(self) -> dict[Journey, Load]:
        """Those that there are."""
        found = ((journey, getattr(self, journey.value, None)) for journey in Journey)
        return {journey: load for journey, load in found if load is not None}

    def load(self, journey: Journey) -> Load:
        """
        The load of *journey*.

        Raises:
            LoadTestError: The profile has none.
        """
        load: Load | None = getattr(self, journey.value, None)
        if load is None:
            raise LoadTestError(f"profile: has no load for {journey}", f"Write one: [{journey}]")
        return load

    def longest_s(self, journeys: Iterable[Journey]) -> float:
        """Planned length of *journeys*, one after the other, in seconds; a load that ``iterations`` end counts as 0."""
        return sum(self.load(journey).longest_s or 0 for journey in journeys)
