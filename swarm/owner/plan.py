"""The plan of a run, from the profile and Locust's own options; typed options win."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from conf.errors import LoadTestError
from conf.profile import LONGEST_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conf.operations import Journey
    from conf.profile import Profile, Step

_HIGHEST_SPAWN_RATE = 100.0


class Typed(NamedTuple):
    """What the engineer typed for the run; None or 0 leaves the value to the profile."""

    users: int | None = None
    spawn_rate: float | None = None
    run_time_s: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """
    The load that the owner asks Locust for.

    ``steps`` and ``users`` exclude each other: steps run as a load shape. Where ``run_time_s`` is None, the
    users' iterations or a person end the run.
    """

    users: int | None
    spawn_rate: float | None
    run_time_s: float | None
    steps: tuple[Step, ...]
    limited: bool
    """Whether the profile's iterations limit the users; a typed run time lifts that limit."""
    warm_up_s: float = 0.0
    """Seconds at the beginning of each step, or of the run, that are not judged."""

    @property
    def ramp_s(self) -> float:
        """Seconds until all users have started; 0 where steps set their starts."""
        return self.users / self.spawn_rate if self.users and self.spawn_rate else 0.0


def build_plan(journeys: Sequence[Journey], profile: Profile, typed: Typed) -> Plan:
    """
    Combine the profile's loads with what was typed: users, spawn rate and run time.

    Several journeys at once share the time of the longest; steps are for a journey on its own.

    Raises:
        LoadTestError: The typed run time is no longer than the profile's warm-up, or the run would take more than
            a year.
    """
    loads = [profile.load(journey) for journey in journeys]
    warm_up_s = max((load.warm_up_s for load in loads), default=0.0)
    if len(loads) == 1 and loads[0].steps and not typed.users and not typed.run_time_s:
        return Plan(None, None, None, loads[0].steps, limited=False, warm_up_s=warm_up_s)
    spawn_rates = [load.spawn_rate for load in loads]
    planned_s = max((load.longest_s or 0.0 for load in loads), default=0.0)
    if typed.run_time_s and typed.run_time_s <= warm_up_s:
        raise LoadTestError(
            f"--run-time: {typed.run_time_s:g} s are over before the profile's warm-up of {warm_up_s:g} s is",
            "Ask for a longer run time, or set the profile's warm_up_s lower.",
        )
    plan = Plan(
        users=typed.users or sum(load.most_users for load in loads),
        spawn_rate=typed.spawn_rate or min(sum(spawn_rates), _HIGHEST_SPAWN_RATE),
        run_time_s=typed.run_time_s or planned_s or None,
        steps=(),
        limited=not typed.run_time_s,
        warm_up_s=warm_up_s,
    )
    _refuse_too_long("--run-time", plan.run_time_s or 0.0)
    _refuse_too_long("--spawn-rate: the start of all users", plan.ramp_s)
    return plan


def _refuse_too_long(what: str, length_s: float) -> None:
    """Refuse lengths beyond the reach of clocks and timers."""
    if not length_s <= LONGEST_S:
        raise LoadTestError(
            f"{what}: {length_s:.6g} s are longer than a run can be, {LONGEST_S:,.0f} s (a year)",
            "Ask for a shorter time: -t 20, 20s, 3m, 2h or 1h20m; or for more users per second: -r 10.",
        )
