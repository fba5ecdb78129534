"""What every user of the suite has: a number of flows to make, and time to think between them."""

from __future__ import annotations

from locust import User
from locust.exception import StopTest

from random import Random
from time import perf_counter
from typing import TYPE_CHECKING, ClassVar

from locustfiles._session import generator_of

if TYPE_CHECKING:
    from locust.env import Environment

    from conf.operations import Journey, Operation
    from locustfiles._failure import RequestFailed

_FOR_EVER_S = 10**9.0


class JourneyUser(User):
    """
    A user that makes flows until the profile's iterations are done, then stays parked until the run ends.

    Parked, not stopped: the number of users stays what was asked for, and Locust starts no substitute.
    """

    abstract = True
    journey: ClassVar[Journey]

    def __init__(self, environment: Environment) -> None:
        self.generator = generator_of(environment)
        if not len(self.generator.houses):
            raise StopTest("no houses were dealt to this process: the run could not begin; see the log above")
        self.settings = self.generator.settings
        self.load = self.settings.profile.load(self.journey)
        number = self.generator.next_user_number()
        # Text seeds are hashed the same way in every process and version; the same run asks the same questions.
        self.random = Random(f"{self.settings.run.random_seed}/{self.generator.index}/{number}")  # noqa: S311 - no secret
        self._flows = 0
        self._parked = False
        super().__init__(environment)

    def on_stop(self) -> None:
        """Whoever is stopped is not parked any more."""
        self.generator.parked -= self._parked

    def wait_time(self) -> float:
        """Seconds until the next flow: the profile's think time, or for ever after the last one."""
        self._flows += 1
        if self.generator.limited and self._flows == self.load.iterations:
            self._parked = True
            self.generator.parked += 1
            return _FOR_EVER_S
        return self.random.uniform(*self.load.think_time_s)

    def _fire(
        self, request_type: str, operation: Operation, started: float, failed: RequestFailed | None, step: int
    ) -> None:
        """Report a result that Locust does not time by itself; *started* is a reading of ``perf_counter``."""
        self.environment.events.request.fire(
            request_type=request_type,
            name=operation.value,
            response_time=(perf_counter() - started) * 1000,
            response_length=0,
            exception=failed,
            context={"step": step},
        )
