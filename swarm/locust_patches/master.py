"""What Locust's master knows of its workers, hears from them, and how it deals users to them: ways of its that we mend."""

from __future__ import annotations

from locust.dispatch import UsersDispatcher
from locust.runners import STATE_MISSING, MasterRunner, WorkerNode

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locust.rpc import Message

    from collections.abc import Callable, Generator

_log = logging.getLogger(__name__)


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


def handle_message(runner: MasterRunner, client_id: str, msg: Message) -> None:
    """
    Hear a worker that has joined, and let another one join.

    Locust hears everyone: houses would be dealt to, and results taken from, processes that it does not know. A message that
    it cannot make sense of ends its listening.
    """
    if client_id not in runner.clients and _has_users(msg):
        # It makes the load of a master that was here before this one: it stops, and comes back as ready.
        runner.send_message("stop", client_id=client_id)
    elif msg.type == "client_ready" or client_id in runner.worker_indexes:
        try:
            _handle_as_locust_does(runner, client_id, msg)
        except Exception:  # noqa: BLE001 - whatever it is, the others are heard
            _log.exception("a message of the worker %s could not be handled: %r", client_id, msg.type)
    else:
        _log.debug("%r of %s, which has not joined: not heard", msg.type, client_id)


def _has_users(msg: Message) -> bool:
    """Whether it is the report of a worker with users."""
    return msg.type == "stats" and isinstance(msg.data, dict) and bool(msg.data.get("user_count"))


_handle_as_locust_does: Callable[[MasterRunner, str, Message], None] = MasterRunner.handle_message
