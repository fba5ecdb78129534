"""The base of all users of the suite: a number of flows to make, with time to think between them."""

from __future__ import annotations

from locust import User
from locust.exception import StopTest, StopUser

from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar

import swarm.session  # noqa: F401 - registers the suite with Locust, for any locustfile with a user
from swarm.generator.generator import generator_of
from swarm.users.attempt import Attempt

if TYPE_CHECKING:
    from locust.env import Environment

    from collections.abc import Iterator

    from conf.operations import Journey, Operation

_FOR_EVER_S = 10**9.0


class JourneyUser(User):
    """
    A user that makes flows until the profile's iterations are done, then stays parked until the run ends.

    A parked user is not stopped: the number of users stays as asked for, and Locust starts no substitute. Where the
    profile has an arrival rate, the users of a process take its planned starts in turn. A start is late where all
    users were busy.
    """

    abstract = True
    journey: ClassVar[Journey]

    def __init__(self, environment: Environment) -> None:
        self.generator = generator_of(environment)
        if self.generator.part is None:
            raise StopTest("no houses are known to this process: the run could not begin; see the log above")
        self.part = self.generator.part
        self.settings = self.generator.settings
        load = self.settings.profile.loads.get(self.journey)
        if load is None:  # of a worker with another profile than the owner's
            self.generator.give_up(
                f"a user could not begin: its process has a profile without [{self.journey}]"
            )
            raise StopTest(f"profile {self.settings.run.profile} has no [{self.journey}]")
        self.load = load
        number = self.generator.next_user_number()
        # Text seeds give the same random numbers in every process and version, so that runs can be repeated.
        self.random = Random(f"{self.settings.run.random_seed}/{self.generator.index}/{number}")  # noqa: S311 - no secret
        self._flows = 0
        self._parked = False
        self._stopping = False
        self._schedule = self.part.schedules.get(self.journey)
        self._planned_s = float("-inf")
        super().__init__(environment)

    def on_start(self) -> None:
        """Begin with a flow; with an arrival rate, begin with the wait for the first planned start."""
        if self._schedule is not None:
            assert self._taskset_instance is not None
            self._taskset_instance.schedule_task(_nothing_yet, first=True)

    def on_stop(self) -> None:
        """Leave the parked users, and give the planned start back to another user."""
        if self._parked:
            self.part.unpark()
        if self._schedule is not None:
            self._schedule.give_back(self._planned_s)

    def stop(self, force: bool = False) -> bool:  # noqa: FBT001, FBT002 - Locust's own
        """
        Stop as Locust does: a flow under way is finished, and a wait is cut short by killing the user.

        The kill comes a moment later. The mark `_stopping` keeps a wait that ends before it from beginning a flow.
        """
        if self._stopping and not force:
            return False  # Locust calls this twice where two of its greenlets stop users, and then reports an error
        self._stopping = True
        return bool(super().stop(force))

    def wait_time(self) -> float:
        """Seconds until the next flow: until its planned start, or the profile's think time; endless after the last flow."""
        if self._schedule is not None:
            self._planned_s = self._schedule.take()
            return min(max(self._planned_s - self.part.elapsed_s, 0.0), _FOR_EVER_S)
        self._flows += 1
        if self.part.limited and self._flows == self.load.iterations:
            self._parked = True
            self.part.park()
            return _FOR_EVER_S
        return self.random.uniform(*self.load.think_time_s)

    def begin_flow(self) -> dict[str, Any]:
        """
        Begin a flow; returns the context of its results: its step, and how late it is.

        Raises:
            StopUser: No more flows may start.
        """
        if self._stopping or not self.part.takes_flows:
            raise StopUser
        if self._schedule is None:
            return {"step": self.part.step}
        self._schedule.begin(self._planned_s)
        return {"step": self.part.step, "late_s": max(self.part.elapsed_s - self._planned_s, 0.0)}

    @contextmanager
    def flow(self, operation: Operation) -> Iterator[dict[str, Any]]:
        """
        A ``with`` block that makes one result of *operation* from its requests, a success if all required ones are.

        Yields:
            The context of the flow's parts, for `attempt`.
        """
        context = self.begin_flow()
        with self.attempt("FLOW", operation, context):
            yield {"step": context["step"]}

    def attempt(
        self, request_type: str, operation: Operation, context: dict[str, Any], url: str | None = None
    ) -> Attempt:
        """A ``with`` block that ends in one result of *operation*; *context* is the flow's."""
        return Attempt(self.environment, self.part.results, request_type, operation, context, url=url)


def _nothing_yet(_: JourneyUser) -> None:
    """An empty task; the wait for the first planned start follows it."""
