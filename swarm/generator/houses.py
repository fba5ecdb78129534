"""The houses of one process: leased from the owner of the run when a user needs one, and given back."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

import gevent
from gevent.event import AsyncResult

from seed.fixture import unpack_house
from swarm.messages import Back, Want

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random
    from typing import Any

    from seed.fixture import House
    from swarm.messages import Dealt, NewTokens

    Send = Callable[[str, dict[str, Any]], None]


class Lease:
    """A user's hold on a house; its JWT is renewed before it expires, so look at the house for each request."""

    __slots__ = ("house",)

    def __init__(self, house: House) -> None:
        self.house = house


class Houses:
    """
    What the users of this process know and hold.

    Args:
        run_id: Stands in every message.
        known: One of each development.
        send: Sends a message to the owner: its type and its data.
    """

    def __init__(self, run_id: str, known: Sequence[Any], send: Send) -> None:
        self.run_id = run_id
        self._known = [unpack_house(house) for house in known]
        self._send = send
        self._held: dict[str, list[Lease]] = {}
        self._leased, self._fresh = _Supply(), _Supply()
        self._asking: gevent.Greenlet | None = None
        self._returned: list[str] = []

    def lease(self) -> Lease | None:
        """
        A house for a user, who waits until the owner deals one: one of its own, as long as there are enough.

        None where the run ends meanwhile.
        """
        house = self._wait_for(self._leased)
        if house is None:
            return None
        lease = Lease(house)
        self._held.setdefault(lease.house.house_id, []).append(lease)
        return lease

    def release(self, lease: Lease) -> None:
        """Give a house back."""
        self._held[lease.house.house_id].remove(lease)
        self._returned.append(lease.house.house_id)
        self._speak_soon()

    def take_fresh(self) -> House | None:
        """
        A house that is not onboarded in this run; when there is none left, the house onboarded longest ago.

        None where the run ends before there is one.
        """
        return self._wait_for(self._fresh)

    def pick(self, random: Random) -> House:
        """Any house, for a user that needs to know one but does not live there."""
        return random.choice(self._known)

    def add(self, dealt: Dealt) -> None:
        """What the owner answered."""
        for packed in dealt.leases:
            self._leased.put(unpack_house(packed))
        for packed in dealt.fresh:
            self._fresh.put(unpack_house(packed))
        self._returned += [house.house_id for house in self._leased.take_spare()]
        self._speak_soon()

    def renew(self, new: NewTokens) -> None:
        """JWTs in place of those that expire."""
        for house_id, jwt in new.tokens.items():
            for lease in self._held.get(house_id, ()):
                lease.house = replace(lease.house, jwt=jwt)

    def close(self) -> None:
        """The run ends: all waits for a house end."""
        self._leased.close()
        self._fresh.close()

    def _wait_for(self, supply: _Supply) -> House | None:
        self._speak_soon()
        return supply.get()

    def _speak_soon(self) -> None:
        """When all who are about to start or stop have done so: one message says it of all of them."""
        if not self._asking:
            self._asking = gevent.spawn(self._speak)

    def _speak(self) -> None:
        self._asking = None  # who needs a house while this is on its way asks anew
        if self._returned:
            returned, self._returned = self._returned, []
            self._send(Back.TYPE, Back(self.run_id, returned).pack())
        leases, fresh = self._leased.order(), self._fresh.order()
        if leases or fresh:
            self._send(Want.TYPE, Want(self.run_id, leases, fresh).pack())


class _Supply:
    """Houses that users wait for."""

    def __init__(self) -> None:
        self._waiting: deque[AsyncResult[House | None]] = deque()
        self._spare: list[House] = []
        """Houses that came for a user that was killed while it waited."""
        self._ordered = 0
        self._closed = False

    def get(self) -> House | None:
        """Wait for one; None once there will be none."""
        if self._closed:
            return None
        if self._spare:
            return self._spare.pop()
        waiter: AsyncResult[House | None] = AsyncResult()
        self._waiting.append(waiter)
        try:
            house: House | None = waiter.get()
        except BaseException:
            if not waiter.ready():
                self._waiting.remove(waiter)
            elif waiter.value is not None:
                self._spare.append(waiter.value)
            raise
        return house

    def put(self, house: House) -> None:
        """One that was ordered is there."""
        self._ordered -= 1
        if self._waiting:
            self._waiting.popleft().set(house)
        else:
            self._spare.append(house)

    def order(self) -> int:
        """How many more are needed than are on their way; they are, from now on."""
        missing = max(len(self._waiting) - self._ordered, 0)
        self._ordered += missing
        return missing

    def take_spare(self) -> list[House]:
        """Houses for which no user waits any more."""
        spare, self._spare = self._spare, []
        return spare

    def close(self) -> None:
        """End all waits for a house."""
        self._closed = True
        while self._waiting:
            self._waiting.popleft().set(None)
