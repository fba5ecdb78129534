"""The portal's vector search, straight at the database."""

from __future__ import annotations

from locust import task
from locust.exception import StopUser

from contextlib import ExitStack
from typing import TYPE_CHECKING, ClassVar

import psycopg2

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

_CONNECTION_STAYS = frozenset({Outcome.STATUS, Outcome.VALIDATION, Outcome.ISOLATION})
"""Failures of a search after which its connection may be used again."""


class RagQueryUser(JourneyUser):
    """Searches its development's chunks for vectors near them, top 5; all users of a process share a pool."""

    journey = Journey.RAG
    host = "DATABASE_URL"  # what Locust shows; the address itself may hold a password
    pool: ClassVar[ConnectionPool | None] = None
    spaces: ClassVar[dict[str, SearchSpace]] = {}
    space = SearchSpace((), 0)

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        if RagQueryUser.pool is None:
            database = self.settings.database
            RagQueryUser.pool = ConnectionPool(
                lambda: open_search_connection(self.settings), database.pool_size, database.pool_timeout_s
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
            except (LoadTestError, psycopg2.Error) as error:
                words = failure_of(error).message
                self.generator.fail("users_failed", f"a user that searches could not begin: {words}")
                return
        self.space = self.spaces[development]

    @task
    def search(self) -> None:
        """One search: wait for a connection, query, check the rows."""
        assert self.pool is not None
        if not self.space.vectors:
            raise StopUser  # it could not begin
        context = self._begin_flow()
        part = {"step": context["step"]}
        vector = self.random.choice(self.space.vectors)
        with self.attempt("FLOW", Operation.RAG_SEARCH, context):
            with ExitStack() as borrowed:
                with self.attempt("WAIT", Operation.RAG_CONNECTION, part) as last:
                    lent = self._borrow(borrowed)
                if last.failed is None:
                    self.generator.ceiling.wait()
                    with self.attempt("SQL", Operation.RAG_QUERY, part) as last:
                        self._query(lent, vector)
                    if last.failed is not None and last.failed.outcome not in _CONNECTION_STAYS:
                        lent.close()
            last.require()

    def _borrow(self, until: ExitStack) -> connection:
        """A connection of the pool's; raises `RequestFailed` where there is none."""
        assert self.pool is not None
        try:
            return until.enter_context(self.pool.connection())
        except (LoadTestError, psycopg2.Error) as error:
            raise failure_of(error) from None

    def _query(self, lent: connection, vector: str) -> None:
        """Raise `RequestFailed` unless the search finds what it must."""
        try:
            rows = nearest_chunks(lent, vector, self.house)
        except psycopg2.Error as error:
            raise failure_of(error) from None
        failed = assess_rows(rows, self.house, self.space.rows)
        if failed is not None:
            raise failed
