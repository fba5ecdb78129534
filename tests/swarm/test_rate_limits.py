"""What a refusal says of its limit: how long to wait, in the three ways that portals say it."""

from __future__ import annotations

import pytest

from swarm.generator.rate_limits import RateLimits, rate_limits_of, wait_s

NOW_S = 1_795_560_000.0


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, 0),
        ({"Retry-After": "57"}, 57),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0),
        ({"X-RateLimit-Reset": str(round((NOW_S + 42) * 1000))}, 42),
        ({"X-RateLimit-Reset": str(NOW_S + 42)}, 42),
        ({"X-RateLimit-Reset": "42"}, 42),
        ({"X-RateLimit-Reset": str(NOW_S - 9)}, 0),
        ({"X-RateLimit-Reset": "soon"}, 0),
        ({"Retry-After": "nan"}, 0),
        ({"Retry-After": "-5"}, 0),
        ({"Retry-After": "inf"}, 0),
        ({"Retry-After": "1e300"}, 0),
        ({"Retry-After": "9" * 400}, 0),
        ({"Retry-After": "86401"}, 0),
        ({"Retry-After": "5, 7"}, 0),
        ({"Retry-After": "\u0665"}, 0),
        ({"Retry-After": ""}, 0),
        ({"Retry-After": "\xff\0"}, 0),
        ({"Retry-After": "many", "X-RateLimit-Reset": "42"}, 42),
        ({"X-RateLimit-Reset": "9" * 15}, 0),
        ({"X-RateLimit-Reset": str(NOW_S + 90_000)}, 0),
        ({"Retry-After": "3", "X-RateLimit-Reset": str(NOW_S + 42)}, 3),
    ],
)
def test_the_wait_is_read_however_it_is_told(headers: dict[str, str], wait: float) -> None:
    assert wait_s(headers, NOW_S) == pytest.approx(wait)


def test_refusals_of_all_processes_are_one_row_per_operation() -> None:
    first, second = RateLimits(lambda: NOW_S + 5), RateLimits(lambda: NOW_S)
    for _ in range(3):
        first.refuse("chat", {"Retry-After": "10"})
    second.refuse("chat", {"Retry-After": "57"})
    second.refuse("onboarding_resolve", {})
    chat, resolve = rate_limits_of([first.listed(), second.listed(), []])
    assert chat == ["chat", 4, NOW_S, 57.0]
    assert resolve == ["onboarding_resolve", 1, NOW_S, 0.0]
