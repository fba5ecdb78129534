"""A locustfile whose one user per worker leases thousands of houses at once, and says how long it took."""

from __future__ import annotations

from locust import events, task
from locust.runners import MasterRunner

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import gevent

from conf.operations import Journey
from swarm.users.journey_user import JourneyUser

if TYPE_CHECKING:
    from locust.env import Environment

_SAMPLE_S = 0.01
_AT_ONCE = 100
_OUTPUT = Path(os.environ["BENCHMARK_OUTPUT"])
_SCHEDULER = Path("/proc/thread-self/schedstat")
_HOUSES = int(os.environ["BENCHMARK_HOUSES"])


class LeasingUser(JourneyUser):
    """Stands for as many homeowners as a worker has in a large run, who all start at once."""

    journey = Journey.CHAT

    def on_start(self) -> None:
        """Lease them all."""
        super().on_start()
        houses, began_at = self.part.houses, time.time()
        waiting = []
        for number in range(_HOUSES):
            waiting.append(gevent.spawn(houses.lease))
            if number % _AT_ONCE == 0:
                gevent.sleep(0.001)
        gevent.joinall(waiting)
        leased = {lease.value.house.house_id for lease in waiting if lease.value is not None}
        said = {"began_at": began_at, "ended_at": time.time(), "houses": len(leased)}
        (_OUTPUT / f"worker-{os.getpid()}.json").write_text(json.dumps(said))

    @task
    def rest(self) -> None:
        """It has nothing else to do."""
        gevent.sleep(1)


def _watch_loop(environment: Environment, **_: object) -> None:
    role = "master" if isinstance(environment.runner, MasterRunner) else "worker"
    gevent.spawn(_sample, _OUTPUT / f"{role}-{os.getpid()}.pauses")


def _sample(path: Path) -> None:
    """Note when the event loop stood still, for how long, and how much of that it waited for a core."""
    with path.open("w") as file, _SCHEDULER.open() as scheduler:
        while True:
            began, waited_before_s = time.perf_counter(), _waited_s(scheduler)
            gevent.sleep(_SAMPLE_S)
            pause_s = time.perf_counter() - began - _SAMPLE_S
            if pause_s > _SAMPLE_S:
                file.write(f"{time.time()} {pause_s} {_waited_s(scheduler) - waited_before_s}\n")
                file.flush()


def _waited_s(scheduler: TextIO) -> float:
    """So far; Linux counts, for this thread, the nanoseconds it ran, those it was ready to and did not, and turns."""
    scheduler.seek(0)
    return int(scheduler.read().split()[1]) / 1e9


events.test_start.add_listener(_watch_loop)
