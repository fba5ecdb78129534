"""Who may use Locust's web UI: everybody on this machine, and beyond it whoever has logged in."""

from __future__ import annotations

import hmac
import os
import secrets
from ipaddress import ip_address
from typing import TYPE_CHECKING

import gevent
from flask import Blueprint, redirect, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user, login_user

from conf.errors import LoadTestError
from conf.secret import read_secret

if TYPE_CHECKING:
    from locust.web import WebUI

    from collections.abc import Mapping

    from werkzeug.wrappers import Response

USER_VARIABLE = "LOADTEST_WEB_USER"
PASSWORD_VARIABLE = "LOADTEST_WEB_PASSWORD"  # noqa: S105 - the name of a variable
_LEAST_CHARACTERS = 12
_WRONG_COSTS_S = 1.0


class Login:
    """
    Locust's own login page, with one user and password from the environment.

    Args:
        user: A name.
        password: Never kept anywhere else, nor shown.
    """

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password

    @classmethod
    def required(cls, web_ui: WebUI, environ: Mapping[str, str] = os.environ) -> Login | None:
        """
        The login that the web UI needs; None where it listens on the loopback and nobody asked for one.

        Raises:
            LoadTestError: It needs one, and the environment holds none, or one that is too short; or the password's file
                is not in order.
        """
        if is_loopback(web_ui.host) and not web_ui.web_login:
            return None
        user, password = environ.get(USER_VARIABLE, ""), read_secret(PASSWORD_VARIABLE, environ)
        reason = "--web-login" if is_loopback(web_ui.host) else f"--web-host {web_ui.host or '*'}"
        if not user or len(password) < _LEAST_CHARACTERS:
            raise LoadTestError(
                f"{reason}: the web UI needs a login, and {USER_VARIABLE} and {PASSWORD_VARIABLE} (at least "
                f"{_LEAST_CHARACTERS} characters) do not name one",
                "Set both, or listen on this machine alone: --web-host 127.0.0.1",
            )
        return cls(user, password)

    def install(self, web_ui: WebUI, base_path: str) -> None:
        """Ask for it on every page of Locust's and of ours; *base_path* is ``--web-base-path``."""
        app = web_ui.app
        assert app is not None
        app.config.update(SECRET_KEY=secrets.token_bytes(32), SESSION_COOKIE_SAMESITE="Lax")
        manager = LoginManager(app)
        manager.login_view = "locust.login"
        manager.user_loader(self._load)
        web_ui.login_manager = manager
        web_ui.web_login = True
        web_ui.auth_args = {"username_password_callback": "login_submit"}
        pages = Blueprint("loadtest_login", __name__)
        pages.add_url_rule("/login_submit", view_func=self._submit, methods=["POST"])
        app.register_blueprint(pages, url_prefix=base_path)

    def admits(self) -> bool:
        """Whether the request at hand comes from somebody who has logged in, or carries user and password itself."""
        given = request.authorization
        if given is not None and given.type == "basic":
            return self._is_right(given.username or "", given.password or "")
        return bool(current_user.is_authenticated)

    def _submit(self) -> Response:
        user, password = request.form.get("username", ""), request.form.get("password", "")
        if self._is_right(user, password):
            login_user(_User(self._user))
            return redirect(url_for("locust.index"))
        gevent.sleep(_WRONG_COSTS_S)
        session["auth_error"] = "User or password is wrong."
        return redirect(url_for("locust.login"))

    def _load(self, user: str) -> _User | None:
        return _User(user) if user == self._user else None

    def _is_right(self, user: str, password: str) -> bool:
        right_user = hmac.compare_digest(user.encode(), self._user.encode())
        return hmac.compare_digest(password.encode(), self._password.encode()) and right_user


class _User(UserMixin):  # type: ignore[misc]  # Flask-Login carries no types
    def __init__(self, user: str) -> None:
        self.id = user


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on *host*; an empty one is every address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
