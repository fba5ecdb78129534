"""The parts of a portal; one set per portal, made when it starts. A route asks for the part it needs: ``database_of(request)``."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from time import monotonic
from typing import TYPE_CHECKING

from monitoring.histogram_bounds import latency_bounds_s
from monitoring.journal.tracker import build_tracker
from portal.address_limits import AddressLimits
from portal.faults import Faults
from portal.intercepts import Interceptor
from portal.metrics import Metrics
from portal.model import SimulatedModel
from portal.ratelimit import RateLimiter
from portal.streaming.pace import StreamingModel
from portal.timed_cache import TimedCache

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from opentelemetry.trace import Tracer

    from conf.settings import Settings
    from monitoring.journal.tracker import Tracker
    from portal.database import Database


RESOLVED_FOR_S = 60.0
"""How long a house that was looked up is answered from memory."""


@dataclass(frozen=True, slots=True)
class Services:
    """The portal's parts."""

    database: Database
    limiter: RateLimiter
    buckets: AddressLimits
    interceptor: Interceptor
    resolved: TimedCache
    """Houses that were looked up, where the contract keeps them for a while."""
    model: SimulatedModel
    streaming_model: StreamingModel
    faults: Faults
    metrics: Metrics
    tracker: Tracker
    tracer: Tracer | None
    """Exports the requests' spans; None where OpenTelemetry is not configured."""
    clock: Callable[[], datetime]
    """The wall clock, aware."""
    secret: str = field(repr=False)
    """Signs and verifies the homeowners' JWTs."""


def build_services(
    settings: Settings,
    *,
    database: Database,
    tracer: Tracer | None,
    secret: str,
    clock: Callable[[], datetime],
) -> Services:
    """
    Everything a portal needs.

    Delays, the pace of streams and faults come from random generators of their own: none changes the sequence of another.
    """
    portal = settings.portal
    return Services(
        database=database,
        limiter=RateLimiter(portal.rate_limits, database, clock),
        buckets=AddressLimits(portal.rate_limits, monotonic),
        interceptor=Interceptor(portal.intercept_ratio, Random(f"intercepts {portal.random_seed}")),  # noqa: S311 - no secret
        resolved=TimedCache(RESOLVED_FOR_S, monotonic),
        model=SimulatedModel(portal.model, Random(f"model {portal.random_seed}")),  # noqa: S311 - no secret
        streaming_model=StreamingModel(portal.stream, Random(f"stream {portal.random_seed}")),  # noqa: S311 - no secret
        faults=Faults(portal.faults, Random(f"faults {portal.random_seed}")),  # noqa: S311 - no secret
        metrics=Metrics(database.pool_stats, latency_bounds_s(settings.thresholds)),
        tracker=build_tracker(settings),
        tracer=tracer,
        clock=clock,
        secret=secret,
    )
