"""The port for workers: who gets in, what a stranger is dealt (nothing), and what becomes of messages that nobody can read."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import locust_process
import msgpack
import psutil
import pytest
import zmq
from locust_process import LOCUSTFILES, free_port, served
from patience import TIMEOUT_S, await_true
from quick_stack import STEADY, stack_with
from severable_link import link_to

from conf.errors import LoadTestError
from reports.state import State
from swarm.worker_secret import MasterKeys, find_worker_secret

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from loadtest.embedded import Stack

SECRET, OTHER = "one-secret-of-this-test-alone", "another-secret-of-this-test"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - the loopback's firewall is the machine's own; strangers are the test's
CHAT = str(LOCUSTFILES / "chat.py")
WAIT_FOR_MASTER_S = 5
"""How long Locust's worker waits for its master's answer before it asks again."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    yield from stack_with(tmp_path_factory.mktemp("channel"), STEADY)


class Swarm:
    """A master and processes that would join it."""

    def __init__(self, stack: Stack, directory: Path) -> None:
        self.stack, self.runs, self.port = stack, directory / "runs", free_port()
        self.runs.mkdir()
        self._before = served(stack.base_url)

    def start(self, *arguments: str, secret: str = "", **environ: str) -> subprocess.Popen[str]:
        environ = {"LOADTEST_WORKER_SECRET": secret, "LOADTEST_WORKER_SECRET_FILE": "", **environ}
        return locust_process.start(self.stack, self.runs, ["-f", CHAT, *arguments], **environ)

    def master(self, *arguments: str, secret: str = "") -> subprocess.Popen[str]:
        words = [
            "--master",
            "--headless",
            "--only-summary",
            "-u",
            "4",
            "-r",
            "4",
            "--master-bind-port",
            str(self.port),
        ]
        return self.start(*words, *arguments, secret=secret)

    def worker(self, secret: str = "", port: int = 0, **environ: str) -> subprocess.Popen[str]:
        words = ["--worker", "--master-host", "127.0.0.1", "--master-port", str(port or self.port)]
        return self.start(*words, secret=secret, **environ)

    def await_load(self, requests: int = 8) -> None:
        locust_process.await_served(self.stack, sum(self._before.values()) + requests)

    def finished(self, master: subprocess.Popen[str]) -> locust_process.Finished:
        output, _ = master.communicate(timeout=TIMEOUT_S)
        return locust_process.finished(self.stack, self.runs, master.returncode, output, self._before)


@contextmanager
def swarm_of(stack: Stack, directory: Path) -> Iterator[Swarm]:
    """Its processes end with the block."""
    started: list[subprocess.Popen[str]] = []
    swarm = Swarm(stack, directory)
    start = swarm.start

    def start_and_note(*arguments: str, secret: str = "", **environ: str) -> subprocess.Popen[str]:
        started.append(start(*arguments, secret=secret, **environ))
        return started[-1]

    swarm.start = start_and_note  # type: ignore[method-assign]
    try:
        yield swarm
    finally:
        for process in started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            if process.stdout is not None and not process.stdout.closed:
                process.communicate()
        locust_process.await_quiet(stack, 1.0)


# --- strangers


class Stranger:
    """A ZeroMQ socket that nobody invited."""

    def __init__(self, port: int, name: str, server_key: bytes | None = None) -> None:
        self.name = name
        self._socket = zmq.Context.instance().socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.IDENTITY, name.encode())
        if server_key is not None:
            self._socket.curve_serverkey = server_key
            self._socket.curve_publickey, self._socket.curve_secretkey = zmq.curve_keypair()
        self._socket.connect(f"tcp://127.0.0.1:{port}")

    def say(self, kind: Any, data: Any, name: Any = None) -> None:
        self.send(msgpack.dumps((kind, data, self.name if name is None else name)))

    def send(self, *parts: bytes) -> None:
        self._socket.send_multipart(parts, zmq.NOBLOCK)

    def heard(self, within_s: float) -> list[Any]:
        """All that was said to it."""
        found, end_s = [], time.monotonic() + within_s
        while self._socket.poll(max(end_s - time.monotonic(), 0) * 1000):
            found.append(msgpack.loads(self._socket.recv(), strict_map_key=False)[0])
        return found

    def close(self) -> None:
        self._socket.close()


def every_message(run_id: str) -> list[tuple[str, Any]]:
    """What a worker may say, and more, as one that wants a house says it."""
    report = {"measurements": {}, "recorded": 99, "begun": {}, "parked": 0}
    stats = {
        "stats": [],
        "stats_total": {},
        "errors": {},
        "user_classes_count": {"HomeownerChatUser": 9},
        "user_count": 0,
    }
    return [
        ("locustfile", {"version": "2.47.0"}),
        ("loadtest:want", {"run_id": run_id, "leases": 5, "fresh": 5}),
        ("loadtest:back", {"run_id": run_id, "house_ids": ["nobody's"]}),
        ("loadtest:finished", {"users": 4}),
        ("stats", stats | {"loadtest": report}),
        ("stats", {"user_count": 0}),
        ("heartbeat", {"state": "running", "current_cpu_usage": 1}),
        ("heartbeat", None),
        ("spawning", None),
        ("spawning_complete", {"user_classes_count": {"HomeownerChatUser": 9}, "user_count": 9}),
        ("exception", {"msg": "of a stranger", "traceback": "none"}),
        ("logs", {"worker_id": "stranger", "logs": ["\x1b[31m"] * 1000}),
        ("client_stopped", None),
        ("quit", None),
        ("no such message", [[[]]]),
    ]


def garbage(name: str) -> list[list[bytes]]:
    """What is no message: as parts."""
    known = msgpack.dumps(("client_ready", "2.47.0", name))
    return [
        [b""], [b"\xc1"], [b"\xff" * 100], [known[:-3]], [known + b"\x00"], [known, known], [b"\xdd\xff\xff\xff\xff"],
        [b"\x91" * 5000], [msgpack.dumps("client_ready")], [msgpack.dumps(("client_ready", "2.47.0"))],
        [msgpack.dumps((1, 2, name))], [msgpack.dumps((None, None, None))], [msgpack.dumps(("client_ready", "2.47.0", 7))],
        [msgpack.dumps(("client_ready", "2.47.0", "another-worker"))], [msgpack.dumps(("client_ready", 247, name))],
        [msgpack.dumps(("client_ready", {"__datetime__": 1}, name))], [msgpack.dumps(("heartbeat", {"__ObjectId__": 1}, name))],
        [msgpack.dumps(("stats", {"user_count": "many"}, name))[:20]], [b"GET / HTTP/1.1\r\n\r\n"], [b"\x80"], [b"\xc0"],
    ]  # fmt: skip


def test_beyond_the_loopback_a_stranger_is_dealt_nothing_whatever_it_says_and_the_run_is_whole(
    stack: Stack, tmp_path: Path
) -> None:
    with swarm_of(stack, tmp_path) as swarm, ExitStack() as strangers:
        master = swarm.master("--master-bind-host", EVERYWHERE, "-t", "12s", secret=SECRET)
        swarm.worker(SECRET)
        swarm.await_load()
        keys = [None, MasterKeys(OTHER).public, zmq.curve_keypair()[0]]
        intruders = [Stranger(swarm.port, f"stranger-{number}", key) for number, key in enumerate(keys)]
        for stranger in intruders:
            strangers.callback(stranger.close)
            stranger.say("client_ready", "2.47.0")
            for kind, data in every_message(next(swarm.runs.iterdir()).name):
                stranger.say(kind, data)
            for parts in garbage(stranger.name):
                stranger.send(*parts)
        for piece in (
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"\xff" * 4096,
            b"\xff" + bytes(8) + b"\x7f\x03\x01CURVE" + bytes(500),
        ):
            with socket.create_connection(("127.0.0.1", swarm.port), TIMEOUT_S) as raw:
                raw.sendall(piece)
        assert [stranger.heard(2) for stranger in intruders] == [[], [], []]
        finished = swarm.finished(master)
    assert finished.verdict.state is State.PASS, finished.output
    assert finished.counted == finished.served
    assert finished.manifest["worker_changes"] == []
    assert len(finished.manifest["processes"]) == 1
    assert (
        f"Workers join at {EVERYWHERE}:{swarm.port}: those that know LOADTEST_WORKER_SECRET of every machine"
        in finished.output
    )
    assert "a process with another LOADTEST_WORKER_SECRET was turned away" in finished.output
    assert "Traceback" not in finished.output


def test_on_the_loopback_a_process_that_has_not_joined_is_not_heard_and_garbage_costs_itself(
    stack: Stack, tmp_path: Path
) -> None:
    with swarm_of(stack, tmp_path) as swarm, ExitStack() as strangers:
        master = swarm.master("-t", "12s")
        swarm.worker()
        swarm.await_load()
        stranger, babbler = (Stranger(swarm.port, name) for name in ("stranger", "babbler\x1b[31m"))
        strangers.callback(stranger.close)
        strangers.callback(babbler.close)
        for kind, data in every_message(next(swarm.runs.iterdir()).name):
            stranger.say(kind, data)
        for parts in garbage("stranger"):
            stranger.send(*parts)
        babbler.say("client_ready", "2.47.0")
        assert (stranger.heard(2), babbler.heard(0)) == ([], [])
        finished = swarm.finished(master)
    assert finished.verdict.state is State.PASS, finished.output
    assert finished.counted == finished.served
    assert "a message that cannot be read was dropped" in finished.output
    assert "\x1b[31m" not in finished.output


# --- workers that belong, and workers that do not


@pytest.mark.parametrize(("masters", "workers", "why"), [
    pytest.param(SECRET, OTHER, "has another LOADTEST_WORKER_SECRET than this worker", id="another secret"),
    pytest.param(SECRET, "", "takes only workers with its LOADTEST_WORKER_SECRET, and none is set here", id="no secret"),
    pytest.param("", SECRET, "has no LOADTEST_WORKER_SECRET, and this worker has one", id="a secret too many"),
])  # fmt: skip
def test_a_worker_that_does_not_belong_ends_with_the_reason_and_the_run_goes_on_without_it(
    stack: Stack, tmp_path: Path, masters: str, workers: str, why: str
) -> None:
    with swarm_of(stack, tmp_path) as swarm:
        master = swarm.master("-t", "10s", secret=masters)
        swarm.worker(masters)
        swarm.await_load()
        turned_away = swarm.worker(workers)
        output, _ = turned_away.communicate(timeout=TIMEOUT_S)
        assert turned_away.returncode == 2, output
        assert f"Error: the master at 127.0.0.1:{swarm.port} {why}\n" in output
        assert "Give master and workers the same LOADTEST_WORKER_SECRET" in output
        finished = swarm.finished(master)
    assert finished.verdict.state is State.PASS, finished.output
    assert finished.counted == finished.served
    assert finished.manifest["worker_changes"] == []
    assert re.search(r"Port for workers: a process with.* was turned away", finished.output)
    assert [secret for secret in (SECRET, OTHER) if secret in output + finished.output] == []


def test_the_secret_may_be_in_a_file_and_stands_in_no_output_no_file_and_no_list_of_processes(
    stack: Stack, tmp_path: Path
) -> None:
    file = tmp_path / "worker-secret"
    file.write_text(f"{SECRET}\n")
    with swarm_of(stack, tmp_path) as swarm:
        master = swarm.master("-t", "5s", "--master-bind-host", EVERYWHERE, secret=SECRET)
        worker = swarm.worker(LOADTEST_WORKER_SECRET_FILE=str(file))
        swarm.await_load()
        words = [psutil.Process(process.pid).cmdline() for process in (master, worker)]
        finished = swarm.finished(master)
        output, _ = worker.communicate(timeout=TIMEOUT_S)
    assert finished.verdict.state is State.PASS, finished.output
    file.unlink()
    written = [path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 5
    keys = MasterKeys(SECRET)
    for hidden in (SECRET, keys.private.decode(), keys.public.decode()):
        assert [text for text in [str(words), finished.output, output, *written] if hidden in text] == []


def test_a_worker_waits_for_its_master_behind_a_proxy_that_closes_what_it_cannot_pass_on(
    stack: Stack, tmp_path: Path
) -> None:
    with swarm_of(stack, tmp_path) as swarm, link_to(swarm.port) as link:
        worker = swarm.worker(SECRET, link.port)
        time.sleep(2 * WAIT_FOR_MASTER_S)
        assert worker.poll() is None
        finished = swarm.finished(swarm.master("-t", "5s", secret=SECRET))
    assert finished.verdict.state is State.PASS, finished.output
    assert finished.counted == finished.served


# --- before the first message


@pytest.mark.parametrize(("arguments", "secret", "said"), [
    pytest.param(
        ["--master", "--headless", "--master-bind-host", EVERYWHERE], "",
        f"Error: --master-bind-host {EVERYWHERE}: beyond this machine workers and their master prove", id="a master for all",
    ),
    pytest.param(["--master", "--headless", "--master-bind-host", "*"], "", "Error: --master-bind-host *: beyond", id="*"),
    pytest.param(["--worker", "--master-host", "owner"], "", "Error: --master-host owner: beyond this machine", id="a worker"),
    pytest.param(
        ["--master", "--headless"], "too short",
        "Error: LOADTEST_WORKER_SECRET: has 9 characters, and needs 16 or more", id="a short secret",
    ),
    pytest.param(["--processes", "2", "--headless"], "x", "Error: LOADTEST_WORKER_SECRET: has 1 characters", id="processes"),
])  # fmt: skip
def test_what_is_missing_is_said_before_the_start_and_exits_with_2(
    stack: Stack, tmp_path: Path, arguments: list[str], secret: str, said: str
) -> None:
    with swarm_of(stack, tmp_path) as swarm:
        process = swarm.start(*arguments, secret=secret)
        output, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 2, output
    assert said in output
    assert "Traceback" not in output
    assert list(swarm.runs.iterdir()) == []


def test_without_an_option_a_master_listens_on_the_loopback_alone_and_says_so(
    stack: Stack, tmp_path: Path
) -> None:
    with swarm_of(stack, tmp_path) as swarm:
        master = swarm.master("-t", "3s")
        listening = psutil.Process(master.pid)

        def hosts() -> set[str]:
            return {
                found.laddr.ip
                for found in listening.net_connections("tcp")
                if found.status == psutil.CONN_LISTEN and found.laddr.port == swarm.port
            }

        await_true(hosts)
        assert hosts() == {"127.0.0.1"}
        swarm.worker()
        finished = swarm.finished(master)
    assert f"Workers join at 127.0.0.1:{swarm.port}: any process of this machine alone" in finished.output


def test_a_port_that_is_taken_is_a_sentence_and_2(stack: Stack, tmp_path: Path) -> None:
    with swarm_of(stack, tmp_path) as swarm, socket.create_server(("127.0.0.1", swarm.port)):
        master = swarm.master()
        output, _ = master.communicate(timeout=TIMEOUT_S)
    assert master.returncode == 2, output
    assert (
        f"Error: --master-bind-port: 127.0.0.1:{swarm.port} cannot be had: Address already in use" in output
    )


class Case(NamedTuple):
    host: str
    environ: dict[str, str]


@pytest.mark.parametrize("case", [
    Case("127.0.0.1", {}), Case("localhost", {}), Case("::1", {}), Case("127.0.0.1", {"LOADTEST_WORKER_SECRET": ""}),
])  # fmt: skip
def test_on_the_loopback_no_secret_is_needed(case: Case) -> None:
    assert find_worker_secret("--master-bind-host", case.host, case.environ) == ""


@pytest.mark.parametrize(
    "host", ["*", "", EVERYWHERE, "::", "10.0.0.5", "owner", "lo", "127.0.0.1.evil.example", "127.1"]
)
def test_anywhere_else_it_is(host: str) -> None:
    with pytest.raises(LoadTestError, match="LOADTEST_WORKER_SECRET is not set"):
        find_worker_secret("--master-bind-host", host, {})
    assert find_worker_secret("--master-bind-host", host, {"LOADTEST_WORKER_SECRET": SECRET}) == SECRET


def test_both_sides_make_the_same_keys_of_a_secret_and_others_of_another() -> None:
    assert MasterKeys(SECRET).public == MasterKeys(SECRET).public
    assert MasterKeys(SECRET).public != MasterKeys(OTHER).public
    assert MasterKeys.of("") is None
