"""Homeowners who look up a document of their house."""

from __future__ import annotations

from locust import task

from conf.operations import Journey, Operation
from swarm.users.resident_user import ResidentUser


class DocumentsUser(ResidentUser):
    """Lists the documents, and opens one that the list names."""

    journey = Journey.DOCUMENTS

    @task
    def look_up(self) -> None:
        """Look at the list, and at one document in it."""
        with self.flow(Operation.DOCUMENTS_FLOW) as flow:
            listed = self.send(Operation.DOCUMENTS_LIST, self.house, flow).require()
            self.send(Operation.DOCUMENTS_OPEN, self.house, flow, **listed.given).require()
