"""Houses, dealt to processes and leased to users: one live user each, as long as there are enough."""

from __future__ import annotations

from dataclasses import asdict
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
        self.shared = False
        """Whether any house ever had two live users."""

    def lease(self) -> House:
        """A house for a user; shared with another user only when all are taken."""
        house = min(self._tenants, key=self._tenants.__getitem__)
        self.shared = self.shared or self._tenants[house] > 0
        self._tenants[house] += 1
        return house

    def pick(self, random: Random) -> House:
        """Any house, for a user that needs to know one but does not live there."""
        return random.choice(self._houses)

    def release(self, house: House) -> None:
        """Give a house back."""
        self._tenants[house] -= 1

    def __len__(self) -> int:
        return len(self._tenants)
