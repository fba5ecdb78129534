"""The portal's vector search, straight at the database."""

from __future__ import annotations

from locust import task
from locust.exception import StopUser

from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

import psycopg2
from psycogreen.gevent import patch_psycopg

from conf.errors import LoadTestError
from conf.operations import Journey, Operation, Outcome
from locustfiles._journey_user import JourneyUser
from locustfiles._pool import ConnectionPool
from locustfiles._search import (
    SearchSpace,
    assess_rows,
    failure_of,
    load_search_space,
    nearest_chunks,
    open_search_connection,
)

if TYPE_CHECKING:
    from locust.env import Environment

    from psycopg2.extensions import connection

    from locustfiles._failure import RequestFailed

patch_psycopg()  # a waiting query lets the other users run


class RagQueryUser(JourneyUser):
    """Searches its development's chunks for vectors near them, top 5; all users of a process share a pool."""

    journey = Journey.RAG
    host = "DATABASE_URL"  # what Locust shows; the address itself may hold a password
    pool: ClassVar[ConnectionPool | None] = None
    spaces: ClassVar[dict[str, SearchSpace]] = {}

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        if RagQueryUser.pool is None:
            RagQueryUser.pool = ConnectionPool(
                lambda: open_search_connection(self.settings), self.settings.database.pool_size
            )

    def on_start(self) -> None:
        """Draw the query vectors of the house's development, once per process; not measured."""
        super().on_start()
        assert self.pool is not None
        self.house = self.generator.houses.pick(self.random)
        development = self.house.development_id
        if development not in self.spaces:
            try:
                with self.pool.connection() as lent:
                    random_seed = self.settings.run.random_seed
                    self.spaces[development] = load_search_space(lent, self.house, random_seed)
            except LoadTestError as error:
                raise StopUser(str(error)) from None
        self.space = self.spaces[development]

    @task
    def search(self) -> None:
        """One search: wait for a connection, query, check the rows."""
        assert self.pool is not None
        context, started = self._begin_flow(), perf_counter()
        part = {"step": context["step"]}
        vector = self.random.choice(self.space.vectors)
        try:
            with self.pool.connection() as lent:
                self._fire("WAIT", Operation.RAG_CONNECTION, started, None, part)
                failed = self._query(lent, vector, part)
                if failed is not None and failed.outcome is Outcome.CONNECTION:
                    lent.close()
        except LoadTestError as error:
            failed = failure_of(error)
            self._fire("WAIT", Operation.RAG_CONNECTION, started, failed, part)
        self._fire("FLOW", Operation.RAG_SEARCH, started, failed, context)

    def _query(self, lent: connection, vector: str, context: dict[str, Any]) -> RequestFailed | None:
        self.generator.ceiling.wait()
        started = perf_counter()
        try:
            rows = nearest_chunks(lent, vector, self.house)
        except psycopg2.Error as error:
            failed: RequestFailed | None = failure_of(error)
        else:
            failed = assess_rows(rows, self.house, self.space.rows)
        self._fire("SQL", Operation.RAG_QUERY, started, failed, context)
        return failed
