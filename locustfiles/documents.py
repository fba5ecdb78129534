"""Homeowners who look something up in the documents of their house."""

from __future__ import annotations

from locust import task

from conf.operations import Journey, Operation
from swarm.users.resident_user import ResidentUser


class DocumentsUser(ResidentUser):
    """Lists the documents, and opens one of those that the list names."""

    journey = Journey.DOCUMENTS

    @task
    def look_up(self) -> None:
        """The list, and one document of it."""
        with self.flow(Operation.DOCUMENTS_FLOW) as flow:
            listed = self.send(Operation.DOCUMENTS_LIST, self.house, flow).require()
            self.send(Operation.DOCUMENTS_OPEN, self.house, flow, **listed.given).require()
