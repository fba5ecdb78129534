"""The work of the process that owns the runs: the local runner, or the master. A worker never imports this module."""

from __future__ import annotations

from locust import events

from typing import TYPE_CHECKING

from monitoring.measurement import utc_now
from monitoring.probing.preflight import require_ready
from swarm.exits import require_web_port
from swarm.generator.generator import generators
from swarm.owner.choice import build_choice, chosen_journeys, offered_journeys
from swarm.owner.owner import Owner
from swarm.owner.plan import Typed
from swarm.owner.progress import Progress
from swarm.owner.run_writer import write_locust_csv

if TYPE_CHECKING:
    from locust.env import Environment

    from conf.settings import Settings


def own_runs(environment: Environment, settings: Settings) -> None:
    """
    Make this process the owner of its runs.

    Raises:
        LoadTestError: The run cannot be made as asked for, a port cannot be opened, or a headless run lacks what it needs.
    """
    options, web_ui = environment.parsed_options, environment.web_ui
    assert options is not None
    if web_ui is not None:
        require_web_port(web_ui)
    environment.stop_timeout = environment.stop_timeout or settings.run.stop_timeout_s
    journeys = chosen_journeys(options.journey, offered_journeys(environment.user_classes), settings)
    typed = Typed(options.num_users, options.spawn_rate, options.run_time)
    choice = build_choice(settings, journeys, typed)
    generator, progress = generators.get(environment), Progress.from_environment()
    if web_ui is None and settings.monitoring.metrics_port is None:
        Owner(environment, choice, generator, progress)
    else:
        # It imports pandas and scipy, which takes a second or two.
        from swarm.display import open_view, show_in_web_ui  # noqa: PLC0415

        view = open_view(settings)
        owner = Owner(environment, choice, generator, progress, view)
        if web_ui is not None:
            show_in_web_ui(environment, owner, typed, view)
    if web_ui is None:
        # A headless run has no form to correct its choice in: all that it needs must be there at its start.
        require_ready(settings, journeys, options.run_time or 0, utc_now())
    if options.csv_prefix:
        events.quit.add_listener(lambda **_: write_locust_csv(environment, options.csv_prefix))
