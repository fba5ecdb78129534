"""The choice of a run: journeys, settings and plan, from the command line or the start form."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conf.errors import LoadTestError
from conf.journeys import choose_journeys
from conf.measurable import require_measurable
from conf.operations import ALL
from swarm.http.own_endpoint import require_own_endpoints
from swarm.owner.plan import build_plan

if TYPE_CHECKING:
    from locust import User

    from collections.abc import Iterable, Sequence

    from conf.operations import Journey
    from conf.profile import Profile
    from conf.settings import Settings
    from swarm.owner.plan import Plan, Typed

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """A run that may begin; ``plan`` combines settings and journeys with what was typed."""

    settings: Settings
    journeys: tuple[Journey, ...]
    plan: Plan


def build_choice(settings: Settings, journeys: Sequence[Journey], typed: Typed) -> Choice:
    """
    Combine settings, journeys and what was typed, and check the result.

    Raises:
        LoadTestError: What was typed leaves nothing to judge, criteria cannot be judged, or the load is more than
            the target's ceilings allow.
    """
    plan = build_plan(journeys, settings.profile, typed)
    step_users = [step.users for step in plan.steps]
    refuse_too_many(settings, max(step_users, default=plan.users or 0))
    _refuse_too_fast(settings, journeys)
    require_measurable(
        settings.thresholds, settings.profile, journeys, settings.contract.streamed, step_users
    )
    require_own_endpoints(settings.contract, journeys)
    return Choice(settings, tuple(journeys), plan)


def refuse_too_many(settings: Settings, users: int) -> None:
    """
    Compare *users* with the ceiling of the target.

    Raises:
        LoadTestError: There are more users than the ceiling allows.
    """
    most = settings.target.max_users
    if users > most:
        raise LoadTestError(
            f"target.max_users: {users:,} users were asked for, {most:,} are allowed",
            "Ask for fewer; or raise it, if whoever runs the target agrees.",
        )


def _refuse_too_fast(settings: Settings, journeys: Sequence[Journey]) -> None:
    rate = sum(settings.profile.load(journey).arrival_rate or 0.0 for journey in journeys)
    most = settings.target.max_requests_per_second
    if rate > most:
        raise LoadTestError(
            f"target.max_requests_per_second: {rate:g} arrivals per second are planned, {most:,} requests are allowed",
            "Plan fewer (arrival_rate); or raise it, if whoever runs the target agrees.",
        )


def offered_journeys(user_classes: Iterable[type[User]]) -> tuple[Journey, ...]:
    """The journeys that have a user class."""
    return tuple(sorted({user.journey for user in user_classes if hasattr(user, "journey")}))


def share_users(user_classes: Iterable[type[User]], profile: Profile) -> None:
    """
    Make Locust deal users to the journeys as the profile says, and any other number of users in that proportion.

    Several classes of one journey share its users evenly. Classes that are not the suite's keep their weight.
    """
    of_journeys = [user for user in user_classes if hasattr(user, "journey")]
    classes = Counter(user.journey for user in of_journeys)
    for user in of_journeys:
        user.weight = profile.load(user.journey).most_users / classes[user.journey]


def chosen_journeys(word: str, offered: Sequence[Journey], settings: Settings) -> tuple[Journey, ...]:
    """
    The journeys that ``--journey`` names; what they lack is logged.

    Raises:
        LoadTestError: No locustfile of this run has a user class for the journey, or *settings* do not allow it.
    """
    if word not in {ALL, *offered}:
        loaded = ", ".join(offered) or "none"
        raise LoadTestError(
            f"--journey: no user class for {word!r} is loaded (loaded: {loaded})",
            "Load them all: locust -f locustfiles/",
        )
    journeys, warnings = choose_journeys(word, offered, settings)
    for warning in warnings:
        _log.warning("%s", warning)
    return journeys
