"""The beginning of a run: Locust gets the load, houses are dealt, and every process gets its part."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, cast

import gevent

from monitoring.measurement import utc_now
from monitoring.probing.planned_load import warn_of_short_stop
from monitoring.probing.usable_houses import check_fixture, find_signer
from monitoring.probing.vector_index import look_at_vector_index
from swarm.owner.choice import share_users
from swarm.owner.dealer import Deck
from swarm.owner.shape import StepShape

if TYPE_CHECKING:
    from locust import User
    from locust.env import Environment

    from collections.abc import Callable, Iterable

    from seed.fixture import House
    from swarm.owner.briefing import Briefing
    from swarm.owner.choice import Choice
    from swarm.owner.run import Run
    from swarm.owner.workers import Workers

_log = logging.getLogger(__name__)


def prepare_locust(
    environment: Environment,
    choice: Choice,
    user_classes: Iterable[type[User]],
    on_step: Callable[[int | None], None],
) -> None:
    """
    Give Locust the load of the next run: users and their number, or a shape where the profile has steps.

    Args:
        environment: Locust's.
        choice: The run to prepare.
        user_classes: All loaded user classes; those of other journeys are left out.
        on_step: Called with a step's index as it begins, and with None after the last step.
    """
    plan, options = choice.plan, environment.parsed_options
    assert options is not None
    environment.user_classes = [
        user for user in user_classes if getattr(user, "journey", None) in {None, *choice.journeys}
    ]
    share_users(environment.user_classes, choice.settings.profile)
    environment.shape_class = None
    if plan.steps:
        environment.shape_class = StepShape(plan.steps, on_step)
        environment.shape_class.runner = environment.runner
    else:
        options.num_users, options.spawn_rate = plan.users, plan.spawn_rate
        options.run_time = plan.run_time_s


def read_deck(choice: Choice) -> Deck:
    """
    Read the houses of the fixture, in a thread: a large fixture takes seconds, and workers need heartbeats meanwhile.

    Raises:
        LoadTestError: The fixture cannot be read, or its JWTs expire before the run is over.
    """

    def read() -> Deck:
        run_time_s = choice.plan.run_time_s or 0
        return Deck.of(*check_fixture(choice.settings, choice.journeys, run_time_s, utc_now()))

    return cast("Deck", gevent.get_hub().threadpool.apply(read))


def begin_run(
    run: Run, briefing: Briefing, deck: Deck, workers: Workers | None, stop_timeout_s: float
) -> None:
    """Deal the houses of *run*, and send each process its part: the *workers*, or this process where there are none."""
    settings, house = run.choice.settings, deck.houses[0]
    if cut_off := warn_of_short_stop(settings, run.choice.journeys, stop_timeout_s):
        _log.warning("%s", cut_off)
    run.dealer.begin(run.run_id, deck, find_signer(settings, house) if deck.expiries else None)
    briefing.begin(workers.begin(run.run_id) if workers else [""])
    run.steps.begin(briefing.tell_step)
    gevent.spawn(_look_at_index, run, house)


def _look_at_index(run: Run, house: House) -> None:
    """Look at the index once, while the users start. A thread waits for the database, which may be slow to answer."""
    database = run.choice.settings.database
    if database.url is not None and run.choice.settings.contract.search is None:
        run.vector_index = gevent.get_hub().threadpool.apply(look_at_vector_index, (database, house))
