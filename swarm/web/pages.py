"""What the suite adds to Locust's web UI: verdict and monitoring, journey and profile in the start form, a login."""

from __future__ import annotations

import logging
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, request, send_file
from jinja2 import Environment as Templates
from jinja2 import FileSystemLoader, StrictUndefined

from monitoring.run_metrics import CONTENT_TYPE
from monitoring.web_address import WebAddress
from reports.rendering.html_page import facts_of, render_parts, style_sheet, template_environment
from reports.wording import sentences as wording
from swarm.web.gate import Gate
from swarm.web.login import Login
from swarm.web.monitoring_page import MonitoringPage

if TYPE_CHECKING:
    from locust.env import Environment

    from collections.abc import Callable

    from conf.settings import Settings
    from reports.record import Verdict
    from swarm.owner.live import LiveView
    from swarm.web.start_form import StartForm

_log = logging.getLogger(__name__)

_TEMPLATES = Path(__file__).parent / "templates"
_VERDICT_EVERY_MS = 2000
_MONITORING_EVERY_MS = 10_000
_MOST_BYTES = 1_000_000
"""Limit of a request, which is a form at most."""
_TABS = ("Verdict", "Monitoring")
_PARTS = ("validity", "criteria", "streams", "server_steps", "next", "failures", "health")
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)


def extend_web_ui(environment: Environment, settings: Settings, form: StartForm, view: LiveView) -> None:
    """
    Add the suite's pages and tabs, and the login that the address demands.

    Raises:
        LoadTestError: Other machines could reach the web UI, and no login is named.
    """
    web_ui = environment.web_ui
    assert web_ui is not None
    assert web_ui.app is not None
    assert environment.parsed_options is not None
    base_path = environment.parsed_options.web_base_path
    web_ui.app.config["MAX_CONTENT_LENGTH"] = _MOST_BYTES
    web_ui.app.wsgi_app = Gate(web_ui.app.wsgi_app, WebAddress(web_ui.host, settings.web.addresses))  # type: ignore[method-assign]
    login = Login.required(web_ui)
    if login is not None:
        login.install(web_ui, base_path)
    if web_ui.userclass_picker_is_active:
        web_ui.userclass_picker_is_active = (
            False  # Locust's class picker would override the journey's users and steps
        )
        _log.warning("--class-picker has no effect: the start form offers the journeys")
    form.install(web_ui, login.admits if login else lambda: True)
    pages = Pages(view, MonitoringPage(settings), login)
    web_ui.template_args["extended_tabs"] = [{"title": title, "key": title.lower()} for title in _TABS]
    web_ui.app.register_blueprint(pages.blueprint(), url_prefix=base_path)
    web_ui.app.after_request(_add_tabs)


class Pages:
    """
    The suite's own pages.

    Args:
        view: Shows the run under way, or the last one.
        monitoring: The monitoring page of this host.
        login: The login for these pages; None: every client that reaches the web UI may see them.
    """

    def __init__(self, view: LiveView, monitoring: MonitoringPage, login: Login | None) -> None:
        self._view = view
        self._monitoring = monitoring
        self._login = login
        self._templates = Templates(
            loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined
        )
        self._templates.globals.update(template_environment().globals)

    def blueprint(self) -> Blueprint:
        """The routes of the pages."""
        pages = Blueprint("loadtest", __name__)
        shown: dict[str, Callable[[], Response | str]] = {
            "/verdict": self._verdict_page,
            "/verdict/now": self._verdict_now,
            "/verdict/report": self._report,
            "/monitoring": self._monitoring_page,
            "/monitoring/now": self._monitoring_now,
            "/metrics": self._metrics,
        }
        for path, page in shown.items():
            pages.add_url_rule(path, page.__name__, self._guarded(page))
        for script in ("refresh", "tabs"):
            file = _TEMPLATES / f"{script}.js"
            pages.add_url_rule(f"/suite/{file.name}", script, partial(send_file, file))
        return pages

    def _guarded(self, page: Callable[[], Response | str]) -> Callable[[], Response]:
        @wraps(page)
        def guarded() -> Response:
            if self._login is not None and not self._login.admits():
                return Response("Log in first.\n", 401, {"WWW-Authenticate": "Basic"})
            rendered = page()
            answer = rendered if isinstance(rendered, Response) else Response(rendered)
            answer.headers.setdefault("Content-Security-Policy", _POLICY)
            answer.headers["Cache-Control"] = "no-store"
            return answer

        return guarded

    def _verdict_page(self) -> str:
        return self._page("verdict", "Verdict so far", _VERDICT_EVERY_MS, self._verdict_now())

    def _page(self, name: str, title: str, every_ms: int, now: str) -> str:
        template = self._templates.get_template("page.html.j2")
        return template.render(name=name, title=title, every_ms=every_ms, now=now, style=style_sheet())

    def _verdict_now(self) -> str:
        verdict = self._view.verdict()
        report = self._view.report
        return self._templates.get_template("verdict.html.j2").render(
            verdict=verdict,
            report=report,
            waiting=report is None and verdict is not None and _is_waiting(verdict),
            facts=facts_of(verdict) if verdict else [],
            symbols=render_parts(verdict, "symbols") if verdict else "",
            parts=render_parts(verdict, *_PARTS) if verdict else "",
        )

    def _monitoring_page(self) -> str:
        return self._page("monitoring", "Last 24 hours", _MONITORING_EVERY_MS, self._monitoring_now())

    def _monitoring_now(self) -> str:
        context = {**self._monitoring.context(), "pool": self._view.pool()}
        return self._templates.get_template("monitoring.html.j2").render(context)

    def _metrics(self) -> Response:
        return Response(self._view.metrics_page(), content_type=CONTENT_TYPE)

    def _report(self) -> Response:
        report = self._view.report
        if report is None or not report.is_file():
            abort(404, "There is no report yet: it is written when a run ends.")
        return send_file(report.resolve())


def _is_waiting(verdict: Verdict) -> bool:
    """Whether the run has too few results only because it has just begun, and has no other problem."""
    return bool(verdict.problems) and {problem.code for problem in verdict.problems} <= wording.CONSEQUENCES


def _add_tabs(answer: Response) -> Response:
    if request.endpoint == "locust.index" and answer.mimetype == "text/html":
        page = answer.get_data(as_text=True)
        answer.set_data(page.replace("</body>", '<script src="./suite/tabs.js" defer></script></body>'))
    return answer
