"""
The messages between the owner and the load-generating processes, over Locust's own channel.

Every message names its run: after a worker stood still, it may send or receive a message of a run that is over.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True)
class Message:
    """The part that every message has."""

    TYPE: ClassVar[str]
    run_id: str
    """The run that the message is about."""

    def pack(self) -> dict[str, Any]:
        """The message as a dict, which Locust can send."""
        return {spec.name: getattr(self, spec.name) for spec in fields(self)}

    @classmethod
    def unpack(cls, data: dict[str, Any]) -> Self:
        """The message that `pack` made *data* of."""
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Begin(Message):
    """Owner → process, before the first user starts: the process's part in the run."""

    TYPE: ClassVar = "loadtest:begin"
    known: list[Any]
    """One packed house of each development."""
    questions: list[Any]
    """What chat users ask, packed, with the salt of the run."""
    limited: bool
    """Whether each user stops after the profile's iterations; False where the command names a run time."""
    step: int
    """The step that the first requests belong to; a warm-up has a number of its own."""
    share: int
    """Number of this process's share of the planned arrivals, from 0."""
    shares: int
    """How many shares the planned arrivals have; 0 for a process that joined later, and so plans none."""
    ramp_s: float
    """Seconds until all users have started; planned arrivals begin after them."""
    ceiling: int
    """Most requests that this process may send in a second."""
    journeys: list[str]
    """The journeys of this run's users."""
    profile: str
    """Name of the profile that describes the load."""
    load: str
    """Digest of the settings that shape the load, as the owner has them; a process with another digest makes another load."""
    over: bool
    """Whether the run is ending: a process that joins now makes no load, even if Locust starts users there."""


@dataclass(frozen=True, slots=True)
class CeilingShare(Message):
    """Owner → process: the new limit of requests per second, after another process has joined."""

    TYPE: ClassVar = "loadtest:ceiling"
    per_second: int


@dataclass(frozen=True, slots=True)
class Want(Message):
    """Process → owner: how many users wait for a house."""

    TYPE: ClassVar = "loadtest:want"
    leases: int
    """Houses wanted to live in, until they are given back."""
    fresh: int
    """Houses wanted to onboard once."""


@dataclass(frozen=True, slots=True)
class Dealt(Message):
    """Owner → process: packed houses, in one or more messages."""

    TYPE: ClassVar = "loadtest:dealt"
    leases: list[Any]
    fresh: list[Any]


@dataclass(frozen=True, slots=True)
class Back(Message):
    """Process → owner: houses that are free again, with one id for each user that had one."""

    TYPE: ClassVar = "loadtest:back"
    house_ids: list[str]


@dataclass(frozen=True, slots=True)
class NewTokens(Message):
    """Owner → process: new JWTs for houses that the process holds, since the old ones are about to expire."""

    TYPE: ClassVar = "loadtest:tokens"
    tokens: dict[str, str] = field(repr=False)
    """House id → JWT."""


@dataclass(frozen=True, slots=True)
class Trouble(Message):
    """Process → owner: something in the process failed, so that the run is not valid and should end."""

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
    """Owner → process: let the users finish, send the remaining results, then send `Finished`."""

    TYPE: ClassVar = "loadtest:finish"
    run_id: str


@dataclass(frozen=True, slots=True)
class Finished(Message):
    """Process → owner: all results are sent."""

    TYPE: ClassVar = "loadtest:finished"
    users: int
    """Users that the process had before it finished."""


@dataclass(frozen=True, slots=True)
class Report(Message):
    """Process → owner: what it measured. Travels in the data of each of Locust's reports, and once more at the end."""

    KEY: ClassVar = "loadtest"
    measurements: dict[str, bytes]
    recorded: int
    """Results since the start of the run, including those in *measurements*."""
    attempts: dict[str, list[int]]
    """Operation → attempts begun and attempts ended with a result, since the start of the run."""
    parked: int
    """Users that have made all their iterations."""
    differs: bool
    """Whether this process's settings differ from the owner's, so that it makes another load."""
    spent: int
    """Onboardings of houses that the portal had seen before."""
    held_back: int
    """Requests that had to wait for the ceiling."""
    begun: int
    """Planned starts that were made."""
    missed: int
    """Planned starts that were not made; known once the process has finished."""
    clock_ahead_s: float | None
    """This machine's clock minus the portal's; None where no JWT was refused."""
    rate_limits: list[list[Any]]
    """Requests that the portal's rate limiter refused since the start of the run, as `RateLimits.listed` returns them."""
    slowest: list[list[Any]]
    """The slowest answers since the start of the run, as `Slowest.listed` returns them."""
    halting: list[list[Any]]
    """The streamed answers with the largest gaps, likewise."""
    lag: bytes
    """Event-loop lag since the last report, as a histogram."""
    rss_bytes: int
    cpu_ratio: float
    open_files: int
    open_files_limit: int
