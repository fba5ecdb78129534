"""The portal's vector search, straight at the database."""

from __future__ import annotations

from locust import task

from conf.operations import Journey, Operation
from swarm.users.search_user import SearchUser


class RagQueryUser(SearchUser):
    """Searches its development's chunks for vectors near them, top 5; all users of a process share a pool, for one run."""

    journey = Journey.RAG

    @task
    def search(self) -> None:
        """One search: wait for a connection, query, check the rows."""
        vector = self.draw_vector()
        with (
            self.flow(Operation.RAG_SEARCH) as flow,
            self.borrow(Operation.RAG_CONNECTION, flow) as connection,
        ):
            self.query(Operation.RAG_QUERY, flow, connection, vector)
