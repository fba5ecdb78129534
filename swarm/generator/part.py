"""The part that one process has in one run: its houses, its planned starts, and the results of its requests."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from conf.operations import Journey
from seed.questions import Questions
from swarm.generator.arrivals import Schedule
from swarm.generator.ceiling import Ceiling
from swarm.generator.houses import Houses
from swarm.generator.results import Results
from swarm.provenance import load_digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conf.settings import Settings
    from swarm.database.search import Searches
    from swarm.generator.failure_log import FailureLog
    from swarm.generator.houses import Send
    from swarm.messages import Begin


class RunPart:
    """
    Shared by the users of this process in one run; the next run has its own.

    Args:
        begin: The message of the run's owner.
        settings: This process's, with the run's profile.
        failures: Writes failed requests.
        send: Sends a message to the owner: its type and its data.
    """

    def __init__(self, begin: Begin, settings: Settings, failures: FailureLog, send: Send) -> None:
        self.run_id = begin.run_id
        self.houses = Houses(begin.run_id, begin.known, send)
        self.questions = Questions.unpack(begin.questions)
        self.results = Results(
            settings.contract, failures, settings.target.request_timeout_s, settings.thresholds
        )
        self.ceiling = Ceiling(begin.ceiling)
        self.schedules = _plan_starts(begin, settings)
        self._settings = settings
        self._searches: Searches | None = None
        self.limited = begin.limited
        """Whether a user is done after the profile's iterations."""
        self.step = begin.step
        """The step that requests starting now belong to."""
        self.differs = begin.load != load_digest(settings)
        """Whether this process makes another load than the owner's settings describe."""
        self.parked = 0
        """Users that have made all their iterations."""
        self.spent = 0
        """Onboardings of houses that the portal had seen before."""
        self.takes_flows = not begin.over
        """
        Whether flows may begin. After a worker has gone, Locust's master starts its users on the others, even while all
        workers are ending: flows that begin then would be killed half-way.
        """
        self.is_finished = False
        """Whether all results are sent to the owner."""
        self._starts_from_s = perf_counter() + begin.ramp_s
        self._ended_s: float | None = None
        if begin.over:
            self.houses.close()

    @property
    def elapsed_s(self) -> float:
        """Seconds since planned arrivals began; negative before that."""
        return perf_counter() - self._starts_from_s

    @property
    def begun_starts(self) -> int:
        """Planned starts that were made."""
        return sum(schedule.begun for schedule in self.schedules.values())

    @property
    def missed_starts(self) -> int:
        """Planned starts that were not made; 0 while the load goes on."""
        if self._ended_s is None:
            return 0
        return sum(schedule.missed(self._ended_s) for schedule in self.schedules.values())

    def shared_searches(self, make: Callable[[Settings], Searches]) -> Searches:
        """The searches that all searching users share; the first call makes them."""
        if self._searches is None:
            self._searches = make(self._settings)
        return self._searches

    def begin_step(self, step: int) -> None:
        """Count requests that start from now on for *step*."""
        self.step = step

    def park(self) -> None:
        """Count a user that has made all its iterations."""
        self.parked += 1

    def unpark(self) -> None:
        """Remove a parked user from the count, since it is stopped."""
        self.parked -= 1

    def note_spent(self) -> None:
        """Count an onboarding of a house that the portal had seen before."""
        self.spent += 1

    def end(self) -> None:
        """Plan no further starts; users may still make those planned so far, until they stop."""
        if self._ended_s is None:
            self._ended_s = self.elapsed_s
        self.houses.close()

    def finish(self) -> None:
        """Write how many failures were left out, after all users have ended."""
        self.results.failures.finish()

    def close(self) -> None:
        """Close what the users shared, since the next run begins."""
        if self._searches is not None:
            self._searches.close()


def _plan_starts(begin: Begin, settings: Settings) -> dict[Journey, Schedule]:
    """Journey with an arrival rate → this process's share of its planned starts."""
    return {
        journey: Schedule(
            load.arrival_rate,
            load.arrivals,
            f"{settings.run.random_seed}/{journey}",
            begin.share,
            begin.shares,
        )
        for journey in map(Journey, begin.journeys)
        if (load := settings.profile.loads.get(journey)) is not None and load.arrival_rate is not None
    }
