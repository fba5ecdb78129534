"""The base of the users that search the portal's database."""

from __future__ import annotations

from locust.exception import StopUser

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import psycopg2

from conf.errors import LoadTestError
from conf.operations import Outcome
from swarm.database.search import (
    Searches,
    SearchSpace,
    assess_rows,
    failure_of,
    nearest_chunks,
)
from swarm.failure import RequestFailed
from swarm.users.journey_user import JourneyUser

if TYPE_CHECKING:
    from locust.env import Environment

    from collections.abc import Iterator

    from psycopg2.extensions import connection

    from conf.operations import Operation

_CONNECTION_STAYS = frozenset({Outcome.STATUS, Outcome.VALIDATION, Outcome.ISOLATION})
"""Failures of a search after which its connection may be used again."""


class SearchUser(JourneyUser):
    """Searches the chunks of one development. In a run, all users of a process share a pool of connections."""

    abstract = True
    host = "DATABASE_URL"  # what Locust shows; the address itself may hold a password
    space = SearchSpace((), 0)

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.searches = self.part.shared_searches(Searches)

    def on_start(self) -> None:
        """Draw the query vectors of the house's development, once per process and run. This is not measured."""
        super().on_start()
        self.house = self.part.houses.pick(self.random)
        try:
            self.space = self.searches.space_of(self.house)
        except (LoadTestError, psycopg2.Error) as error:
            words = failure_of(error).message
            self.generator.give_up(f"a user that searches could not begin: {words}")

    def draw_vector(self) -> str:
        """A vector near a chunk of the development; ends a user that has no vectors."""
        if not self.space.vectors:
            raise StopUser
        return self.random.choice(self.space.vectors)

    @contextmanager
    def borrow(self, operation: Operation, flow: dict[str, Any]) -> Iterator[connection]:
        """
        Lend a connection of the pool; the wait for it is a result of *operation*.

        The connection goes back before a failure leaves the block. It is closed where the failure may have broken it.

        Raises:
            RequestFailed: There was no connection, or the block failed.
        """
        failed: RequestFailed | None = None
        with ExitStack() as until:
            with self.attempt("WAIT", operation, flow) as wait:
                lent = self._of_pool(until)
            wait.require()
            try:
                yield lent
            except RequestFailed as error:
                failed = error
                if failed.outcome not in _CONNECTION_STAYS:
                    lent.close()
        if failed is not None:
            raise failed

    def _of_pool(self, until: ExitStack) -> connection:
        try:
            return until.enter_context(self.searches.pool.connection())
        except (LoadTestError, psycopg2.Error) as error:
            raise failure_of(error) from None

    def query(self, operation: Operation, flow: dict[str, Any], lent: connection, vector: str) -> None:
        """
        Search the house's development for *vector*; the search is a result of *operation*.

        Raises:
            RequestFailed: The search failed, or did not find the expected rows.
        """
        self.part.ceiling.wait()
        with self.attempt("SQL", operation, flow) as attempt:
            try:
                rows = nearest_chunks(lent, vector, self.house, self.searches.search)
            except psycopg2.Error as error:
                raise failure_of(error) from None
            failed = assess_rows(rows, self.house, self.space.rows, self.searches.search)
            if failed is not None:
                raise failed
        attempt.require()
