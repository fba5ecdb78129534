"""Homeowners who ask the assistant about their house."""

from __future__ import annotations

from locust import task

from functools import cache, partial
from typing import Any

from conf.operations import Journey, Operation
from seed.questions import sample_questions
from swarm.users.resident_user import ResidentUser

_questions = cache(sample_questions)


class HomeownerChatUser(ResidentUser):
    """Asks as many questions at once as the profile says, waits for all answers, thinks, and asks again."""

    journey = Journey.CHAT

    @task
    def ask(self) -> None:
        """Ask one batch of different questions, in flight together."""
        flow = self.begin_flow()
        questions = self.random.sample(_questions(), self.load.questions_in_flight)
        self.at_once([partial(self._ask, question, flow) for question in questions])

    def _ask(self, question: str, flow: dict[str, Any]) -> None:
        self.send(Operation.CHAT, self.house, flow, question=question)
