"""Homeowners who ask the assistant about their house."""

from __future__ import annotations

from locust import task
from locust.exception import StopUser

from functools import cache
from typing import TYPE_CHECKING, Any

from gevent.pool import Group

from conf.operations import Journey, Operation
from seed.questions import sample_questions
from swarm.users.portal_user import PortalUser

if TYPE_CHECKING:
    from swarm.generator.houses import Lease

_questions = cache(sample_questions)


class HomeownerChatUser(PortalUser):
    """Asks as many questions at once as the profile says, waits for all answers, thinks, asks again."""

    journey = Journey.CHAT
    lease: Lease | None = None

    def on_start(self) -> None:
        """Lease a house of its own."""
        super().on_start()
        self.lease = self.generator.houses.lease()

    def on_stop(self) -> None:
        """Give the house back."""
        super().on_stop()
        if self.lease is not None:
            self.generator.houses.release(self.lease)

    @task
    def ask(self) -> None:
        """One batch of different questions, in flight together."""
        if self.lease is None:
            raise StopUser  # the run ended while it waited for a house
        context = self._begin_flow()
        question, *others = self.random.sample(_questions(), self.load.questions_in_flight)
        if not others:
            self._ask(question, context)
            return
        asking = Group()
        try:
            for other in others:
                asking.spawn(self._ask, other, context)
            self._ask(question, context)
            asking.join()
        finally:
            asking.kill()  # only where the user is killed before the answers are there

    def _ask(self, question: str, context: dict[str, Any]) -> None:
        assert self.lease is not None
        self.send(Operation.CHAT, self.settings.contract.chat, self.lease.house, context, question=question)
