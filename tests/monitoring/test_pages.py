from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from hostile_server import answering, dripping, silent
from tls_front import issue

from conf.loading import load_settings
from conf.trust import Trust
from monitoring.memory import exposed_rss_bytes
from monitoring.probing.page import UntrustedError, read_page
from monitoring.probing.pool_figures import parse_pool
from swarm.owner.portal_watch import PortalWatch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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


READ_IN_A_PROCESS = """
import sys
if sys.argv[1] == "gevent":
    from gevent import monkey; monkey.patch_all()
from pathlib import Path
from conf.trust import Trust
from monitoring.probing.page import read_page
try: read_page(sys.argv[2], 0.5, trust=Trust(Path(sys.argv[3])))
except OSError as error: print(error)
"""


@pytest.mark.parametrize("waits", ["gevent", "threads"])
@pytest.mark.parametrize("over", ["plain", "TLS", "handshake"])
def test_the_limit_holds_over_tls_too_and_where_gevent_has_taken_the_place_of_threads(
    tmp_path: Path, waits: str, over: str
) -> None:
    ca_file, tls = issue(tmp_path, "127.0.0.1")
    head = b"\x16\x03\x03\x40\x00" if over == "handshake" else OK + b"\r\n"
    with dripping(head, tls=tls if over == "TLS" else None) as server:
        url = server.url if over == "plain" else server.url.replace("http", "https")
        command = [sys.executable, "-c", READ_IN_A_PROCESS, waits, url, str(ca_file)]
        told = subprocess.run(command, check=True, timeout=HANGING_S, capture_output=True, text=True)
    assert told.stdout == "no complete answer within 0.5 s\n"


def test_all_addresses_of_a_name_have_the_limit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = socket.getaddrinfo

    def many(host: str, *more: Any, **options: Any) -> list[Any]:
        found: list[Any] = look_up("127.0.0.1" if host == "portal.example" else host, *more, **options)
        return found * 200 if host == "portal.example" else found

    monkeypatch.setattr(socket, "getaddrinfo", many)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as queued:
        for _ in range(4):  # until the system lets no more of them in
            waiting = queued.enter_context(socket.socket())
            waiting.settimeout(0)
            with suppress(BlockingIOError):
                waiting.connect(full.getsockname())
        began_s = monotonic()
        with pytest.raises(OSError, match="no complete answer within"):
            read_page(f"http://portal.example:{full.getsockname()[1]}/", SHORT_S, trust=TRUST)
    assert monotonic() - began_s < HANGING_S


def test_a_name_is_reached_at_whichever_of_its_addresses_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = socket.getaddrinfo
    with socket.create_server(("127.0.0.1", 0)) as listener:
        refusing = listener.getsockname()

    def two(host: str, port: int, *more: Any, **options: Any) -> list[Any]:
        if host != "portal.example":
            return list(look_up(host, port, *more, **options))
        return look_up(*refusing, *more, **options) + look_up("127.0.0.1", port, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", two)
    with answering(OK + b"Content-Length: 5\r\n\r\nhello") as server:
        assert read_page(server.url.replace("127.0.0.1", "portal.example"), HANGING_S, trust=TRUST) == (
            200, b"hello",
        )  # fmt: skip


def test_a_peer_that_hangs_up_in_the_handshake_has_closed_the_connection() -> None:
    with answering(b"") as server, pytest.raises(OSError, match="closed in the TLS handshake") as caught:
        read_page(server.url.replace("http", "https"), HANGING_S, trust=TRUST)
    assert not isinstance(caught.value, UntrustedError)


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
