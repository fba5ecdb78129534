"""The workers of a distributed run, as its owner sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import gevent
from gevent.event import Event

from monitoring.measurement import new_histogram
from reports.manifest import WorkerEvent
from swarm.messages import Finish, Finished
from swarm.owner.missing_load import WorkerChange

if TYPE_CHECKING:
    from locust.runners import MasterRunner

    from collections.abc import Iterable
    from datetime import datetime

    from hdrh.histogram import HdrHistogram

    from swarm.locust_patches.master import WatchedNode
    from swarm.messages import Report

_LIVE = {"ready", "spawning", "running"}


@dataclass(slots=True)
class Contribution:
    """What one process contributed to the run."""

    received: int = 0
    """Number of results merged from the process's reports."""
    last: Report | None = None
    """The process's latest report."""
    lag: HdrHistogram = field(default_factory=new_histogram)
    """The process's event-loop lag since the start of the run, in microseconds."""
    heard_at: datetime | None = None
    """When the latest report came."""
    lost: bool = False


class Workers:
    """Asks workers to finish, waits for them, and notices which ones come and go."""

    def __init__(self, runner: MasterRunner) -> None:
        self._runner = runner
        self._run_id = ""
        self._users: dict[str, int] = {}
        """Worker that is there → how many users it has."""
        self._vanished: set[str] = set()
        self._awaited: set[str] = set()
        """Workers that have been asked to finish."""
        self._finished: dict[str, int] = {}
        """Worker that has finished → how many users it had before."""
        self._all_finished = Event()
        runner.register_message(Finished.TYPE, self._on_finished)

    def begin(self, run_id: str) -> list[str]:
        """Forget the last run; returns the ids of the workers that take part in the new one."""
        self._run_id = run_id
        self._users = self._live()
        self._take_missed()
        self._vanished, self._awaited, self._finished = set(), set(), {}
        self._all_finished.clear()
        return sorted(self._users)

    def look(self) -> list[WorkerChange]:
        """Workers that came or went since the last look, including those that went and came back."""
        before, self._users = self._users, self._live()
        changes = []
        for worker in sorted(self._take_missed() & before.keys() & self._users.keys()):
            changes += [
                WorkerChange(worker, WorkerEvent.VANISHED, before[worker]),
                WorkerChange(worker, WorkerEvent.RETURNED, 0),
            ]
        for worker in sorted(self._users.keys() - before.keys()):
            event = WorkerEvent.RETURNED if worker in self._vanished else WorkerEvent.JOINED
            self._vanished.discard(worker)
            changes.append(WorkerChange(worker, event, 0))
        for worker in sorted(before.keys() - self._users.keys()):
            if worker in self._finished:
                changes.append(WorkerChange(worker, WorkerEvent.LEFT, self._finished[worker]))
            else:
                self._vanished.add(worker)
                changes.append(WorkerChange(worker, WorkerEvent.VANISHED, before[worker]))
        return changes

    def finish(self, timeout_s: float) -> list[WorkerChange]:
        """
        Make every worker end its users and send all its results, and wait for that.

        Returns:
            Changes for the workers that were there, and did not finish within *timeout_s*.
        """
        there = self._users | self._live()
        self._awaited = set(there)
        self._runner.send_message(Finish.TYPE, Finish(self._run_id).pack())
        with gevent.Timeout(timeout_s, False):  # noqa: FBT003 - gevent's way to say: do not raise
            while not self._all_finished.wait(0.5) and (there.keys() & self._live()) - self._finished.keys():
                pass
        return [
            WorkerChange(worker, WorkerEvent.VANISHED, there[worker])
            for worker in sorted(there.keys() - self._finished.keys())
        ]

    def _live(self) -> dict[str, int]:
        return {client.id: client.user_count for client in self._runner.clients.all if client.state in _LIVE}

    def _take_missed(self) -> set[str]:
        """Workers that Locust has missed since the last call, whether they are back or not."""
        nodes = cast("Iterable[WatchedNode]", self._runner.clients.all)
        missed = [node for node in nodes if node.was_missed]
        for node in missed:
            node.was_missed = False
        return {node.id for node in missed}

    def _on_finished(self, msg: Any, **_: object) -> None:
        finished = Finished.unpack(msg.data)
        if finished.run_id != self._run_id:
            return
        self._finished[msg.node_id] = finished.users
        if self._awaited and self._finished.keys() >= self._awaited:
            self._all_finished.set()
