from __future__ import annotations

import subprocess
import sys
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from hostile_server import answering, dripping, silent

from conf.loading import load_settings
from conf.trust import Trust
from locustfiles._portal_watch import PortalWatch
from monitoring.memory import exposed_rss_bytes
from monitoring.page import read_page
from monitoring.pool_figures import parse_pool

if TYPE_CHECKING:
    from collections.abc import Callable

TRUST = Trust()
SHORT_S = 0.5
HANGING_S = 60.0
OK = b"HTTP/1.1 200 OK\r\n"
POOL = b'{"poolStats": {"totalCount": 20, "idleCount": 3, "waitingCount": 0}, "latencyMs": %s}'

SLOW = pytest.mark.parametrize(
    "hostile",
    [
        silent,
        lambda: dripping(b"", b"H"),
        lambda: dripping(OK, b"X: y\r\n"),
        lambda: dripping(OK + b"\r\n"),
        lambda: dripping(OK + b"Content-Length: 1000000\r\n\r\n"),
        lambda: dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        lambda: dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["silent", "status", "headers", "body", "sized body", "chunks", "interim answers"],
)


@SLOW
def test_a_page_is_waited_for_a_time_in_all_however_it_comes(hostile: Callable[[], Any]) -> None:
    began_s = monotonic()
    with hostile() as server, pytest.raises(OSError, match=r"no complete answer within|headers"):
        read_page(server.url, SHORT_S, trust=TRUST)
    assert monotonic() - began_s < HANGING_S


def test_the_limit_holds_where_gevent_has_taken_the_place_of_threads() -> None:
    code = (
        "from gevent import monkey; monkey.patch_all()\n"
        "import sys; from conf.trust import Trust; from monitoring.page import read_page\n"
        "try: read_page(sys.argv[1], 0.5, trust=Trust())\n"
        "except OSError as error: print(error)\n"
    )
    with dripping(OK + b"\r\n") as server:
        command = [sys.executable, "-c", code, server.url]
        told = subprocess.run(command, check=True, timeout=HANGING_S, capture_output=True, text=True)
    assert told.stdout == "no complete answer within 0.5 s\n"


def test_a_tls_handshake_that_drips_has_the_same_limit() -> None:
    with dripping(b"\x16\x03\x03\x40\x00") as server, pytest.raises(OSError, match=r".+"):
        read_page(server.url.replace("http", "https"), SHORT_S, trust=TRUST)


def test_a_page_that_is_quick_is_read() -> None:
    with answering(OK + b"Content-Length: 5\r\n\r\nhello") as server:
        assert read_page(server.url, HANGING_S, trust=TRUST) == (200, b"hello")


@pytest.mark.parametrize(
    "value",
    [
        "+Inf",
        "-Inf",
        "NaN",
        "1e400",
        "9" * 400,
        "-5",
        "1e300",
        "text",
        "",
        "1.2.3",
        "0x10",
        "\u0661",
        "1e",
        "\0",
    ],
)
def test_a_memory_that_cannot_be_costs_that_reading_alone(value: str) -> None:
    assert exposed_rss_bytes(f"up 1\nprocess_resident_memory_bytes {value}\n") is None


@pytest.mark.parametrize("line", ["{pid='1'} 7", " 7", " 7.0 1395066363000", "\t7e0", " 7\r"])
def test_a_memory_is_found_as_prometheus_writes_it(line: str) -> None:
    broken = '# HELP process_resident_memory_bytes 5\nother{a="\n'
    assert exposed_rss_bytes(f"{broken}process_resident_memory_bytes{line}\nup 1\n") == 7


@pytest.mark.parametrize(
    "page",
    [
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        b'{"poolStats": []}',
        *(
            b'{"poolStats": {"totalCount": %s, "idleCount": 1, "waitingCount": 0}}' % value
            for value in (
                b"Infinity",
                b"NaN",
                b"1e400",
                b"9" * 400,
                b"9" * 5000,
                b"-1",
                b"true",
                b'"5"',
                b"null",
            )
        ),
    ],
)
def test_a_pool_that_cannot_be_counts_as_none(page: bytes) -> None:
    with pytest.raises(ValueError, match="says nothing of a pool"):
        parse_pool(page)


@pytest.mark.parametrize("value", [b"Infinity", b"NaN", b"-1", b"1e400", b'"5"', b"null", b"[]"])
def test_a_time_of_the_pool_that_cannot_be_costs_that_time_alone(value: bytes) -> None:
    assert parse_pool(POOL % value) == (20, 3, 0, 0.0)


def test_the_watch_goes_on_whatever_the_portal_says_of_itself() -> None:
    body = OK + b"Connection: close\r\n\r\nprocess_resident_memory_bytes +Inf\n\xff"
    with answering(body) as server:
        watch = PortalWatch(
            load_settings(
                {"target.base_url": server.url, "target.metrics_url": f"{server.url}/metrics"}, environ={}
            )
        )
        assert watch.rss_bytes() is None
        watch.look_at_pool()
        assert watch.pool() is not None
