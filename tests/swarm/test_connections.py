"""A user's connections, against a portal that hangs up when and where it likes."""

from __future__ import annotations

import resource
import socket
import ssl
import threading
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import gevent
import pytest
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from needs import lack
from tls_front import issue
from turns import counted_turns

from conf.address import parse_origin
from conf.loading import load_settings
from conf.operations import Outcome
from conf.trust import Trust
from swarm.failure import RequestFailed
from swarm.http.connections import Connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conf.address import Address
    from swarm.http.answer_reader import AnswerReader

    Open = Callable[["Portal"], Connections]

POST = b"POST /api/chat HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok"
SYSTEM = Trust()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
GOODBYE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"


@pytest.fixture
def opened() -> Iterator[Open]:
    """Connections to a portal, closed when the test is over."""
    with ExitStack() as closing_all:
        yield lambda running: closing_all.enter_context(
            closing(connections_to(running.address, running.trust))
        )


def connections_to(address: Address, trust: Trust = SYSTEM) -> Connections:
    decided = load_settings(environ={})
    trusting = {"ca_file": trust.ca_file, "tls_verify": trust.verify}
    return Connections(address, decided.target.model_copy(update=trusting), decided.answers)


class Portal:
    """Each connection is answered with the next list of answers, and then closed."""

    def __init__(
        self, *connections: list[bytes], tls: ssl.SSLContext | None = None, trust: Trust = SYSTEM
    ) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections = connections
        self._tls = tls
        self.asked: list[list[bytes]] = []
        self.closed = threading.Event()
        scheme = "http" if tls is None else "https"
        self.address = parse_origin(f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}")
        self.trust = trust

    def serve(self) -> None:
        with self._listener:
            for answers in self._connections:
                connection, _ = self._listener.accept()
                if self._tls is not None:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                asked: list[bytes] = []
                self.asked.append(asked)
                with connection:
                    for answer in answers:
                        asked.append(connection.recv(65_536))
                        connection.sendall(answer)
                self.closed.set()


@contextmanager
def portal(
    *connections: list[bytes], tls: ssl.SSLContext | None = None, trust: Trust = SYSTEM
) -> Iterator[Portal]:
    running = Portal(*connections, tls=tls, trust=trust)
    thread = threading.Thread(target=running.serve, daemon=True)
    thread.start()
    yield running
    thread.join(60)
    assert not thread.is_alive()


def ask(connections: Connections, method: str = "POST") -> bytes:
    with gevent.Timeout(60):
        return connections.exchange(method, POST.replace(b"POST", method.encode(), 1)).content


def failure(connections: Connections, method: str = "POST") -> RequestFailed:
    with pytest.raises(RequestFailed) as caught:
        ask(connections, method)
    return caught.value


def test_a_connection_is_used_again(opened: Open) -> None:
    with portal([ANSWER, ANSWER, ANSWER]) as running:
        connections = opened(running)
        assert [ask(connections) for _ in range(3)] == [b"hello"] * 3
    assert running.asked == [[POST] * 3]


def test_one_that_the_portal_has_closed_meanwhile_is_not(opened: Open) -> None:
    with portal([ANSWER], [ANSWER]) as running:
        connections = opened(running)
        assert ask(connections) == b"hello"
        gevent.sleep(0.2)
        assert ask(connections) == b"hello"
    assert running.asked == [[POST], [POST]]


def test_nor_is_one_that_the_portal_says_it_will_close(opened: Open) -> None:
    with portal([GOODBYE], [ANSWER]) as running:
        connections = opened(running)
        assert [ask(connections), ask(connections)] == [b"hello", b"hello"]


def test_also_beyond_the_1024th_open_file(opened: Open) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2_000:
        lack("open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2_000), hard))
    held: list[socket.socket] = []
    try:
        while not held or held[-1].fileno() < 1_100:
            held.append(socket.socket())
        with portal([ANSWER, ANSWER]) as running:
            connections = opened(running)
            assert [ask(connections), ask(connections)] == [b"hello", b"hello"]
        assert running.asked == [[POST] * 2]
    finally:
        for one in held:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_request_that_the_portal_read_and_did_not_answer_is_not_sent_again(opened: Open) -> None:
    for method in ("POST", "GET"):
        with portal([ANSWER, b""]) as running:
            connections = opened(running)
            ask(connections, method)
            assert repr(failure(connections, method)) == "connection: closed without an answer"
        assert [len(asked) for asked in running.asked] == [2]


def test_one_that_it_cannot_have_read_is_sent_on_another_connection(opened: Open) -> None:
    """Closed so shortly before that the event loop has not seen it yet."""
    with portal([ANSWER], [ANSWER]) as running:
        connections = opened(running)
        assert ask(connections) == b"hello"
        running.closed.wait(60)
        assert ask(connections) == b"hello"
    assert running.asked == [[POST], [POST]]


def test_a_new_connection_without_an_answer_is_a_failure(opened: Open) -> None:
    with portal([b""]) as running:
        assert repr(failure(opened(running), "GET")) == "connection: closed without an answer"


def test_an_answer_that_breaks_off_is_none(opened: Open) -> None:
    with portal([ANSWER[:-2]], [ANSWER]) as running:
        connections = opened(running)
        assert repr(failure(connections)) == "connection: closed before the end of the answer"
        assert ask(connections) == b"hello"


def test_a_connection_whose_request_was_given_up_is_not_used_again(opened: Open) -> None:
    with portal([ANSWER[:-2], ANSWER], [ANSWER]) as running:
        connections = opened(running)
        with suppress(gevent.Timeout), gevent.Timeout(0.2):
            connections.exchange("POST", POST)
        assert ask(connections) == b"hello"
    assert [len(asked) for asked in running.asked] == [2, 1]
    assert running.asked[0][1] == b""


def server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(tls)
    return tls


@pytest.mark.parametrize("believed", [True, False])
def test_behind_tls_too_where_the_authority_is_known_or_nothing_is_verified(
    opened: Open, tmp_path: Path, *, believed: bool
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = server_context(authority.issue_cert("127.0.0.1" if believed else "portal.example"))
    trust = Trust(tmp_path / "ca.pem") if believed else Trust(verify=False)
    with portal([ANSWER, ANSWER], [ANSWER], tls=tls, trust=trust) as running:
        connections = opened(running)
        assert [ask(connections) for _ in range(2)] == [b"hello"] * 2
        gevent.sleep(0.2)
        assert ask(connections) == b"hello"
    assert running.asked == [[POST] * 2, [POST]]


REST = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"


@contextmanager
def closing_tls(directory: Path, answer: bytes, *, announced: bool) -> Iterator[Portal]:
    """Over TLS, *answer* and the end, which TLS demands to be announced."""
    ca_file, tls = issue(directory, "127.0.0.1")
    running = Portal(tls=tls, trust=Trust(ca_file))

    def serve() -> None:
        accepted, _ = running._listener.accept()
        client = tls.wrap_socket(accepted, server_side=True)
        client.recv(65_536)
        client.sendall(answer)
        with client, suppress(OSError):  # the load need not announce its end
            if announced:
                client.unwrap().close()

    thread = threading.Thread(target=serve, daemon=True)
    with running._listener:
        thread.start()
        yield running
        thread.join(60)


def test_a_body_up_to_the_end_of_the_connection_is_whole_only_where_tls_announced_that_end(
    opened: Open, tmp_path: Path
) -> None:
    with closing_tls(tmp_path, REST, announced=True) as running:
        assert ask(opened(running)) == b"hello"
    for answer, words in ((REST, "closed before the end of the answer"), (b"", "closed without an answer")):
        with closing_tls(tmp_path, answer, announced=False) as running:
            assert repr(failure(opened(running))) == f"connection: {words}"


def test_a_portal_that_hangs_up_in_the_tls_handshake_has_closed_the_connection(opened: Open) -> None:
    with portal([b""]) as running:
        running.address = replace(running.address, scheme="https")
        assert repr(failure(opened(running))) == "connection: no connection: closed in the TLS handshake"


def test_a_portal_that_does_not_speak_tls_is_no_connection(opened: Open) -> None:
    with portal([ANSWER]) as running:
        running.address = replace(running.address, scheme="https")
        assert failure(opened(running)).outcome is Outcome.CONNECTION


def test_nothing_that_listens_is_a_refusal() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert repr(failure(connections_to(parse_origin(f"http://127.0.0.1:{port}")))) == "connection: refused"


BROKEN = [
    ANSWER[:9],
    ANSWER[:-1],
    b"\0",
    b"SSH-2.0-x\r\n",
    b"HTTP/1.1 101 Switching\r\n\r\n",
    ANSWER.replace(b"5", b"-5"),
]
SPOILT = [
    ANSWER + b"\r\n",
    ANSWER + b"x",
    ANSWER * 2,
    ANSWER + ANSWER[:5],
    b"HTTP/1.1 204 No\r\n\r\nhello",
    GOODBYE,
]


@pytest.mark.parametrize("data", [*BROKEN, *SPOILT])
def test_a_connection_is_closed_behind_whatever_is_not_exactly_one_answer(opened: Open, data: bytes) -> None:
    with portal([data], [ANSWER, ANSWER]) as running:
        connections = opened(running)
        with suppress(RequestFailed):
            connections.exchange("POST", POST)
        assert [ask(connections), ask(connections)] == [b"hello"] * 2
    assert [len(asked) for asked in running.asked] == [1, 2]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=60) | st.binary(max_size=20).map(lambda odd: ANSWER + odd))
def test_whatever_the_portal_sends_is_one_answer_or_one_failure(opened: Open, data: bytes) -> None:
    with portal([data], [ANSWER]) as running:
        connections = opened(running)
        try:
            content = ask(connections)
        except RequestFailed as failed:
            assert failed.outcome is not Outcome.UNEXPECTED  # noqa: PT017 - either is right
        else:
            assert content == b"hello"
        connections.close()
        assert ask(connections) == b"hello"


def is_hung_up(accepted: socket.socket) -> bool:
    try:
        return accepted.recv(1) == b""
    except ConnectionResetError:  # with bytes unread
        return True


def test_what_comes_on_an_idle_connection_ends_it() -> None:
    accept = gevent.get_hub().threadpool.apply
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connections = connections_to(parse_origin(f"http://127.0.0.1:{listener.getsockname()[1]}"))
        for stray in (b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", b"\r\n", b"x"):
            asking = gevent.spawn(ask, connections)
            gevent.sleep(0)
            accepted, _ = accept(listener.accept)
            with accepted:
                accepted.sendall(ANSWER)
                assert asking.get() == b"hello"
                accepted.sendall(stray)
                gevent.sleep(0.1)
                assert accepted.recv(65_536) == POST
                assert accept(is_hung_up, (accepted,))
        connections.close()


def test_an_endless_answer_lets_other_users_run_and_ends_in_time(opened: Open) -> None:
    endless = b"HTTP/1.1 103 Early Hints\r\n\r\n" * 2_000
    with portal([endless + ANSWER]) as running:
        connections = opened(running)
        with counted_turns() as others:
            assert ask(connections) == b"hello"
    assert others.count > 2


@pytest.mark.parametrize("is_tls", [True, False])
def test_an_answer_of_many_reads_is_seen_read_for_read_and_a_failure_in_it_ends_the_exchange(
    opened: Open, tmp_path: Path, *, is_tls: bool
) -> None:
    body = b"x" * 300_000
    ca_file, tls = issue(tmp_path, "127.0.0.1")
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with portal([answer, answer], tls=tls if is_tls else None, trust=Trust(ca_file)) as running:
        connections, pieces, most = opened(running), [], [1_000]

        def follow(reader: AnswerReader, at_s: float) -> None:
            pieces.append((at_s, reader.take_body()))
            if len(pieces) == most[0]:
                raise RequestFailed(Outcome.VALIDATION, "too much")

        with gevent.Timeout(60):
            assert connections.exchange("POST", POST, follow).content == body
        assert b"".join(piece for _, piece in pieces) == body
        assert len(pieces) >= 300_000 / 16_384
        assert [at_s for at_s, _ in pieces] == sorted(at_s for at_s, _ in pieces)
        most[0] = len(pieces) + 3  # the first read is the user's own, the others are the event loop's
        with gevent.Timeout(60), pytest.raises(RequestFailed, match="too much"):
            connections.exchange("POST", POST, follow)


@pytest.mark.parametrize("encoding", ["", "Content-Encoding: gzip\r\n"])
@pytest.mark.parametrize("size", [5, 300_000])
def test_what_came_before_an_answer_broke_off_is_seen_also_of_the_same_read(
    opened: Open, encoding: str, size: int
) -> None:
    head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{encoding}\r\n{size:x}\r\n".encode()
    with portal([head + b"x" * size + b"\r\nno size\r\n"]) as running:
        seen = bytearray()
        with gevent.Timeout(60), pytest.raises(RequestFailed, match="not HTTP"):
            opened(running).exchange("POST", POST, lambda reader, _: seen.extend(reader.take_body()))
    assert seen == b"x" * size


def test_a_silent_portal_is_a_timeout_and_so_is_one_that_drips() -> None:
    target = load_settings(environ={}).target.model_copy(update={"request_timeout_s": 0.3})
    for answers in ([b""], [ANSWER[:20]]):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = parse_origin(f"http://127.0.0.1:{listener.getsockname()[1]}")
            connections = Connections(address, target, load_settings(environ={}).answers)
            asking = gevent.spawn(failure, connections)
            gevent.sleep(0)
            accepted, _ = gevent.get_hub().threadpool.apply(listener.accept)
            with accepted:
                accepted.sendall(answers[0])
                assert repr(asking.get()) == "timeout: no complete answer within 0.3 s"
