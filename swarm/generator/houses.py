"""The houses of one process: leased from the run's owner when a user needs one, and given back."""

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
    """A user's lease of a house. The JWT is renewed before it expires, so read `house` again for each request."""

    __slots__ = ("house",)

    def __init__(self, house: House) -> None:
        self.house = house


class Houses:
    """
    The houses that users of this process know and lease.

    Args:
        run_id: Goes into every message.
        known: One house of each development.
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
        Lease a house; the user waits until the owner deals one. It is the user's alone, as long as there are enough.

        None where the run ends during the wait.
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
        A house that is not onboarded in this run; if none is left, the house that was onboarded longest ago.

        None where the run ends before a house comes.
        """
        return self._wait_for(self._fresh)

    def pick(self, random: Random) -> House:
        """A random house, for a user that needs to know one but does not live there."""
        return random.choice(self._known)

    def add(self, dealt: Dealt) -> None:
        """Hand the houses that the owner dealt to waiting users."""
        for packed in dealt.leases:
            self._leased.put(unpack_house(packed))
        for packed in dealt.fresh:
            self._fresh.put(unpack_house(packed))
        self._returned += [house.house_id for house in self._leased.take_spare()]
        self._speak_soon()

    def renew(self, new: NewTokens) -> None:
        """Replace JWTs that are about to expire."""
        for house_id, jwt in new.tokens.items():
            for lease in self._held.get(house_id, ()):
                lease.house = replace(lease.house, jwt=jwt)

    def close(self) -> None:
        """End all waits for a house, since the run ends."""
        self._leased.close()
        self._fresh.close()

    def _wait_for(self, supply: _Supply) -> House | None:
        self._speak_soon()
        return supply.get()

    def _speak_soon(self) -> None:
        """Send one message for all users that start or stop at this moment, once they have done so."""
        if not self._asking:
            self._asking = gevent.spawn(self._speak)

    def _speak(self) -> None:
        self._asking = None  # a user that needs a house during the sending causes a new message
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
        """Houses for users that were killed while they waited."""
        self._ordered = 0
        self._closed = False

    def get(self) -> House | None:
        """Wait for a house; None once the supply is closed."""
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
        """Take an ordered house in, and give it to the first waiting user."""
        self._ordered -= 1
        if self._waiting:
            self._waiting.popleft().set(house)
        else:
            self._spare.append(house)

    def order(self) -> int:
        """How many houses are needed beyond those ordered; they count as ordered from now on."""
        missing = max(len(self._waiting) - self._ordered, 0)
        self._ordered += missing
        return missing

    def take_spare(self) -> list[House]:
        """Take the houses for which no user waits any more."""
        spare, self._spare = self._spare, []
        return spare

    def close(self) -> None:
        """End all waits for a house."""
        self._closed = True
        while self._waiting:
            self._waiting.popleft().set(None)
