"""What Locust's master knows of its workers, and how it deals users to them: two ways of its that we mend."""

from __future__ import annotations

from locust.dispatch import UsersDispatcher
from locust.runners import STATE_MISSING, WorkerNode

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


class WatchedNode(WorkerNode):
    """Remembers that Locust missed the worker: it may be back before the owner of the run looks."""

    was_missed = False

    @property
    def state(self) -> str:
        """As Locust has it."""
        return self._state

    @state.setter
    def state(self, state: str) -> None:
        self._state = state
        self.was_missed = self.was_missed or state == STATE_MISSING


class Dispatcher(UsersDispatcher):
    """
    Deals users anew whenever a worker comes or goes.

    Locust's does it once: after that it takes itself to be still at it, and leaves every later worker without users.
    """

    def _dispatcher(self) -> Generator[dict[str, dict[str, int]]]:
        yield from super()._dispatcher()
        self._dispatch_in_progress = False
