"""
What owner and load-generating processes say to each other, over Locust's own channel.

Every message names its run. A worker that stood still may say what belongs to a run that is over, or hear it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True)
class Message:
    """What every message has."""

    TYPE: ClassVar[str]
    run_id: str
    """Which run it is about."""

    def pack(self) -> dict[str, Any]:
        """As Locust sends it."""
        return {spec.name: getattr(self, spec.name) for spec in fields(self)}

    @classmethod
    def unpack(cls, data: dict[str, Any]) -> Self:
        """As it was sent."""
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Begin(Message):
    """Owner → process, before the first user starts: what the run needs of you."""

    TYPE: ClassVar = "loadtest:begin"
    known: list[Any]
    """One house of each development, packed."""
    limited: bool
    """Whether the profile's iterations end each user's work; False where a run time was asked for."""
    step: int
    """To which the first requests belong; a warm-up has a number of its own."""
    share: int
    """Which part of the planned arrivals this process makes, from 0 ..."""
    shares: int
    """... of so many; 0: of none, for a process that joined a run under way."""
    ramp_s: float
    """How long the users take to start; planned arrivals begin after it."""
    ceiling: int
    """How many requests this process may send in a second."""
    journeys: list[str]
    """What the users of this run set out to do."""
    profile: str
    """Which load they make."""
    load: str
    """What the owner's settings make of the load, as a digest; a process with another one makes another load."""
    over: bool
    """Whether the run is ending: a process that joins now makes no load any more, whatever Locust tells it."""


@dataclass(frozen=True, slots=True)
class CeilingShare(Message):
    """Owner → process: send no more requests than this in a second, now that there are more of you."""

    TYPE: ClassVar = "loadtest:ceiling"
    per_second: int


@dataclass(frozen=True, slots=True)
class Want(Message):
    """Process → owner: so many users wait for a house."""

    TYPE: ClassVar = "loadtest:want"
    leases: int
    """Houses to live in, until they are given back."""
    fresh: int
    """Houses to onboard, once."""


@dataclass(frozen=True, slots=True)
class Dealt(Message):
    """Owner → process: houses, packed, in one or more messages."""

    TYPE: ClassVar = "loadtest:dealt"
    leases: list[Any]
    fresh: list[Any]


@dataclass(frozen=True, slots=True)
class Back(Message):
    """Process → owner: these houses are free again; an id for each user that had one."""

    TYPE: ClassVar = "loadtest:back"
    house_ids: list[str]


@dataclass(frozen=True, slots=True)
class NewTokens(Message):
    """Owner → process: the JWTs of houses that it holds are about to expire; these take their place."""

    TYPE: ClassVar = "loadtest:tokens"
    tokens: dict[str, str] = field(repr=False)
    """House id → JWT."""


@dataclass(frozen=True, slots=True)
class Trouble(Message):
    """Process → owner: something in me failed; the run is not valid, and may as well end."""

    TYPE: ClassVar = "loadtest:trouble"
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class StepBegins(Message):
    """Owner → process: requests that start from now on belong to this step."""

    TYPE: ClassVar = "loadtest:step"
    index: int


@dataclass(frozen=True, slots=True)
class Finish(Message):
    """Owner → process: let your users finish, send what is left, say so."""

    TYPE: ClassVar = "loadtest:finish"
    run_id: str


@dataclass(frozen=True, slots=True)
class Finished(Message):
    """Process → owner: all is sent."""

    TYPE: ClassVar = "loadtest:finished"
    users: int
    """That it had before."""


@dataclass(frozen=True, slots=True)
class Report(Message):
    """Process → owner, with each of Locust's reports and once at the end; travels in the report's data."""

    KEY: ClassVar = "loadtest"
    measurements: dict[str, bytes]
    recorded: int
    """Results since the start of the run, including those in *measurements*."""
    attempts: dict[str, list[int]]
    """Since the start of the run: of each operation, how many were begun, and how many ended with a result."""
    parked: int
    """Users that have made all their iterations."""
    differs: bool
    """Whether this process has other settings than the owner, and so makes another load."""
    spent: int
    """Onboardings that the portal had seen before."""
    held_back: int
    """Requests that had to wait for the ceiling."""
    begun: int
    """Planned starts that were made."""
    missed: int
    """Planned starts that were not; known once the process has finished."""
    clock_ahead_s: float | None
    """This machine's clock less the portal's; None where no JWT was refused."""
    rate_limits: list[list[Any]]
    """Since the start of the run: what the portal's limiter refused, as `RateLimits.listed` says it."""
    slowest: list[list[Any]]
    """Since the start of the run: operation, seconds, when it ended in seconds since the epoch, trace."""
    lag: bytes
    """Event-loop lag since the last report, as a histogram."""
    rss_bytes: int
    cpu_ratio: float
    open_files: int
    open_files_limit: int
