"""Locust's start form, with a journey and a profile: a sent form becomes the choice of the next run."""

from __future__ import annotations

from locust.runners import STATE_INIT, STATE_STOPPED, MasterRunner
from locust.util.timespan import parse_timespan

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, Any

import gevent
from flask import Response, g, jsonify, request
from werkzeug.datastructures import ImmutableMultiDict

from conf.errors import LoadTestError
from conf.journeys import undescribed
from conf.layers import CONF_DIR
from conf.loading import choice_name, load_settings
from conf.operations import ALL, Journey
from monitoring.measurement import utc_now
from monitoring.probing.preflight import require_ready
from swarm.owner.choice import build_choice, chosen_journeys, refuse_too_many
from swarm.owner.plan import Typed

if TYPE_CHECKING:
    from locust.env import Environment
    from locust.web import WebUI

    from collections.abc import Callable, Collection, Mapping

    from swarm.owner.choice import Choice
    from swarm.owner.owner import Owner
    from swarm.owner.plan import Plan

_LONGEST_BEGINNING_S = 30.0
"""A run that has not begun this long after its request will not begin."""


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FormState:
    """What the form remembers between requests."""

    profile: str
    """Profile of the run that was chosen last; a form without a profile means this one."""
    typed: Typed
    """Numbers typed for the run that was chosen last, or edited since."""
    journey: str = ""
    """Journey of the run that was chosen last; empty before the first."""
    asked_at_s: float | None = None
    """When the run that is about to begin was requested; None where none is."""


class StartForm:
    """
    Handles the form before Locust's own handler.

    The form is filled with the numbers of the last run. Where journey and profile are unchanged, numbers that were not
    edited repeat the last run; where either changes, they are those of the new profile. Edited numbers always hold.

    Args:
        environment: Locust's.
        owner: The owner of the next run.
        profile: The profile that the command line named.
        typed: Numbers of the command line; a run uses them unless its form has others.
        clock: Monotonic, in seconds.
    """

    def __init__(
        self,
        environment: Environment,
        owner: Owner,
        profile: str,
        typed: Typed,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._environment = environment
        self._owner = owner
        self._command_line = typed
        self._state = FormState(profile, typed)
        self._clock = clock
        known = sorted(path.stem for path in (CONF_DIR / "profiles").glob("*.toml"))
        self._profiles = list(dict.fromkeys([profile, *known]))

    def install(self, web_ui: WebUI, may_start: Callable[[], bool]) -> None:
        """Offer the profiles, and the journeys that the portal has; read the form of clients that *may_start* a run; Locust refuses others."""
        assert web_ui.app is not None
        web_ui.template_args["all_profiles"] = self._profiles
        self._environment.profile = self._state.profile
        self._environment.events.test_start.add_listener(lambda **_: self._remember(asked_at_s=None))
        web_ui.app.before_request(lambda: self._read() if may_start() else None)
        web_ui.app.after_request(self._note_refusal)
        contract = self._owner.settings.contract
        loaded = self._owner.offered
        offered = [each for each in Journey if each in loaded and not undescribed(each, contract)]
        fill_as_locust_does, words = web_ui.update_template_args, self._users_of_profiles(offered)

        def fill() -> None:
            fill_as_locust_does()  # type: ignore[no-untyped-call]  # Locust has no types here
            web_ui.template_args["extra_options"]["journey"] |= {
                "choices": [ALL, *offered],
                "help_text": words,
            }

        web_ui.update_template_args = fill  # type: ignore[method-assign]  # the form has no other place for this text

    def _users_of_profiles(self, offered: Collection[Journey]) -> str:
        """How many users of each journey the profiles start together."""
        texts = []
        for name in self._profiles:
            with suppress(LoadTestError):  # reported when the profile is chosen
                profile = load_settings({"run.profile": name}).profile
                users = [f"{j} {load.most_users:,}" for j, load in profile.loads.items() if j in offered]
                texts.append(f"{choice_name(name)}: {', '.join(users)}")
        return (
            f"Users of each journey when all run together: {'; '.join(texts)}. Another number of users is dealt in the "
            "same proportion."
        )

    def _remember(self, **changed: Any) -> None:
        self._state = replace(self._state, **changed)

    def _note_refusal(self, answer: Response) -> Response:
        """Forget the requested run where Locust refuses a form that was accepted here."""
        asked = request.endpoint == "locust.swarm" and request.method == "POST"
        if asked and g.get("asked") and not (answer.is_json and answer.get_json()["success"]):
            self._remember(asked_at_s=None)
        return answer

    def _read(self) -> Response | None:
        if request.method != "POST":  # OPTIONS only asks which methods are allowed
            return None
        match request.endpoint:
            case "locust.swarm":
                return self._start()
            case "locust.stop":
                self._await_users()
                self._remember(asked_at_s=None)
            case "locust.reset_stats" if self._owner.is_running:
                # Locust's statistics would no longer cover the whole run, and would differ from the report.
                _log.warning("Reset Stats: not while a run goes on; its report counts every request")
                return Response("Not while a run goes on.\n", HTTPStatus.CONFLICT)
        return None

    def _await_users(self) -> None:
        """Wait for the first users: Locust cannot stop a run without users, which would begin a moment later."""
        runner = self._environment.runner
        assert runner is not None
        with gevent.Timeout(_LONGEST_BEGINNING_S, False):  # noqa: FBT003 - gevent's way to say: do not raise
            while self._is_beginning or (
                self._owner.is_running and runner.state in {STATE_INIT, STATE_STOPPED}
            ):
                gevent.sleep(0.01)

    @property
    def _is_beginning(self) -> bool:
        """Whether a run was requested a moment ago, and has not begun."""
        asked_at_s = self._state.asked_at_s
        return asked_at_s is not None and self._clock() - asked_at_s < _LONGEST_BEGINNING_S

    def _start(self) -> Response | None:
        form = request.form  # read it first: while it arrives, other clients may press Start too
        try:
            self._require_rest()
            request.form = self._edited(form) if self._owner.is_running else self._choose(form)
        except LoadTestError as error:
            return jsonify({"success": False, "message": str(error), "host": self._environment.host})
        return None

    def _require_rest(self) -> None:
        """Refuse a start while a run is beginning or ending: Locust would break off the one and overlap the other."""
        if self._owner.is_ending:
            raise LoadTestError("the last run is still ending", "Start again when its verdict is there.")
        if self._is_beginning:
            raise LoadTestError("a run is about to begin", "Wait for it.")

    def _choose(self, form: Mapping[str, str]) -> ImmutableMultiDict[str, str]:
        """Give the owner its choice; returns the form for Locust."""
        self._remember(asked_at_s=self._clock())
        g.asked = True
        options: Any = self._environment.parsed_options
        before = self._state
        profile, journey = form.get("profile") or before.profile, form.get("journey") or options.journey
        is_the_last = (before.profile, before.journey) == (profile, journey)
        try:
            typed = self._typed(form, before.typed if is_the_last else self._command_line)
            choice = self._choice(form, profile, journey, typed)
        except BaseException:
            self._remember(asked_at_s=None)
            raise
        self._owner.choose(choice)
        self._remember(profile=profile, journey=journey, typed=typed)
        return ImmutableMultiDict({**form, "profile": profile, **_filled(choice.plan)})

    def _choice(self, form: Mapping[str, str], profile: str, journey: str, typed: Typed) -> Choice:
        """The choice of the run, after a check that all it needs is there."""
        runner = self._environment.runner
        if isinstance(runner, MasterRunner) and not runner.worker_count:
            raise LoadTestError(
                "no worker has joined: nobody would make the load",
                "Start one: locust -f locustfiles/ --worker --master-host ADDRESS",
            )
        if profile not in self._profiles:
            raise LoadTestError(
                f"profile: {profile!r} is not offered", f"Choose {', '.join(self._profiles)}."
            )
        host = form.get("host") or self._environment.host
        settings = load_settings({"run.profile": profile, "target.base_url": host})
        journeys = chosen_journeys(journey, self._owner.offered, settings)
        choice = build_choice(settings, journeys, typed)
        require_ready(settings, journeys, choice.plan.run_time_s or 0, utc_now())
        return choice

    def _edited(self, form: Mapping[str, str]) -> ImmutableMultiDict[str, str]:
        """Edit the number of users of a run under way; nothing else of it can be edited, least of all its target."""
        if {"host", "profile"} & form.keys():  # only the start form has these: Start was pressed twice
            raise LoadTestError("a run is under way", "Stop it first.")
        users, spawn_rate = _users(form), _number("spawn_rate", form)
        refuse_too_many(self._owner.settings, users or 0)
        # The next start form shows these numbers as Locust's own.
        self._remember(typed=self._state.typed._replace(users=users, spawn_rate=spawn_rate))
        numbers = {"user_count": users, "spawn_rate": spawn_rate}
        return ImmutableMultiDict({name: str(number) for name, number in numbers.items() if number})

    def _typed(self, form: Mapping[str, str], before: Typed) -> Typed:
        """The numbers of the form; those that were left unchanged in it are as *before*."""
        options: Any = self._environment.parsed_options
        users, spawn_rate, run_time_s = _users(form), _number("spawn_rate", form), _run_time(form)
        if users is None:  # not sent by Locust's form, which always has this number
            before = self._command_line
        return Typed(
            before.users if users in {None, options.num_users} else users,
            before.spawn_rate if spawn_rate in {None, options.spawn_rate} else spawn_rate,
            before.run_time_s if run_time_s == options.run_time else run_time_s,
        )


def _users(form: Mapping[str, str]) -> int | None:
    number = _number("user_count", form)
    if number is not None and number != int(number):
        raise LoadTestError(
            f"user_count: {number:g} is not a whole number", "Correct the form, and start again."
        )
    return None if number is None else int(number)


def _number(name: str, form: Mapping[str, str]) -> float | None:
    text = form.get(name, "")
    try:
        number = float(text) if text else None
    except ValueError:
        number = -1.0
    if number is not None and not 0 < number < float("inf"):
        raise LoadTestError(f"{name}: {text!r} is not a number above 0", "Correct the form, and start again.")
    return number


def _run_time(form: Mapping[str, str]) -> float | None:
    text = form.get("run_time", "")
    try:
        return float(parse_timespan(text)) or None if text else None
    except (ValueError, OverflowError):
        raise LoadTestError(
            f"run time: {text!r} is not a length of time", "Write it like 20, 20s, 3m, 2h or 1h20m."
        ) from None


def _filled(plan: Plan) -> dict[str, str]:
    """Values of Locust's fields; for a plan with steps they have no effect, but must be numbers."""
    return {
        "user_count": str(plan.users or 1),
        "spawn_rate": str(plan.spawn_rate or 1),
        "run_time": f"{plan.run_time_s:.0f}" if plan.run_time_s else "",
    }
