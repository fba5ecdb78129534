"""Shows a run while it goes on: to people in the web UI, and to Prometheus at a port of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.metrics_server import MetricsServer
from swarm.owner.live import LiveView
from swarm.web.pages import extend_web_ui
from swarm.web.start_form import StartForm

if TYPE_CHECKING:
    from locust.env import Environment

    from conf.settings import Settings
    from swarm.owner.owner import Owner
    from swarm.owner.plan import Typed


def open_view(settings: Settings) -> LiveView:
    """
    Make the view that shows each run to come. Prometheus can fetch it from now on if the settings name a port.

    Raises:
        LoadTestError: The port cannot be opened.
    """
    view, port = LiveView(), settings.monitoring.metrics_port
    if port is not None:
        MetricsServer(view.metrics_page, port, settings.monitoring.metrics_host).start()
    return view


def show_in_web_ui(environment: Environment, owner: Owner, typed: Typed, view: LiveView) -> None:
    """
    Add the suite's pages and its start form to Locust's web UI; *typed* is what the command line asked for.

    Raises:
        LoadTestError: Other machines could reach the web UI, and no login is named.
    """
    form = StartForm(environment, owner, owner.settings.run.profile, typed)
    extend_web_ui(environment, owner.settings, form, view)
