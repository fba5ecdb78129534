"""Homeowners who ask the assistant about their house."""

from __future__ import annotations

from locust import task

from functools import partial
from typing import Any

from conf.operations import Journey, Operation
from swarm.users.resident_user import ResidentUser


class HomeownerChatUser(ResidentUser):
    """Asks as many questions at once as the profile says, waits for all answers, thinks, and asks again."""

    journey = Journey.CHAT

    @task
    def ask(self) -> None:
        """Ask one batch of different questions, in flight together."""
        flow = self.begin_flow()
        self.at_once([partial(self._ask, question, flow) for question in self.draw_questions()])

    def _ask(self, question: str, flow: dict[str, Any]) -> None:
        self.send(Operation.CHAT, self.house, flow, question=question)
