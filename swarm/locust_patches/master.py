"""Changes to Locust's master: what it remembers of workers, which messages it handles, how it deals users."""

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
    """Remembers that Locust missed the worker, since it may be back before the run's owner looks."""

    was_missed = False

    @property
    def state(self) -> str:
        """The worker's state in Locust."""
        return self._state

    @state.setter
    def state(self, state: str) -> None:
        self._state = state
        self.was_missed = self.was_missed or state == STATE_MISSING


class Dispatcher(UsersDispatcher):
    """
    Deals users anew whenever a worker comes or goes.

    Locust's own dispatcher does it once. After that it believes that it is still dealing, and every later worker gets no users.
    """

    def _dispatcher(self) -> Generator[dict[str, dict[str, int]]]:
        yield from super()._dispatcher()
        self._dispatch_in_progress = False


def handle_message(runner: MasterRunner, client_id: str, msg: Message) -> None:
    """
    Handle messages of workers that have joined, and of those that ask to join.

    Locust handles messages of every process: unknown ones would get houses and deliver results. And a message that
    it cannot handle would end its listening.
    """
    if client_id not in runner.clients and _has_users(msg):
        # The worker still makes load for an earlier master: it must stop, and will then report that it is ready.
        runner.send_message("stop", client_id=client_id)
    elif msg.type == "client_ready" or client_id in runner.worker_indexes:
        try:
            _handle_as_locust_does(runner, client_id, msg)
        except Exception:  # noqa: BLE001 - the other workers' messages are handled anyway
            _log.exception("a message of the worker %s could not be handled: %r", client_id, msg.type)
    else:
        _log.debug("%r of %s, which has not joined: not heard", msg.type, client_id)


def _has_users(msg: Message) -> bool:
    """Whether the message is the report of a worker with users."""
    return msg.type == "stats" and isinstance(msg.data, dict) and bool(msg.data.get("user_count"))


_handle_as_locust_does: Callable[[MasterRunner, str, Message], None] = MasterRunner.handle_message
