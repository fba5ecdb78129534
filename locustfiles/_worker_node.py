"""Locust's own account of a worker, with a memory."""

from __future__ import annotations

from locust.runners import STATE_MISSING, WorkerNode


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
