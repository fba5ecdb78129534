"""The owner's dealer and the processes' houses, joined by a wire that packs every message as Locust does."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import gevent
import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from patience import TIMEOUT_S

from monitoring.measurement import utc_now
from seed.fixture import House, pack_house
from seed.jwts import Signer, homeowner_token, token_expiry
from swarm.generator.houses import Houses
from swarm.messages import Back, Dealt, NewTokens, Want
from swarm.owner.dealer import Dealer, Deck

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from swarm.generator.houses import Lease

SECRET = "a-secret-of-the-tests-that-is-long-enough"  # noqa: S105 - of no portal
RUN = "a-run"


def some_houses(
    count: int, *, signed_at: datetime | None = None, lifetime: timedelta | None = None
) -> list[House]:
    def signed(house: House) -> House:
        if signed_at is None:
            return house
        jwt = homeowner_token(house, SECRET, signed_at, lifetime or timedelta(hours=24))
        return replace(house, jwt=jwt)

    return [
        signed(House(f"h{n}", "t", "slug", f"d{n % 3}", "A", n, f"LV-{n:03}", f"q{n}", f"j{n}"))
        for n in range(count)
    ]


def deck_of(houses: Sequence[House]) -> Deck:
    never = datetime.max.replace(tzinfo=UTC)
    return Deck.of(houses, [token_expiry(h.jwt) if "." in h.jwt else never for h in houses])


class Wire:
    """Locust's runner, as far as messages go: owner and processes in one event loop."""

    def __init__(self) -> None:
        self.listeners: dict[str, Callable[..., None]] = {}
        self.houses: dict[str, Houses] = {}
        self.cut: set[str] = set()
        self.sent: Counter[str] = Counter()

    @staticmethod
    def packed(kind: str, data: dict[str, Any], process: str) -> SimpleNamespace:
        """What arrives of a message."""
        return SimpleNamespace(type=kind, data=msgpack.loads(msgpack.dumps(data)), node_id=process)

    def register_message(self, kind: str, listener: Callable[..., None], **_: object) -> None:
        self.listeners[kind] = listener

    def send_message(self, kind: str, data: dict[str, Any], process: str) -> None:
        """Owner → process."""
        message = self.packed(kind, data, process)
        self.sent[kind] += 1
        if process not in self.cut:
            gevent.spawn(self._arrive, process, message)

    def _arrive(self, process: str, message: SimpleNamespace) -> None:
        houses = self.houses[process]
        if message.type == Dealt.TYPE:
            houses.add(Dealt.unpack(message.data))
        else:
            houses.renew(NewTokens.unpack(message.data))

    def join(self, process: str, known: Sequence[House]) -> Houses:
        def send(kind: str, data: dict[str, Any]) -> None:
            self.sent[kind] += 1
            message = self.packed(kind, data, process)
            if process not in self.cut:
                gevent.spawn(self.listeners[kind], msg=message)

        self.houses[process] = Houses(RUN, [pack_house(house) for house in known], send)
        return self.houses[process]


class Table:
    """A run: its dealer, and so many processes."""

    def __init__(self, houses: Sequence[House], processes: int, signer: Signer | None = None) -> None:
        self.wire = Wire()
        self.dealer = Dealer(self.wire)  # type: ignore[arg-type]
        self.dealer.begin(RUN, deck_of(houses), signer)
        self.processes = [self.join(str(number)) for number in range(processes)]

    def join(self, name: str) -> Houses:
        return self.wire.join(name, self.dealer.known)

    def lease(self, users: Sequence[int]) -> list[Lease]:
        """So many users start at once in each process."""
        starting = [
            gevent.spawn(houses.lease)
            for houses, count in zip(self.processes, users, strict=True)
            for _ in range(count)
        ]
        gevent.joinall(starting, timeout=TIMEOUT_S, raise_error=True)
        return [user.value for user in starting]


def settle() -> None:
    for _ in range(20):
        gevent.sleep(0.0005)


def tenants(leases: Sequence[Lease]) -> Counter[str]:
    return Counter(lease.house.house_id for lease in leases)


@given(st.integers(1, 40), st.lists(st.integers(0, 15), min_size=1, max_size=6))
def test_users_of_all_processes_share_evenly_and_only_when_all_houses_are_taken(
    houses: int, users: list[int]
) -> None:
    table = Table(some_houses(houses), len(users))
    shared = tenants(table.lease(users))
    total = sum(users)
    assert shared.total() == total
    counts = [shared[f"h{n}"] for n in range(houses)]
    assert max(counts) - min(counts) <= 1
    assert table.dealer.most_tenants == -(-total // houses)
    assert table.dealer.leased == min(total, houses)


@given(st.integers(1, 12), st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=60), st.randoms())
def test_no_two_live_users_hold_a_house_while_there_are_enough(
    houses: int, moves: list[tuple[int, bool]], random: Random
) -> None:
    table = Table(some_houses(houses), 3)
    live: list[tuple[Houses, Lease]] = []
    for process, comes in moves:
        if comes and len(live) < houses:
            live.append((table.processes[process], *table.lease([int(p == process) for p in range(3)])))
        elif live:
            home, lease = live.pop(random.randrange(len(live)))
            home.release(lease)
            settle()
        assert max(tenants([lease for _, lease in live]).values(), default=1) == 1
    assert table.dealer.most_tenants <= 1


def test_all_who_start_at_once_are_one_question() -> None:
    table = Table(some_houses(100), 1)
    table.lease([100])
    assert table.wire.sent == {Want.TYPE: 1, Dealt.TYPE: 1}


def test_a_worker_that_dies_gives_its_houses_back() -> None:
    table = Table(some_houses(4), 2)
    lost = tenants(table.lease([3, 0]))
    table.wire.cut.add("0")
    table.dealer.lose("0")
    assert table.dealer.leased == 0
    taken = tenants(table.lease([0, 4]))
    assert max(taken.values()) == 1
    assert set(lost) < set(taken)
    assert table.dealer.most_tenants == 1


def test_a_lost_workers_houses_are_dealt_after_those_that_were_free() -> None:
    table = Table(some_houses(6), 2)
    lost = tenants(table.lease([3, 0]))
    table.dealer.lose("0")
    assert not set(tenants(table.lease([0, 3]))) & set(lost)


def test_a_worker_that_was_thought_to_be_lost_keeps_its_houses_and_may_give_them_back() -> None:
    table = Table(some_houses(4), 2)
    kept = table.lease([2, 0])
    table.dealer.lose("0")
    table.dealer.find_again("0")
    assert not set(tenants(table.lease([0, 2]))) & set(tenants(kept))
    table.processes[0].release(kept[0])
    settle()
    assert table.dealer.leased == 3


def test_what_a_lost_worker_gives_back_is_not_counted_twice() -> None:
    table = Table(some_houses(2), 2)
    (lease,) = table.lease([1, 0])
    table.dealer.lose("0")
    other = table.lease([0, 2])
    table.processes[0].release(lease)
    settle()
    assert table.dealer.leased == len(other) == 2


def test_what_a_worker_gives_back_and_takes_while_it_is_thought_to_be_lost_is_right_when_it_returns() -> None:
    table = Table(some_houses(4), 2)
    kept, given_back = table.lease([2, 0])
    table.dealer.lose("0")
    table.processes[0].release(given_back)
    (taken,) = table.lease([1, 0])
    table.dealer.find_again("0")
    assert table.dealer.leased == len({kept.house.house_id, taken.house.house_id}) == 2
    for lease in (kept, taken):
        table.processes[0].release(lease)
    settle()
    assert table.dealer.leased == 0


@pytest.mark.parametrize("shared", [False, True])
def test_a_worker_that_returns_gets_the_jwts_that_were_renewed_meanwhile(
    shared: bool,  # noqa: FBT001 - a case of the test
) -> None:
    lifetime, signed_at = timedelta(minutes=10), utc_now()
    table = Table(some_houses(1, signed_at=signed_at, lifetime=lifetime), 2, Signer(SECRET, lifetime))
    (lease,) = table.lease([1, 0])
    old = lease.house.jwt
    table.dealer.lose("0")
    if shared:
        table.lease([0, 1])
    table.dealer.renew(signed_at + timedelta(minutes=8))
    settle()
    assert lease.house.jwt == old
    table.dealer.find_again("0")
    table.dealer.renew(signed_at + timedelta(minutes=9))
    settle()
    assert token_expiry(lease.house.jwt) >= token_expiry(old) + timedelta(minutes=8)
    assert table.dealer.renewed == 1


def test_a_house_that_one_user_after_another_had_is_renewed_once() -> None:
    lifetime, signed_at = timedelta(minutes=10), utc_now()
    table = Table(some_houses(1, signed_at=signed_at, lifetime=lifetime), 1, Signer(SECRET, lifetime))
    for _ in range(5):
        (lease,) = table.lease([1])
        table.processes[0].release(lease)
        settle()
    table.lease([1])
    table.dealer.renew(signed_at + timedelta(minutes=8))
    assert table.dealer.renewed == 1


def test_a_worker_that_joins_late_gets_houses_of_its_own() -> None:
    table = Table(some_houses(6), 2)
    early = table.lease([2, 2])
    table.processes.append(table.join("late"))
    late = table.lease([0, 0, 2])
    assert max(tenants([*early, *late]).values()) == 1


def test_a_user_killed_while_it_waits_leaves_its_house_to_others() -> None:
    table = Table(some_houses(2), 1)
    (houses,) = table.processes
    waiting = gevent.spawn(houses.lease)
    gevent.sleep(0)
    waiting.kill()
    settle()
    assert table.dealer.leased == 0
    assert len(tenants(table.lease([2]))) == 2


def test_who_waits_when_the_run_ends_is_sent_away() -> None:
    table = Table(some_houses(1), 1)
    table.wire.cut.add("0")
    (houses,) = table.processes
    waiting = [gevent.spawn(houses.lease), gevent.spawn(houses.take_fresh)]
    settle()
    houses.close()
    gevent.joinall(waiting, timeout=TIMEOUT_S)
    assert [(user.ready(), user.value) for user in waiting] == [(True, None), (True, None)]
    assert houses.lease() is None


def test_a_message_of_another_run_is_not_answered() -> None:
    table = Table(some_houses(3), 1)
    table.dealer.begin("the-next-run", deck_of(some_houses(3)), None)
    waiting = gevent.spawn(table.processes[0].lease)
    settle()
    assert not waiting.dead
    assert table.dealer.leased == 0
    waiting.kill()
    table.dealer._on_back(Wire.packed(Back.TYPE, Back(RUN, ["h1"]).pack(), "0"))
    assert table.dealer.leased == 0


def test_each_house_is_onboarded_once_before_any_is_again_whoever_asks() -> None:
    table = Table(some_houses(5), 3)
    scanned = [table.processes[n % 3].take_fresh().house_id for n in range(5)]
    assert sorted(scanned) == ["h0", "h1", "h2", "h3", "h4"]
    assert table.dealer.reused_at is None
    assert [table.processes[0].take_fresh().house_id for _ in range(2)] == scanned[:2]
    assert table.dealer.reused_at is not None


def test_a_house_of_each_development_is_known_to_everybody() -> None:
    table = Table(some_houses(7), 2)
    assert [house.house_id for house in table.dealer.known] == ["h0", "h1", "h2"]
    assert {table.processes[1].pick(Random(1)).development_id} < {"d0", "d1", "d2"}


def test_jwts_are_renewed_where_they_are_held_before_they_expire() -> None:
    lifetime = timedelta(minutes=10)
    signed_at = utc_now()
    signer = Signer(SECRET, lifetime)
    table = Table(some_houses(6, signed_at=signed_at, lifetime=lifetime), 2, signer)
    leases = table.lease([2, 3])
    first = [lease.house.jwt for lease in leases]
    table.dealer.renew(signed_at + timedelta(minutes=7))
    settle()
    assert [lease.house.jwt for lease in leases] == first
    table.dealer.renew(signed_at + timedelta(minutes=8))
    settle()
    for lease, old in zip(leases, first, strict=True):
        assert token_expiry(lease.house.jwt) == token_expiry(old) + timedelta(minutes=8)
        assert signer.signed(lease.house)
    assert table.dealer.renewed == 5
    table.dealer.renew(signed_at + timedelta(minutes=16))
    settle()
    assert table.dealer.renewed == 10


def test_nobody_is_dealt_a_jwt_that_is_about_to_expire() -> None:
    signer = Signer(SECRET, timedelta(hours=24))
    long_ago = datetime.now(UTC) - timedelta(days=2)
    table = Table(some_houses(2, signed_at=long_ago), 1, signer)
    (lease,) = table.lease([1])
    assert token_expiry(lease.house.jwt) > datetime.now(UTC) + timedelta(hours=23)


def test_of_more_houses_than_fit_a_message_each_is_dealt_and_renewed_once() -> None:
    lifetime = timedelta(minutes=10)
    signed_at = utc_now()
    table = Table(some_houses(1000, signed_at=signed_at, lifetime=lifetime), 2, Signer(SECRET, lifetime))
    leases = table.lease([500, 500])
    assert max(tenants(leases).values()) == 1
    old = {lease.house.jwt for lease in leases}
    table.dealer.renew(signed_at + timedelta(minutes=9))
    settle()
    assert table.dealer.renewed == 1000
    assert not old & {lease.house.jwt for lease in leases}
