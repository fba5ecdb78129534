"""The portal's vector search, sent straight to the database."""

from __future__ import annotations

from locust import task

from conf.operations import Journey, Operation
from swarm.users.search_user import SearchUser


class RagQueryUser(SearchUser):
    """Searches for the five chunks of its development nearest to a vector. All users of a process share a pool in a run."""

    journey = Journey.RAG

    @task
    def search(self) -> None:
        """Make one search: wait for a connection, query, check the rows."""
        vector = self.draw_vector()
        with (
            self.flow(Operation.RAG_SEARCH) as flow,
            self.borrow(Operation.RAG_CONNECTION, flow) as connection,
        ):
            self.query(Operation.RAG_QUERY, flow, connection, vector)
