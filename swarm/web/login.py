"""Who may use Locust's web UI: on this machine every user, from elsewhere only a user who has logged in."""

from __future__ import annotations

import hmac
import os
import secrets
from hashlib import sha256
from http import HTTPStatus
from math import ceil
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, g, redirect, request, session, url_for
from flask.sessions import SecureCookieSessionInterface
from flask_login import LoginManager, UserMixin, current_user, login_user

from conf.address import is_loopback
from conf.errors import LoadTestError
from conf.secret import read_secret
from swarm.web.gate import ORIGIN
from swarm.web.login_attempts import LoginAttempts

if TYPE_CHECKING:
    from locust.web import WebUI

    from collections.abc import Mapping

    from flask import Flask
    from werkzeug.wrappers import Response as Answer

USER_VARIABLE = "LOADTEST_WEB_USER"
PASSWORD_VARIABLE = "LOADTEST_WEB_PASSWORD"  # noqa: S105 - the name of a variable
_LEAST_CHARACTERS = 12


class Login:
    """
    Locust's own login page, with one user and password from the environment.

    Args:
        user: A name.
        password: Stored nowhere else, and never shown.
    """

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password
        self._attempts = LoginAttempts()

    @classmethod
    def required(cls, web_ui: WebUI, environ: Mapping[str, str] = os.environ) -> Login | None:
        """
        The login that the web UI needs; None where it listens on the loopback and none was asked for.

        Raises:
            LoadTestError: A login is needed and the environment has no password, the password is too short, or its file
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
        """Demand the login on all pages of Locust and of the suite; *base_path* is ``--web-base-path``."""
        app = web_ui.app
        assert app is not None
        app.config.update(SECRET_KEY=secrets.token_bytes(32), SESSION_COOKIE_SAMESITE="Lax")
        app.session_interface = _Sessions()
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
        """Whether the current request comes from a user who has logged in, or carries user and password."""
        given = request.authorization
        if given is None or given.type != "basic":
            return bool(current_user.is_authenticated)
        if "admitted" not in g:  # one request is one attempt, even if checked twice
            g.admitted = self._try(given.username or "", given.password or "")
        return bool(g.admitted)

    def _submit(self) -> Answer:
        right = self._try(request.form.get("username", ""), request.form.get("password", ""))
        session.clear()  # a session from before the login does not count any more
        if right:
            login_user(_User(self._user))
            return redirect(url_for("locust.index"))
        session["auth_error"] = "User or password is wrong."
        return redirect(url_for("locust.login"))

    def _try(self, user: str, password: str) -> bool:
        """Check an attempt. One that comes too soon after wrong ones is refused without a check."""
        # Not X-Forwarded-For, where a client may write any address.
        address = request.remote_addr or ""
        wait_s = ceil(self._attempts.wait_s(address))
        if wait_s:
            abort(
                Response(
                    f"Too many wrong passwords: try again in {wait_s} s.\n",
                    HTTPStatus.TOO_MANY_REQUESTS,
                    {"Retry-After": str(wait_s), "Content-Type": "text/plain; charset=utf-8"},
                )
            )
        right = self._is_right(user, password)
        (self._attempts.note_right if right else self._attempts.note_wrong)(address)
        return right

    def _load(self, user: str) -> _User | None:
        return _User(user) if user == self._user else None

    def _is_right(self, user: str, password: str) -> bool:
        right_user = _is_same(user, self._user)
        return _is_same(password, self._password) and right_user


def _is_same(given: str, right: str) -> bool:
    """Compare in a time that reveals nothing about *right*, not even its length."""
    digests = (sha256(text.encode(errors="surrogatepass")).digest() for text in (given, right))
    return hmac.compare_digest(*digests)


class _Sessions(SecureCookieSessionInterface):
    """Marks the cookie ``Secure`` where the browser uses TLS: Locust's, or that of a proxy named in the settings."""

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002 - Flask's signature
        return str(request.environ[ORIGIN]).startswith("https:")


class _User(UserMixin):  # type: ignore[misc]  # Flask-Login carries no types
    def __init__(self, user: str) -> None:
        self.id = user
