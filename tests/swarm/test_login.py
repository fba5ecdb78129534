"""Who may use the web UI: without a login nobody but this machine, and with it nobody before it."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import psutil
import pytest
import requests
from locust_process import LOCUSTFILES, free_port, served, start
from patience import TIMEOUT_S, await_true
from warm_python import COLD
from web_ui import WebUI, web_ui

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


def test_wrong_passwords_are_slowed_down_whichever_way_they_come_and_the_right_one_is_let_in_afterwards(
    stack: Stack, tmp_path: Path, browser: requests.Session
) -> None:
    with web_ui(stack, tmp_path, "--web-login", **CREDENTIALS) as ui:
        log_in(ui.http, ui)
        statuses, waits = [], []
        for number in range(12):
            # A header that anybody may write names another address each time.
            headers = {
                "X-Forwarded-For": f"10.0.0.{number}",
                "X-Real-IP": f"10.0.0.{number}",
                "Forwarded": f"for=10.0.0.{number}",
            }
            if number % 2:
                answer = ui.get("/metrics", auth=(USER, f"wrong-{number}"), headers=headers)
            else:
                form = {"username": USER, "password": f"wrong-{number}"}
                answer = browser.post(
                    f"{ui.url}/login_submit",
                    data=form,
                    headers=headers,
                    timeout=TIMEOUT_S,
                    allow_redirects=False,
                )
            statuses.append(answer.status_code)
            waits.append(answer.headers.get("Retry-After"))
        assert statuses[:5] == [302, 401, 302, 401, 302]
        assert statuses.count(429) >= 4, statuses
        refused = statuses.index(429)
        assert int(waits[refused] or 0) in range(1, 4)
        assert ui.get("/verdict").status_code == 200  # by its cookie, which needs no attempt
        assert "Too many wrong passwords: try again in " in log_in(browser, ui).text
        await_true(lambda: log_in(browser, ui).headers.get("Location") == "/")


def test_many_who_guess_at_once_hold_up_neither_each_other_nor_the_pages(
    stack: Stack, tmp_path: Path
) -> None:
    with web_ui(stack, tmp_path, "--web-login", **CREDENTIALS) as ui, ThreadPoolExecutor(32) as guessers:
        log_in(ui.http, ui)
        guesses = [
            guessers.submit(ui.get, "/metrics", auth=(USER, f"wrong-{n}"), cookies={}) for n in range(300)
        ]
        assert ui.get("/verdict").status_code == 200
        statuses = Counter(guess.result().status_code for guess in guesses)
    assert statuses.keys() == {401, 429}
    assert statuses[401] < 50


def test_a_session_that_was_there_before_the_login_is_another_one_after_it(
    ui: WebUI, browser: requests.Session
) -> None:
    browser.get(f"{ui.url}/login", timeout=TIMEOUT_S)
    log_in(browser, ui, "correct-horse-battery-stapler")
    before = browser.cookies["session"]
    log_in(browser, ui)
    assert browser.cookies["session"] != before
    assert browser.get(f"{ui.url}/verdict", timeout=TIMEOUT_S).status_code == 200
    planted = {"Cookie": f"session={before}"}
    assert requests.get(f"{ui.url}/verdict", headers=planted, timeout=TIMEOUT_S).status_code == 401


def test_behind_a_proxy_with_tls_that_the_settings_name_the_cookie_is_secure(
    stack: Stack, tmp_path: Path
) -> None:
    addresses = {"LOADTEST_WEB_ADDRESSES": "https://load.example,http://owner:9000"}
    with web_ui(stack, tmp_path, "--web-login", **CREDENTIALS, **addresses) as ui:
        form = {"username": USER, "password": PASSWORD}

        def cookie(**headers: str) -> set[str]:
            answer = requests.post(
                f"{ui.url}/login_submit", data=form, headers=headers, timeout=TIMEOUT_S, allow_redirects=False
            )
            return set(answer.headers["Set-Cookie"].split("; "))

        assert "Secure" in cookie(Host="load.example", Origin="https://load.example")
        assert "Secure" not in cookie(Host="owner:9000")
        assert "Secure" not in cookie(**{"X-Forwarded-Proto": "https"})


def test_a_request_of_many_megabytes_is_refused_before_it_is_read(ui: WebUI) -> None:
    form = {"username": USER, "password": "x" * 20_000_000}
    try:
        assert ui.post("/login_submit", data=form, allow_redirects=False).status_code == 413
    except requests.ConnectionError:  # the answer was there before all was sent
        assert ui.get("/verdict").status_code == 401


def test_prometheus_gives_user_and_password_itself(ui: WebUI) -> None:
    assert ui.get("/metrics", auth=(USER, PASSWORD)).status_code == 200
    assert ui.get("/metrics", auth=(USER, "wrong")).status_code == 401
    assert ui.get("/metrics", auth=("somebody", PASSWORD)).status_code == 401


def test_the_password_is_in_no_file_no_output_and_no_list_of_processes(stack: Stack, tmp_path: Path) -> None:
    environ = {
        "LOADTEST_LOG_DIR": str(tmp_path / "logs"),
        COLD: "so that its words are its own",
    } | CREDENTIALS
    with web_ui(stack, tmp_path, "--web-login", **environ) as ui:
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
