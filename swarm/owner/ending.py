"""
How a run ends.

A run goes through these states; the arrows are the methods of `RunEnding`::

    RUNNING ──decide, expect──▶ DUE ──end──▶ ENDING ──finish──▶ FINISHING ──settle──▶ FINISHED
       └───────────────────────end─────────────▲

The owner decides that a run ends, and Locust is asked to stop it. Or Locust stops a run by itself: its last step or its run
time is over, or a person or a signal asks for it. Either way Locust fires ``test_stopping``, and the load ends.
"""

from __future__ import annotations

from enum import IntEnum, auto
from typing import TYPE_CHECKING

import gevent
from gevent.event import Event

from reports.manifest import EndedBy

if TYPE_CHECKING:
    from collections.abc import Callable

_LOCUST_ENDS_WITHIN_S = 1.0


class RunState(IntEnum):
    """Where a run is on its way to its end."""

    RUNNING = auto()
    """Load is made."""
    DUE = auto()
    """Load is made still; why the run ends is known, and Locust is about to stop it."""
    ENDING = auto()
    """The load is over: users finish their requests, and workers send their last results."""
    FINISHING = auto()
    """What has arrived counts, and nothing that comes later; files are written, and the run is judged."""
    FINISHED = auto()
    """The verdict is there, or the reason why there is none."""


class RunEnding:
    """
    The state of one run, and why it ended.

    Args:
        run_time_s: After which Locust stops the run; None where it does not.
        stop: Has Locust stop the run, and waits until it has.
    """

    def __init__(self, run_time_s: float | None, stop: Callable[[], object]) -> None:
        self._run_time_s, self._stop = run_time_s, stop
        self._finished = Event()
        self.state = RunState.RUNNING
        self.reason = EndedBy.NOTHING_YET
        self.loaded_s: float | None = None
        """Seconds in which load was made; what the last requests take is no part of it. None while the load goes on."""

    @property
    def is_under_way(self) -> bool:
        """Whether results still count."""
        return self.state < RunState.FINISHING

    @property
    def has_begun(self) -> bool:
        """Whether the load is over."""
        return self.state >= RunState.ENDING

    @property
    def is_over(self) -> bool:
        """Whether the run is judged, and all that follows from it is settled."""
        return self.state is RunState.FINISHED

    def is_overdue(self, elapsed_s: float) -> bool:
        """Whether the run time is over and Locust has not ended the run: where users were edited, it forgets the time."""
        return self._run_time_s is not None and elapsed_s >= self._run_time_s + _LOCUST_ENDS_WITHIN_S

    def decide(self, reason: EndedBy) -> None:
        """The run ends for *reason*, and Locust is asked to stop it; nothing where it ends already, for another one."""
        if self.state is RunState.RUNNING:
            self.expect(reason)
            gevent.spawn(self._stop)

    def expect(self, reason: EndedBy) -> None:
        """Locust is about to stop the run by itself, for *reason*; nothing where it ends already, for another one."""
        if self.state is RunState.RUNNING:
            self.state, self.reason = RunState.DUE, reason

    def end(self, elapsed_s: float, *, interrupted: bool) -> bool:
        """
        Locust stops the run: its load is over.

        Args:
            elapsed_s: Seconds since its start.
            interrupted: Whether the process is ending too, so that a person at the web UI is not the reason.

        Returns:
            False where it did so before: Locust may be asked to stop twice.
        """
        if self.has_begun:
            return False
        if self.reason is EndedBy.NOTHING_YET:
            ran_out = self._run_time_s is not None and elapsed_s >= self._run_time_s - _LOCUST_ENDS_WITHIN_S
            unasked = EndedBy.INTERRUPTED if interrupted else EndedBy.STOPPED
            self.reason = EndedBy.RUN_TIME if ran_out else unasked
        self.state, self.loaded_s = RunState.ENDING, elapsed_s
        return True

    def finish(self) -> None:
        """The last results have arrived."""
        self.state = RunState.FINISHING

    def settle(self) -> None:
        """The run is judged."""
        self.state = RunState.FINISHED
        self._finished.set()

    def wait(self, timeout_s: float) -> None:
        """Until the run is finished; no longer than that."""
        self._finished.wait(timeout_s)
