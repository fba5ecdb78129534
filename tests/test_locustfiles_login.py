"""Who may use the web UI: without a login nobody but this machine, and with it nobody before it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import psutil
import pytest
import requests
from locust_process import LOCUSTFILES, free_port, served, start
from web_ui import TIMEOUT_S, WebUI, web_ui

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loadtest.embedded import Stack

USER, PASSWORD = "engineer", "correct-horse-battery-staple"
CREDENTIALS = {"LOADTEST_WEB_USER": USER, "LOADTEST_WEB_PASSWORD": PASSWORD}
LOCUSTS = [
    "/",
    "/stats/requests",
    "/stats/requests/csv",
    "/stats/failures/csv",
    "/exceptions",
    "/tasks",
    "/logs",
]
OURS = ["/verdict", "/verdict/now", "/verdict/report", "/monitoring", "/monitoring/now", "/metrics"]


@pytest.fixture(scope="module")
def ui(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebUI]:
    """Open to every address, for one user."""
    directory = tmp_path_factory.mktemp("login")
    with web_ui(stack, directory, "--web-host", "0.0.0.0", **CREDENTIALS) as running:  # noqa: S104 - to be refused to others
        yield running


@pytest.fixture
def browser(ui: WebUI) -> Iterator[requests.Session]:
    """With cookies of its own."""
    with closing(requests.Session()) as session:
        session.trust_env = False
        yield session


def log_in(browser: requests.Session, ui: WebUI, password: str = PASSWORD) -> requests.Response:
    form = {"username": USER, "password": password}
    return browser.post(f"{ui.url}/login_submit", data=form, timeout=TIMEOUT_S, allow_redirects=False)


OPEN = ["--web-host", "0.0.0.0"]  # noqa: S104 - as above


@pytest.mark.parametrize(("options", "environ"), [
    pytest.param(OPEN, {}, id="neither"),
    pytest.param(OPEN, {"LOADTEST_WEB_USER": USER}, id="no password"),
    pytest.param(OPEN, {"LOADTEST_WEB_PASSWORD": PASSWORD}, id="no user"),
    pytest.param(OPEN, {**CREDENTIALS, "LOADTEST_WEB_PASSWORD": "short"}, id="a short password"),
    pytest.param(["--web-login"], {}, id="asked for on this machine"),
])  # fmt: skip
def test_a_web_ui_that_needs_a_login_is_not_opened_without_one(
    stack: Stack, tmp_path: Path, options: list[str], environ: dict[str, str]
) -> None:
    words = ["-f", str(LOCUSTFILES / "chat.py"), "--web-port", str(free_port()), *options]
    with start(stack, tmp_path / "runs", words, **environ) as process:
        output = process.communicate(timeout=TIMEOUT_S)[0]
    assert process.returncode == 2
    assert f"Error: {' '.join(options)}: the web UI needs a login, and LOADTEST_WEB_USER" in output
    assert "--web-host 127.0.0.1" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("path", LOCUSTS)
def test_a_page_of_locusts_leads_to_the_login_page(ui: WebUI, path: str) -> None:
    answer = ui.get(path, allow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login")


@pytest.mark.parametrize("path", OURS)
def test_a_page_of_ours_is_for_those_who_have_logged_in(ui: WebUI, path: str) -> None:
    answer = ui.get(path)
    assert (answer.status_code, answer.text) == (401, "Log in first.\n")


def test_whoever_has_not_logged_in_starts_stops_and_chooses_nothing(
    ui: WebUI, browser: requests.Session, stack: Stack
) -> None:
    before = served(stack.base_url)
    for path in ("/swarm", "/stop", "/stats/reset", "/user"):
        answer = ui.post(path, data={"journey": "chat", "profile": "capacity"}, allow_redirects=False)
        assert (answer.status_code, answer.headers["Location"][:6]) == (302, "/login")
    assert log_in(browser, ui).status_code == 302
    assert '"profile": "phase17"' in browser.get(f"{ui.url}/", timeout=TIMEOUT_S).text
    assert (served(stack.base_url), list(ui.runs.iterdir())) == (before, [])


def test_a_wrong_password_is_refused_and_says_so_on_the_login_page(
    ui: WebUI, browser: requests.Session
) -> None:
    answer = log_in(browser, ui, "correct-horse-battery-stapler")
    assert answer.headers["Location"] == "/login"
    assert "User or password is wrong." in browser.get(f"{ui.url}/login", timeout=TIMEOUT_S).text
    assert browser.get(f"{ui.url}/verdict", timeout=TIMEOUT_S).status_code == 401


def test_the_right_one_opens_every_page_by_a_cookie_that_scripts_and_other_sites_cannot_use(
    ui: WebUI, browser: requests.Session
) -> None:
    answer = log_in(browser, ui)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert PASSWORD not in cookie
    for path in LOCUSTS + OURS:
        expected = 404 if path == "/verdict/report" else 200
        answer = browser.get(f"{ui.url}{path}", timeout=TIMEOUT_S, allow_redirects=False)
        assert answer.status_code == expected, path
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_prometheus_gives_user_and_password_itself(ui: WebUI) -> None:
    assert ui.get("/metrics", auth=(USER, PASSWORD)).status_code == 200
    assert ui.get("/metrics", auth=(USER, "wrong")).status_code == 401
    assert ui.get("/metrics", auth=("somebody", PASSWORD)).status_code == 401


def test_the_password_is_in_no_file_no_output_and_no_list_of_processes(stack: Stack, tmp_path: Path) -> None:
    with web_ui(stack, tmp_path, "--web-login", LOADTEST_LOG_DIR=str(tmp_path / "logs"), **CREDENTIALS) as ui:
        log_in(ui.http, ui, "wrong")
        log_in(ui.http, ui)
        run = ui.run(journey="chat", profile="smoke")
        assert run.problems == set()
        words = [psutil.Process(ui.process.pid).cmdline()]
        words += [child.cmdline() for child in psutil.Process(ui.process.pid).children(recursive=True)]
        pages = [ui.get(path).text for path in ("/", "/logs", "/verdict", "/monitoring", "/metrics")]
        output = ui.end()
    written = [path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 10
    assert [text for text in [*map(str, words), *pages, *written, output] if PASSWORD in text] == []


def test_this_machine_needs_no_login_unless_it_is_asked_for(stack: Stack, tmp_path: Path) -> None:
    with web_ui(stack, tmp_path, **CREDENTIALS) as ui:
        assert ui.get("/", allow_redirects=False).status_code == 200
        assert ui.get("/metrics").status_code == 200
