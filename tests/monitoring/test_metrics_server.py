from __future__ import annotations

import logging
import socket
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from patience import TIMEOUT_S
from raw_http import ask

from conf.errors import LoadTestError
from monitoring.metrics_server import MetricsServer
from monitoring.run_metrics import CONTENT_TYPE, RunMetrics, render

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    with closing(MetricsServer(lambda: render(RunMetrics(users=7)), 0).start()) as server:
        yield server


def status_of(url: str, method: str = "GET") -> int:
    try:
        with urlopen(Request(url, method=method), timeout=TIMEOUT_S) as answer:  # noqa: S310 - http
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


def test_the_page_is_served_anew_with_each_request() -> None:
    pages = iter([b"first 1\n", b"second 2\n"])
    with closing(MetricsServer(lambda: next(pages), 0).start()) as server:
        for expected in (b"first 1\n", b"second 2\n"):
            with urlopen(server.url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - http
                assert answer.headers["Content-Type"] == CONTENT_TYPE
                assert answer.read() == expected


def test_a_runs_page_arrives_whole(server: MetricsServer) -> None:
    with urlopen(server.url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - http
        assert b"\nloadtest_users 7.0\n" in answer.read()


def test_it_is_read_only_and_has_no_other_page(server: MetricsServer) -> None:
    assert status_of(server.url + "?name[]=x") == 200
    assert status_of(server.url.removesuffix("/metrics") + "/") == 404
    assert status_of(server.url, "POST") == 501
    assert status_of(server.url, "DELETE") == 501


@pytest.mark.parametrize("hosts", [
    ["evil.example"], ["evil.example:{port}"], ["127.0.0.1"], ["127.0.0.1:{port}", "evil.example"], [], ["localhost.:{port}"],
])  # fmt: skip
def test_on_the_loopback_a_name_that_was_made_to_lead_here_does_not_read_it(
    server: MetricsServer, hosts: list[str]
) -> None:
    port = urlsplit(server.url).port or 0
    lines = [f"Host: {host.format(port=port)}" for host in hosts]
    answer = ask(port, "GET /metrics HTTP/1.1", *lines)
    assert (answer.status, answer.body) == (403, "Host: is no address of this page\n")
    assert ask(port, "GET /metrics HTTP/1.1", f"Host: localhost:{port}").status == 200


def test_beyond_the_loopback_it_is_whoevers_it_reaches_and_any_name_leads_to_it() -> None:
    with closing(MetricsServer(lambda: b"up 1\n", 0, "0.0.0.0").start()) as server:  # noqa: S104 - as containers do
        port = urlsplit(server.url).port or 0
        assert ask(port, "GET /metrics HTTP/1.1", f"Host: owner:{port}").status == 200


def test_only_the_loopback_reaches_it(server: MetricsServer) -> None:
    assert server.url.startswith("http://127.0.0.1:")
    assert server._server.server_address[0] == "127.0.0.1"


def test_another_address_can_be_named_for_a_container_beside() -> None:
    with closing(MetricsServer(lambda: b"", 0, "127.0.0.2").start()) as server:
        assert server.url.startswith("http://127.0.0.2:")
        assert status_of(server.url) == 200


def test_an_address_that_is_not_this_machines_is_one_sentence() -> None:
    with pytest.raises(LoadTestError, match=r"port 0 of 192\.0\.2\.1 cannot be had: "):
        MetricsServer(lambda: b"", 0, "192.0.2.1")


def test_a_port_in_use_is_one_sentence_with_the_next_step(server: MetricsServer) -> None:
    port = server._server.server_address[1]
    with pytest.raises(LoadTestError) as caught:
        MetricsServer(lambda: b"", port)
    assert caught.value.message == f"monitoring.metrics_port: port {port} of 127.0.0.1 is in use"
    assert "LOADTEST_METRICS_PORT=0" in caught.value.next_step


def test_a_closed_server_frees_its_port_and_one_never_started_can_be_closed() -> None:
    first = MetricsServer(lambda: b"", 0)
    port = first._server.server_address[1]
    first.close()
    MetricsServer(lambda: b"", port).start().close()
    MetricsServer(lambda: b"", port).close()


def test_a_page_that_cannot_be_made_is_500_and_says_nothing_of_its_cause(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> bytes:
        raise ValueError("hush-hush")

    with closing(MetricsServer(broken, 0).start()) as server:
        with pytest.raises(HTTPError) as caught:
            urlopen(server.url, timeout=TIMEOUT_S)  # noqa: S310 - http
        with caught.value as error:
            assert error.code == 500
            assert b"hush" not in error.read()
    assert "could not be made" in caplog.text


def test_a_client_that_leaves_half_way_ends_nothing(
    server: MetricsServer, capfd: pytest.CaptureFixture[str]
) -> None:
    port = server._server.server_address[1]
    with socket.create_connection(("127.0.0.1", port)) as leaving:
        leaving.sendall(b"GET /met")
    assert status_of(server.url) == 200
    assert capfd.readouterr().err == ""


def test_the_log_says_where_the_page_is(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), closing(MetricsServer(lambda: b"", 0).start()) as server:
        assert f"Prometheus page: {server.url}" in caplog.text


def test_it_answers_in_a_process_that_gevent_has_patched() -> None:
    code = """
from locust import HttpUser
import gevent
from urllib.request import urlopen
from monitoring.metrics_server import MetricsServer
server = MetricsServer(lambda: b"users 1\\n", 0).start()
asked = [gevent.spawn(lambda: urlopen(server.url, timeout=10).read()) for _ in range(5)]
gevent.joinall(asked, raise_error=True)
assert [one.value for one in asked] == [b"users 1\\n"] * 5
server.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    assert (done.returncode, done.stderr) == (0, "")
