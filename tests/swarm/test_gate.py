"""The web UI answers those who ask it by its own name, and changes nothing for a page of another site: as raw bytes."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import trustme
from locust_process import served
from raw_http import ask
from web_ui import WebUI, web_ui

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from raw_http import Answer

    from loadtest.embedded import Stack

PAGES = [
    "/", "/assets/terminal.gif", "/suite/tabs.js", "/verdict", "/verdict/now", "/verdict/report", "/monitoring", "/monitoring/now",
    "/metrics", "/logs", "/stats/requests", "/stats/report", "/stats/requests/csv", "/exceptions", "/tasks", "/worker-count",
    "/login", "/no/such/page",
]  # fmt: skip
CHANGES = ["/swarm", "/stop", "/stats/reset", "/user"]
BROWSER = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:60.0) Gecko/20100101 Firefox/60.0"
PROXY = "https://load.example"


@pytest.fixture(scope="module")
def ui(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebUI]:
    directory = tmp_path_factory.mktemp("gate")
    with web_ui(stack, directory, LOADTEST_WEB_ADDRESSES=f"{PROXY}, http://owner:9000") as running:
        yield running


@pytest.fixture
def port(ui: WebUI) -> int:
    return urlsplit(ui.url).port or 0


def get(port: int, path: str, *headers: str, host: str = "") -> Answer:
    return ask(port, f"GET {path} HTTP/1.1", f"Host: {host or f'127.0.0.1:{port}'}", *headers)


def post(port: int, path: str, *headers: str, body: str = "journey=chat&profile=smoke") -> Answer:
    form = "Content-Type: application/x-www-form-urlencoded"
    return ask(port, f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", form, *headers, body=body)


# --- Host


@pytest.mark.parametrize("path", PAGES)
def test_no_path_is_answered_to_a_name_that_was_made_to_lead_here(port: int, path: str) -> None:
    answer = get(port, path, "Sec-Fetch-Site: same-origin", host=f"evil.example:{port}")
    assert answer.status == 403
    assert answer.body.startswith(f"Error: Host: 'evil.example:{port}' is no address of this web UI\n")
    assert "LOADTEST_WEB_ADDRESSES=" in answer.body


@pytest.mark.parametrize("path", CHANGES)
def test_such_a_page_which_is_of_the_same_origin_for_the_browser_starts_and_stops_nothing(
    ui: WebUI, port: int, stack: Stack, path: str
) -> None:
    before = served(stack.base_url)
    for method in ("POST", "GET", "OPTIONS", "HEAD", "PUT", "DELETE", "PATCH", "TRACE"):
        answer = ask(
            port, f"{method} {path} HTTP/1.1", f"Host: evil.example:{port}", f"Origin: http://evil.example:{port}",
            "Sec-Fetch-Site: same-origin",
        )  # fmt: skip
        assert answer.status == 403, method
    assert (served(stack.base_url), list(ui.runs.iterdir())) == (before, [])


@pytest.mark.parametrize("lines", [
    pytest.param(["GET /verdict HTTP/1.1"], id="no Host"),
    pytest.param(["GET /verdict HTTP/1.0"], id="an old request without Host"),
    pytest.param(["GET /verdict HTTP/1.1", "Host: 127.0.0.1:{port}", "Host: evil.example"], id="two of them"),
    pytest.param(["GET /verdict HTTP/1.1", "Host: evil.example", "Host: 127.0.0.1:{port}"], id="two in the other order"),
    pytest.param(["GET /verdict HTTP/1.1", "Host: evil.example", "X-Forwarded-Host: 127.0.0.1:{port}"], id="forwarded"),
    pytest.param(["GET http://evil.example/verdict HTTP/1.1", "Host: 127.0.0.1:{port}"], id="an address as path"),
    pytest.param(["GET http://127.0.0.1:{port}/verdict HTTP/1.1", "Host: evil.example"], id="an own one, and another Host"),
    pytest.param(["OPTIONS * HTTP/1.1", "Host: 127.0.0.1:{port}"], id="no path"),
    pytest.param(["GET /verdict HTTP/1.1", "Host: evil@127.0.0.1:{port}"], id="a user"),
    pytest.param(["GET /verdict HTTP/1.1", "Host: localhost.:{port}"], id="a dot at the end"),
    pytest.param(["GET /verdict HTTP/1.1", "Host: 127.0.0.1:1"], id="another port"),
    pytest.param(["GET /verdict HTTP/1.1", "Host: load.example:{port}"], id="the proxy's name with another port"),
])  # fmt: skip
def test_a_request_that_names_the_web_ui_in_no_clear_way_is_refused(port: int, lines: list[str]) -> None:
    answer = ask(port, *(line.format(port=port) for line in lines))
    assert answer.status in {400, 403}
    assert answer.body.startswith("Error: ")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:{port}",
        "localhost:{port}",
        "LOCALHOST:{port}",
        "[::1]:{port}",
        "load.example",
        "owner:9000",
    ],
)
def test_each_address_of_its_own_is_answered(port: int, host: str) -> None:
    assert get(port, "/verdict", host=host.format(port=port)).status == 200


# --- other sites


CROSS_SITE = [
    ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors"],
    ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"],
    ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"],
    ["Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: navigate"],
    ["Sec-Fetch-Site: anything"],
    ["Sec-Fetch-Site: same-origin", "Origin: http://evil.example"],
    ["Sec-Fetch-Site: none", "Origin: http://127.0.0.1:1"],
    ["Origin: http://evil.example"],
    ["Origin: null"],
    ["Origin: "],
    ["Origin: http://127.0.0.1:1"],
    ["Origin: https://127.0.0.1:{port}"],
    ["Origin: http://localhost:{port}"],
    ["Origin: http://127.0.0.1:{port}.evil.example"],
    ["Origin: http://127.0.0.1:{port}@evil.example"],
    ["Origin: http://[::1"],
    ["Origin: http://127.0.0.1:{port}", "Origin: http://evil.example"],
    ["Origin: http://evil.example", "Referer: http://127.0.0.1:{port}/"],
    ["Referer: http://evil.example/127.0.0.1:{port}/"],
    ["Referer: http://127.0.0.1:{port}.evil.example/"],
    ["Referer: https://127.0.0.1:{port}/"],
    ["Referer: evil"],
    [BROWSER],
    [BROWSER, "Referer: "],
]


@pytest.mark.parametrize("headers", CROSS_SITE, ids=", ".join)
def test_a_page_of_another_site_starts_stops_and_resets_nothing(
    ui: WebUI, port: int, stack: Stack, headers: list[str]
) -> None:
    before, words = served(stack.base_url), [line.format(port=port) for line in headers]
    assert [post(port, path, *words).status for path in CHANGES] == [403] * len(CHANGES)
    assert (served(stack.base_url), list(ui.runs.iterdir())) == (before, [])


@pytest.mark.parametrize("headers", [
    ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors"],
    ["Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: no-cors"],
    ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"],
    ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: object"],
    ["Origin: http://evil.example"],
    ["Origin: null"],
], ids=", ".join)  # fmt: skip
def test_a_page_of_another_site_reads_nothing(port: int, headers: list[str]) -> None:
    for path in PAGES:
        assert get(port, path, *headers).status == 403, path


@pytest.mark.parametrize("headers", [
    pytest.param([], id="a script: none of the three"),
    pytest.param(["User-Agent: curl/8.14.1"], id="curl"),
    pytest.param(["Sec-Fetch-Site: same-origin", "Origin: http://127.0.0.1:{port}"], id="its own page"),
    pytest.param(["Sec-Fetch-Site: same-origin", "Origin: null", BROWSER], id="its own page without referrers"),
    pytest.param(["Origin: http://127.0.0.1:{port}", BROWSER], id="its own page in an old browser"),
    pytest.param(["Referer: http://127.0.0.1:{port}/?tab=chart", BROWSER], id="its own page in an older browser"),
])  # fmt: skip
def test_its_own_pages_and_scripts_of_this_machine_change_what_they_may(
    port: int, headers: list[str]
) -> None:
    answer = post(port, "/stop", *(line.format(port=port) for line in headers))
    assert (answer.status, '"success":true' in answer.body.replace(" ", "")) == (200, True)


@pytest.mark.parametrize("headers", [
    pytest.param(["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"], id="today"),
    pytest.param(["Referer: http://chat.example/", BROWSER], id="an old browser"),
])  # fmt: skip
def test_a_link_on_another_site_leads_here(port: int, headers: list[str]) -> None:
    assert get(port, "/verdict", *headers).status == 200


def test_the_pages_of_a_proxy_are_those_of_its_own_scheme_and_name(port: int) -> None:
    def stop(origin: str) -> int:
        return ask(port, "POST /stop HTTP/1.1", "Host: load.example", f"Origin: {origin}").status

    assert stop(PROXY) == 200
    assert [
        stop(other) for other in ("http://load.example", f"http://127.0.0.1:{port}", "https://evil.example")
    ] == [403] * 3


# --- methods


def test_what_changes_something_is_asked_for_with_post_alone(ui: WebUI, port: int) -> None:
    for path in CHANGES:
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            answer = ask(port, f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}")
            assert answer.status == 405, (method, path)
    assert list(ui.runs.iterdir()) == []


def test_the_question_what_a_path_allows_begins_no_start(ui: WebUI, port: int) -> None:
    answer = ask(port, "OPTIONS /swarm HTTP/1.1", f"Host: 127.0.0.1:{port}")
    assert (answer.status, set(answer.header("Allow").split(", "))) == (200, {"POST", "OPTIONS"})
    asked = ask(
        port, "OPTIONS /swarm HTTP/1.1", f"Host: 127.0.0.1:{port}", "Origin: http://evil.example",
        "Access-Control-Request-Method: POST",
    )  # fmt: skip
    assert asked.status == 403
    run = ui.run(
        journey="chat", profile="smoke"
    )  # at once, and not after the time in which another Start may begin
    assert run.problems == set()


@pytest.mark.parametrize(
    "origin", ["", "Origin: http://127.0.0.1:{port}", "Origin: http://evil.example", "Origin: null"]
)
def test_no_answer_lets_another_site_read_it_or_put_it_into_a_frame(port: int, origin: str) -> None:
    headers = [origin.format(port=port)] if origin else []
    for path in PAGES:
        for method in ("GET", "OPTIONS"):
            answer = ask(port, f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *headers)
            names = [name for name, _ in answer.headers]
            assert [name for name in names if name.startswith("access-control-")] == [], path
            assert answer.header("X-Content-Type-Options") == "nosniff"
            assert "frame-ancestors 'self'" in answer.header("Content-Security-Policy")
            assert answer.header("Referrer-Policy") == "same-origin"
            assert names.count("content-security-policy") == 1


# --- TLS


def test_under_tls_its_address_is_https_and_its_cookie_secure(stack: Stack, tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    trusted = tmp_path / "authority.pem"
    trusted.write_bytes(authority.cert_pem.bytes())
    trusting = ssl.create_default_context(cafile=str(trusted))
    credentials = {"LOADTEST_WEB_USER": "engineer", "LOADTEST_WEB_PASSWORD": "correct-horse-battery-staple"}
    arguments = ["--web-login", "--tls-cert", str(chain), "--tls-key", str(key)]
    with web_ui(stack, tmp_path, *arguments, authority=trusted, **credentials) as ui:
        port = urlsplit(ui.url).port or 0
        form = "username=engineer&password=correct-horse-battery-staple"
        words = [
            "POST /login_submit HTTP/1.1",
            f"Host: localhost:{port}",
            "Content-Type: application/x-www-form-urlencoded",
        ]
        answer = ask(port, *words, f"Origin: https://localhost:{port}", body=form, tls=trusting)
        assert answer.status == 302
        assert {"Secure", "HttpOnly", "SameSite=Lax"} <= set(answer.header("Set-Cookie").split("; "))
        assert ask(port, *words, f"Origin: http://localhost:{port}", body=form, tls=trusting).status == 403
