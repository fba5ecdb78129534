"""The portal's vector search, straight at the database."""

from __future__ import annotations

from locust import task
from locust.exception import StopUser

from contextlib import ExitStack
from typing import TYPE_CHECKING

import psycopg2

from conf.errors import LoadTestError
from conf.operations import Journey, Operation, Outcome
from swarm.database.search import (
    Searches,
    SearchSpace,
    assess_rows,
    failure_of,
    nearest_chunks,
)
from swarm.users.journey_user import JourneyUser

if TYPE_CHECKING:
    from locust.env import Environment

    from psycopg2.extensions import connection

_CONNECTION_STAYS = frozenset({Outcome.STATUS, Outcome.VALIDATION, Outcome.ISOLATION})
"""Failures of a search after which its connection may be used again."""


class RagQueryUser(JourneyUser):
    """Searches its development's chunks for vectors near them, top 5; all users of a process share a pool, for one run."""

    journey = Journey.RAG
    host = "DATABASE_URL"  # what Locust shows; the address itself may hold a password
    space = SearchSpace((), 0)

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        if self.generator.searches is None:
            self.generator.searches = Searches(self.settings)
        self.searches = self.generator.searches

    def on_start(self) -> None:
        """Draw the query vectors of the house's development, once per process and run; not measured."""
        super().on_start()
        self.house = self.generator.houses.pick(self.random)
        try:
            self.space = self.searches.space_of(self.house)
        except (LoadTestError, psycopg2.Error) as error:
            words = failure_of(error).message
            self.generator.give_up(f"a user that searches could not begin: {words}")

    @task
    def search(self) -> None:
        """One search: wait for a connection, query, check the rows."""
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
        try:
            return until.enter_context(self.searches.pool.connection())
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
