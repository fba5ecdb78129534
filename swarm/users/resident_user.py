"""The base of the users that live in a house, and use its JWT as long as they live there."""

from __future__ import annotations

from locust.exception import StopUser

from typing import TYPE_CHECKING, Any

from gevent.pool import Group

from swarm.users.portal_user import PortalUser

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seed.fixture import House
    from swarm.generator.houses import Lease


class ResidentUser(PortalUser):
    """Leases a house when it starts, and gives it back when it is stopped."""

    abstract = True
    lease: Lease | None = None

    def on_start(self) -> None:
        """Lease a house. There is none where the run ended while the user waited."""
        super().on_start()
        self.lease = self.part.houses.lease()

    def on_stop(self) -> None:
        """Give the house back."""
        super().on_stop()
        if self.lease is not None:
            self.part.houses.release(self.lease)

    @property
    def house(self) -> House:
        """The leased house, with its present JWT."""
        assert self.lease is not None
        return self.lease.house

    def begin_flow(self) -> dict[str, Any]:
        """Begin a flow as every user does; a user without a house ends instead."""
        if self.lease is None:
            raise StopUser
        return super().begin_flow()

    def draw_questions(self) -> list[str]:
        """As many different questions of the run as the profile has in flight at once."""
        return self.part.questions.draw(self.random, self.load.questions_in_flight)

    def at_once(self, calls: Sequence[Callable[[], None]]) -> None:
        """Make *calls* together, and wait for all of them."""
        first, *others = calls
        if not others:
            first()
            return
        group = Group()
        try:
            for other in others:
                group.spawn(other)
            first()
            group.join()
        finally:
            group.kill()  # has an effect only where the user is killed before all have ended
