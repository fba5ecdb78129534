"""Houses, dealt to processes and leased to users: one live user each, as long as there are enough."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict
from time import time
from typing import TYPE_CHECKING, Any

from seed.fixture import House

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

Share = list[dict[str, Any]]
"""Houses as they travel to a worker."""


def deal(houses: Sequence[House], hands: int) -> list[Share]:
    """
    Deal *houses* to so many processes, evenly and without overlap.

    Where there are fewer houses than hands, a house is dealt more than once: no process stays without.
    """
    return [
        [asdict(house) for house in houses[hand::hands] or [houses[hand % len(houses)]]]
        for hand in range(hands)
    ]


class Houses:
    """The houses of one process; the one with the fewest tenants is leased first, in the fixture's order."""

    def __init__(self, share: Share) -> None:
        self._houses = [House(**fields) for fields in share]
        self._tenants = dict.fromkeys(self._houses, 0)
        self._fresh = deque(self._houses)
        self._used: deque[House] = deque()
        self.shared = False
        """Whether any house ever had two live users."""
        self.reused_at: float | None = None
        """When all houses had been onboarded and one was taken again; seconds since the epoch."""

    def lease(self) -> House:
        """A house for a user; shared with another user only when all are taken."""
        house = min(self._tenants, key=self._tenants.__getitem__)
        self.shared = self.shared or self._tenants[house] > 0
        self._tenants[house] += 1
        return house

    def release(self, house: House) -> None:
        """Give a house back."""
        self._tenants[house] -= 1

    @property
    def leased(self) -> int:
        """How many have a live user."""
        return sum(tenants > 0 for tenants in self._tenants.values())

    def take_fresh(self) -> House:
        """A house that nobody has onboarded in this run; when there is none left, the one of the longest ago."""
        if not self._fresh:
            self.reused_at = self.reused_at or time()
            self._fresh, self._used = self._used, deque()
        house = self._fresh.popleft()
        self._used.append(house)
        return house

    def pick(self, random: Random) -> House:
        """Any house, for a user that needs to know one but does not live there."""
        return random.choice(self._houses)

    def __len__(self) -> int:
        return len(self._tenants)
