"""The workers of a distributed run, as its owner sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import gevent
from gevent.event import Event

from locustfiles._messages import Finish, Finished
from monitoring.measurement import new_histogram

if TYPE_CHECKING:
    from locust.runners import MasterRunner

    from hdrh.histogram import HdrHistogram

    from locustfiles._messages import Report

_LIVE = {"ready", "spawning", "running"}


@dataclass(slots=True)
class Contribution:
    """What one process gave to the run."""

    received: int = 0
    """Results merged from its reports."""
    last: Report | None = None
    """The latest of its reports."""
    lag: HdrHistogram = field(default_factory=new_histogram)
    """Its event-loop lag since the start of the run, in microseconds."""
    lost: bool = False


class Workers:
    """Asks workers to finish, waits for them, and notices those that vanish."""

    def __init__(self, runner: MasterRunner) -> None:
        self._runner = runner
        self._expected: set[str] = set()
        self._finished: set[str] = set()
        self._all_finished = Event()
        runner.register_message(Finished.TYPE, self._on_finished)

    def begin(self) -> list[str]:
        """Forget the last run; the ids of the workers that take part in this one."""
        self._expected = self.live()
        self._finished = set()
        self._all_finished.clear()
        return sorted(self._expected)

    def live(self) -> set[str]:
        """The ids of the workers that are there now."""
        return {client.id for client in self._runner.clients.all if client.state in _LIVE}

    def lost(self) -> set[str]:
        """The ids of workers that took part and are gone without having finished."""
        self._expected |= self.live()
        return self._expected - self.live() - self._finished

    def finish(self, timeout_s: float) -> set[str]:
        """
        Have every worker let its users end and send all it holds; wait for it.

        Returns:
            The ids of those that did not, within *timeout_s*.
        """
        self._expected |= self.live()
        self._runner.send_message(Finish.TYPE, Finish().pack())
        with gevent.Timeout(timeout_s, False):  # noqa: FBT003 - gevent's way to say: do not raise
            while not self._all_finished.wait(0.5) and self.live() - self._finished:
                pass
        return self._expected - self._finished

    def _on_finished(self, msg: object, **_: object) -> None:
        self._finished.add(str(getattr(msg, "node_id", "")))
        if self._finished >= self._expected:
            self._all_finished.set()
