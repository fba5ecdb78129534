"""
The owner's side of the houses: which user plays which house, and with which JWT.

Processes ask for a house when a user needs one, and give it back when the user goes. So no house has to be moved when
workers come and go. The dealer makes sure that a house is shared only when all are taken, and that sharing is even.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace
from datetime import timedelta
from heapq import heappop, heappush
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import gevent

from monitoring.measurement import utc_now
from seed.fixture import pack_house
from swarm.messages import Back, Dealt, NewTokens, Want

if TYPE_CHECKING:
    from locust.runners import LocalRunner, MasterRunner

    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from seed.fixture import House
    from seed.jwts import Signer

_CHUNK = 100
"""Houses in a message. Packing and signing them takes a few milliseconds; then other greenlets get a turn."""
_BREATH_S = 0.001
"""Pause between messages. With 0, gevent would run up to fifty callbacks before it looks at timers and sockets."""
_MOST_KNOWN = 1000
_NOBODY: Counter[int] = Counter()


class Deck(NamedTuple):
    """The houses of a fixture, laid out for dealing."""

    houses: list[House]
    known: list[House]
    """One house of each development, for users that need to know one but do not live there."""
    index_of: dict[str, int]
    by_tenants: list[tuple[int, int, int]]
    """Heap of (tenants, turn, index). Of a house's entries, the one with its present number of tenants counts."""
    expiries: list[datetime]
    """Of their JWTs; empty where none is needed, and none renewed."""

    @classmethod
    def of(cls, houses: Sequence[House], expiries: Sequence[datetime]) -> Self:
        """Lay *houses* out. For 100,000 houses this takes too long for an event loop."""
        first: dict[str, House] = {}
        for house in houses:
            first.setdefault(house.development_id, house)
        return cls(
            list(houses),
            list(first.values())[:_MOST_KNOWN],
            {house.house_id: index for index, house in enumerate(houses)},
            [(0, index, index) for index in range(len(houses))],
            list(expiries),
        )


class Dealer:
    """
    Deals the houses of one run after another.

    Args:
        runner: Locust's; messages go through it, even where this is the only process.
    """

    def __init__(self, runner: LocalRunner | MasterRunner) -> None:
        self._runner = runner
        self._dealing = False
        self.begin("", Deck.of((), ()), None)
        # Concurrent, since a large answer takes several turns of the event loop, and heartbeats must be answered.
        runner.register_message(Want.TYPE, self._on_want, concurrent=True)
        runner.register_message(Back.TYPE, self._on_back)

    def begin(self, run_id: str, deck: Deck, signer: Signer | None) -> None:
        """
        Begin a run: all houses are free again, and none is onboarded.

        Args:
            run_id: Id of the run; messages of other runs are not answered.
            deck: The fixture's houses, in its order.
            signer: Renews JWTs before they expire; None: they are never renewed.
        """
        self._run_id, self._signer = run_id, signer
        self._margin = signer.margin if signer else timedelta()
        self._houses, self.known, self._index_of, self._by_tenants, self._expiries = deck
        self._asked: deque[tuple[str, Want]] = deque()
        self._tenants = [0] * len(self)
        self._turns = len(self)
        self._held: dict[str, Counter[int]] = {}
        self._held_by_lost: dict[str, Counter[int]] = {}
        self._expiring: list[tuple[datetime, int]] = []
        self._watched: set[int] = set()
        """Indexes of the houses in `_expiring`."""
        self._fresh = deque(range(len(self)))
        self._onboarded: deque[int] = deque()
        self.most_tenants = 0
        """Most users that a house had at once."""
        self.reused_at: datetime | None = None
        """When a house was first onboarded again, after all houses had been."""
        self.renewed = 0
        """Number of renewed JWTs."""

    def __len__(self) -> int:
        return len(self._houses)

    @property
    def leased(self) -> int:
        """How many houses have a live user."""
        return sum(tenants > 0 for tenants in self._tenants)

    def lose(self, process: str) -> None:
        """Free the houses of a process that is gone. Other houses are dealt first, since it may come back."""
        held = self._held.pop(process, _NOBODY)
        self._held_by_lost.setdefault(process, Counter()).update(held)
        for index in held.elements():
            self._count(index, -1)

    def find_again(self, process: str) -> None:
        """Take back a process that seemed gone: its users still play the houses that it has not given back."""
        held = +self._held_by_lost.pop(process, _NOBODY)
        self._held.setdefault(process, Counter()).update(held)
        for index in held.elements():
            self._count(index, +1)
            self._watch(index)
        # JWTs that were due meanwhile are signed next. The process lacks those renewed for other processes.
        houses = map(self._houses.__getitem__, held)
        while self._signer and (tokens := {house.house_id: house.jwt for house in islice(houses, _CHUNK)}):
            self._send(NewTokens.TYPE, NewTokens(self._run_id, tokens).pack(), process)

    def renew(self, now: datetime) -> None:
        """Renew JWTs that expire soon, and send them to the processes that hold their houses."""
        if self._signer is None:
            return
        run_id = self._run_id
        while due := list(self._renew_due(now + self._margin)):
            for process, held in list(self._held.items()):
                tokens = {self._houses[i].house_id: self._houses[i].jwt for i in due if held[i]}
                if tokens:
                    self._send(NewTokens.TYPE, NewTokens(run_id, tokens).pack(), process)
            gevent.sleep(_BREATH_S)
            if run_id != self._run_id:
                return

    def _renew_due(self, until: datetime) -> Iterator[int]:
        """Renew the JWTs that expire by *until*, of houses with a live user; yield their indexes, for one message."""
        renewed = 0
        while renewed < _CHUNK and self._expiring and self._expiring[0][0] <= until:
            expiry, index = heappop(self._expiring)
            self._watched.discard(index)
            if not self._tenants[index]:
                continue
            if expiry == self._expiries[index]:
                self._sign(index, until - self._margin)
                renewed += 1
                yield index
            self._watch(index)

    def _sign(self, index: int, now: datetime) -> None:
        assert self._signer is not None
        house = self._houses[index]
        self._houses[index] = replace(house, jwt=self._signer.sign(house, now))
        self._expiries[index] = now + self._signer.lifetime
        self.renewed += 1

    def _watch(self, index: int) -> None:
        """Plan the renewal of a house's JWT when it is due, if a user has the house then."""
        if self._signer is not None and index not in self._watched:
            self._watched.add(index)
            heappush(self._expiring, (self._expiries[index], index))

    def _on_want(self, msg: Any, **_: object) -> None:
        self._asked.append((msg.node_id, Want.unpack(msg.data)))
        if not self._dealing:
            self._deal()

    def _deal(self) -> None:
        """Answer the waiting processes in turn, one message at a time, since many may ask at once."""
        self._dealing = True
        try:
            while self._asked:
                process, want = self._asked.popleft()
                if want.run_id != self._run_id:
                    continue
                leases, fresh = min(want.leases, _CHUNK), min(want.fresh, _CHUNK)
                now = utc_now()
                dealt = Dealt(
                    want.run_id,
                    [pack_house(self._lease(process, now)) for _ in range(leases)],
                    [pack_house(self._take_fresh()) for _ in range(fresh)],
                )
                self._send(Dealt.TYPE, dealt.pack(), process)
                if want.leases > leases or want.fresh > fresh:
                    self._asked.append((process, Want(want.run_id, want.leases - leases, want.fresh - fresh)))
                if self._asked:
                    gevent.sleep(_BREATH_S)
        finally:
            self._dealing = False

    def _lease(self, process: str, now: datetime) -> House:
        """Lease the house with the fewest tenants; of several, the one that has been free longest."""
        while True:
            tenants, _, index = heappop(self._by_tenants)
            if tenants == self._tenants[index]:
                break
        self._held.setdefault(process, Counter())[index] += 1
        self._count(index, +1)
        self.most_tenants = max(self.most_tenants, tenants + 1)
        if not tenants:
            self._keep_valid(index, now)
        return self._houses[index]

    def _keep_valid(self, index: int, now: datetime) -> None:
        """Keep a house's JWT from expiring while a user has the house."""
        if self._signer is None:
            return
        if self._expiries[index] <= now + self._margin:
            self._sign(index, now)
        self._watch(index)

    def _count(self, index: int, change: int) -> None:
        self._turns += 1
        self._tenants[index] += change
        heappush(self._by_tenants, (self._tenants[index], self._turns, index))

    def _take_fresh(self) -> House:
        """A house that is not onboarded in this run; if none is left, the house that was onboarded longest ago."""
        if not self._fresh:
            self.reused_at = self.reused_at or utc_now()
            self._fresh, self._onboarded = self._onboarded, deque()
        index = self._fresh.popleft()
        self._onboarded.append(index)
        return self._houses[index]

    def _on_back(self, msg: Any, **_: object) -> None:
        back = Back.unpack(msg.data)
        if back.run_id != self._run_id:
            return
        held = self._held.get(msg.node_id, _NOBODY)
        held_by_lost = self._held_by_lost.get(msg.node_id, _NOBODY)
        for index in map(self._index_of.__getitem__, back.house_ids):
            if held[index]:
                held[index] -= 1
                self._count(index, -1)
            elif held_by_lost[index]:
                held_by_lost[index] -= 1  # the house counts as free already

    def _send(self, message_type: str, data: dict[str, Any], process: str) -> None:
        self._runner.send_message(message_type, data, process)
