"""
How a run ends.

A run goes through these states; the arrows are the methods of `RunEnding`::

    RUNNING ──decide, expect──▶ DUE ──end──▶ ENDING ──finish──▶ FINISHING ──settle──▶ FINISHED
       └───────────────────────end─────────────▲

The owner decides that a run ends, and asks Locust to stop it. Or Locust stops a run by itself: the last step or the run
time is over, or a person or a signal asks for the end. Either way Locust fires ``test_stopping``, and the load ends.
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
    """The states of a run, in order."""

    RUNNING = auto()
    """Users make load."""
    DUE = auto()
    """Users still make load, but the reason for the end is known, and Locust is about to stop the run."""
    ENDING = auto()
    """The load is over. Users finish their requests, and workers send their last results."""
    FINISHING = auto()
    """Later results do not count any more. The owner writes the files and judges the run."""
    FINISHED = auto()
    """There is a verdict, or a reason why there is none."""


class RunEnding:
    """
    The state of one run, and the reason for its end.

    Args:
        run_time_s: Locust stops the run after this time; None where the run has no limit.
        stop: Makes Locust stop the run, and waits until it has.
    """

    def __init__(self, run_time_s: float | None, stop: Callable[[], object]) -> None:
        self._run_time_s, self._stop = run_time_s, stop
        self._finished = Event()
        self.state = RunState.RUNNING
        self.reason = EndedBy.NOTHING_YET
        self.loaded_s: float | None = None
        """Seconds of load, without the time that the last requests took; None while the load goes on."""

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
        """Whether the run is judged, and its exit code and report are settled."""
        return self.state is RunState.FINISHED

    def is_overdue(self, elapsed_s: float) -> bool:
        """Whether the run time is over and Locust has not stopped the run: after an edit of users it forgets the time."""
        return self._run_time_s is not None and elapsed_s >= self._run_time_s + _LOCUST_ENDS_WITHIN_S

    def decide(self, reason: EndedBy) -> None:
        """Ask Locust to stop the run, for *reason*. Without effect where it ends already for another reason."""
        if self.state is RunState.RUNNING:
            self.expect(reason)
            gevent.spawn(self._stop)

    def expect(self, reason: EndedBy) -> None:
        """Note that Locust is about to stop the run for *reason*. Without effect where it ends already for another reason."""
        if self.state is RunState.RUNNING:
            self.state, self.reason = RunState.DUE, reason

    def end(self, elapsed_s: float, *, interrupted: bool) -> bool:
        """
        Note that Locust stops the run, so that its load is over.

        Args:
            elapsed_s: Seconds since the run's start.
            interrupted: Whether the process ends too, so that the reason is no click in the web UI.

        Returns:
            False at the second call: Locust may be asked to stop twice.
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
        """Note that the last results have arrived."""
        self.state = RunState.FINISHING

    def settle(self) -> None:
        """Note that the run is judged."""
        self.state = RunState.FINISHED
        self._finished.set()

    def wait(self, timeout_s: float) -> None:
        """Wait until the run is finished, at most *timeout_s*."""
        self._finished.wait(timeout_s)
