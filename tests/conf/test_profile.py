"""How much load, how long; and what Locust's own options change."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from conf.loading import load_settings
from conf.operations import Journey
from conf.profile import Load, Profile, Step
from swarm.owner.plan import Plan, Typed, build_plan

STEPS = (Step(users=1, duration_s=2), Step(users=5, duration_s=3))
PROFILE = Profile(
    description="of the tests",
    rag=Load(steps=STEPS),
    chat=Load(users=20, spawn_rate=60, iterations=3),
    onboarding=Load(users=7, spawn_rate=70, run_time_s=9),
)


def plan(*journeys: Journey, **typed: Any) -> Plan:
    return build_plan(journeys, PROFILE, Typed(**typed))


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({}, "exactly one of iterations, run_time_s, steps .*none"),
        ({"iterations": 1, "run_time_s": 1}, "given: iterations, run_time_s"),
        ({"iterations": 1, "steps": STEPS}, "given: iterations, steps"),
        ({"iterations": 0}, "greater than or equal to 1"),
        ({"run_time_s": 0}, "greater than 0"),
        ({"run_time_s": float("inf")}, "finite"),
        ({"steps": [{"users": 0, "duration_s": 1}]}, "greater than or equal to 1"),
        ({"iterations": 1, "users": 0}, "greater than or equal to 1"),
        ({"iterations": 1, "spawn_rate": 101}, "less than or equal to 100"),
        ({"iterations": 1, "think_time_s": (2, 1)}, r"not \[2, 1\]"),
        ({"iterations": 1, "think_time_s": (-1, 1)}, r"not \[-1, 1\]"),
        ({"iterations": 1, "questions_in_flight": 0}, "greater than or equal to 1"),
        ({"iterations": 1, "user": 3}, "not permitted"),
    ],
)
def test_a_load_without_one_clear_end_is_refused(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Load(**values)


def test_a_load_knows_its_most_users_and_its_length() -> None:
    assert (PROFILE.rag.most_users, PROFILE.rag.longest_s) == (5, 5)
    assert (PROFILE.chat.most_users, PROFILE.chat.longest_s) == (20, None)
    assert (PROFILE.onboarding.most_users, PROFILE.onboarding.longest_s) == (7, 9)
    assert PROFILE.longest_s(PROFILE.loads) == 14
    assert PROFILE.longest_s([Journey.CHAT]) == 0


def test_the_default_profile_is_the_documents() -> None:
    profile = load_settings(environ={}).profile
    assert profile.chat.users * profile.chat.questions_in_flight == 60
    assert profile.onboarding.users == 20
    assert [step.users for step in profile.rag.steps] == [1, 5, 10, 20, 50]


def test_nothing_typed_the_profile_decides() -> None:
    assert plan(Journey.RAG) == Plan(None, None, None, STEPS, limited=False)
    assert plan(Journey.CHAT) == Plan(20, 60, None, (), limited=True)
    assert plan(Journey.ONBOARDING) == Plan(7, 70, 9, (), limited=True)


def test_users_and_spawn_rate_typed_replace_the_profiles_and_iterations_still_end_the_run() -> None:
    assert plan(Journey.CHAT, users=3, spawn_rate=2) == Plan(3, 2, None, (), limited=True)


def test_a_run_time_typed_lifts_the_iterations() -> None:
    assert plan(Journey.CHAT, run_time_s=30) == Plan(20, 60, 30, (), limited=False)
    assert plan(Journey.ONBOARDING, run_time_s=30).run_time_s == 30


def test_users_or_a_run_time_typed_replace_the_steps_by_one_level() -> None:
    assert plan(Journey.RAG, users=8) == Plan(8, 100, 5, (), limited=True)
    assert plan(Journey.RAG, run_time_s=30) == Plan(5, 100, 30, (), limited=False)
    assert plan(Journey.RAG, spawn_rate=1).steps == STEPS


def test_journeys_at_once_add_up_their_users_and_share_the_longest_time() -> None:
    assert plan(Journey.RAG, Journey.CHAT, Journey.ONBOARDING) == Plan(32, 100, 9, (), limited=True)
    assert plan(Journey.CHAT, Journey.ONBOARDING, users=4, run_time_s=6) == Plan(4, 100, 6, (), limited=False)
