from __future__ import annotations

from collections import Counter
from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st

from locustfiles._houses import Houses, deal
from seed.fixture import House


def some_houses(count: int) -> list[House]:
    return [House(f"h{n}", "t", "slug", "d", "A", n, f"LV-{n:03}", f"q{n}", f"j{n}") for n in range(count)]


@given(st.integers(1, 60), st.integers(1, 12))
def test_every_house_is_dealt_and_none_twice_while_there_are_enough(houses: int, hands: int) -> None:
    shares = deal(some_houses(houses), hands)
    times = Counter(fields["house_id"] for share in shares for fields in share)
    assert len(times) == houses
    assert all(share for share in shares)
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) <= 1
    if houses >= hands:
        assert set(times.values()) == {1}


@given(st.integers(1, 20), st.integers(1, 60))
def test_users_share_houses_evenly_and_only_when_all_are_taken(houses: int, users: int) -> None:
    pool = Houses([asdict(house) for house in some_houses(houses)])
    tenants = Counter(pool.lease().house_id for _ in range(users))
    assert max(tenants.values()) - min(tenants.values()) <= (1 if len(tenants) == houses else 0)
    assert pool.shared == (users > houses)


def test_a_released_house_is_leased_again_before_any_is_shared() -> None:
    pool = Houses([asdict(house) for house in some_houses(2)])
    first = pool.lease()
    pool.lease()
    pool.release(first)
    assert pool.lease() == first
    assert not pool.shared
