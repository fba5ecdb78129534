"""What the routes work with; one set per portal, made when it starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from portal.faults import Faults
from portal.metrics import Metrics
from portal.model import SimulatedModel
from portal.ratelimit import RateLimiter

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from conf.settings import Portal
    from monitoring.tracker import Tracker
    from portal.database import Database


@dataclass(frozen=True, slots=True)
class Services:
    """The portal's parts."""

    database: Database
    limiter: RateLimiter
    model: SimulatedModel
    faults: Faults
    metrics: Metrics
    tracker: Tracker
    clock: Callable[[], datetime]
    """The wall clock, aware."""
    secret: str = field(repr=False)
    """Signs and verifies the homeowners' JWTs."""


def build_services(
    settings: Portal, *, database: Database, tracker: Tracker, secret: str, clock: Callable[[], datetime]
) -> Services:
    """Everything a portal needs; delays and faults come from two generators, so that one cannot disturb the other."""
    return Services(
        database=database,
        limiter=RateLimiter(settings.rate_limits, database, clock),
        model=SimulatedModel(settings.model, Random(f"model {settings.random_seed}")),  # noqa: S311 - no secret
        faults=Faults(settings.faults, Random(f"faults {settings.random_seed}")),  # noqa: S311 - no secret
        metrics=Metrics(),
        tracker=tracker,
        clock=clock,
        secret=secret,
    )
