"""
A portal that streams each answer to a POST at a set pace, and writes down each moment at which it wrote.

One thread around ``epoll``, as the null server; nothing of it is the suite's. It runs in its own process, which ends when
its parent closes its standard input.
"""

from __future__ import annotations

import heapq
import json
import os
import re
import resource
import select
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from random import Random
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.null_server import BACKLOG, ROOT, NullServer, Served, is_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_READABLE, _BOTH = select.EPOLLIN, select.EPOLLIN | select.EPOLLOUT
_BLOCK_BYTES = 65_536
_TRACE = re.compile(rb"(?i)\r\ntraceparent: *00-([0-9a-f]{32})-")
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_NO_STREAM = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"status":"ok"}'
_WORDS = (
    "The",
    "heat",
    "pump",
    "stands",
    "beside",
    "the",
    "garage",
    "wall",
    ",",
    "near",
    "the",
    "utility",
    "room",
    ".",
)


class Pace(NamedTuple):
    """
    How each answer comes.

    Args:
        contents: Its texts, one to each event; at least 4; an answer has from half to one and a half as many.
        first_s: From the request to the first text, from half to one and a half as long.
        gap_s: From one text to the next, likewise; 0: as fast as the texts are read.
        longest_s: One gap of each answer is longer by up to this.
        heartbeat_s: From one comment to the next; 0: none.
    """

    contents: int
    first_s: float = 0.0
    gap_s: float = 0.0
    longest_s: float = 0.0
    heartbeat_s: float = 0.0


class Written(NamedTuple):
    """One answer, by the server's clock: `perf_counter`, which all processes of a Linux machine share."""

    trace_id: str
    """Of the request."""
    asked_s: float
    """When the whole request had been read."""
    contents_s: list[float]
    """When each text was handed to the system."""
    done_s: float


@contextmanager
def stream_server(pace: Pace, log: Path | None = None) -> Iterator[NullServer]:
    """
    Start one on a free port of the loopback, and end it.

    What it says of itself: its ``requests`` are texts, written at a pace, or read where there is none; ``open`` are answers.

    Args:
        pace: Of each answer.
        log: Where it writes a `Written` for each answer, a line each; None: nowhere.
    """
    command = [sys.executable, "-m", "benchmarks.stream_server", json.dumps(pace), str(log or "")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)  # noqa: S603 - this file
    try:
        yield NullServer(process)
    finally:
        process.communicate()  # which closes its standard input


def load_written(log: Path) -> dict[str, Written]:
    """What a server wrote down: trace id → answer."""
    found = [Written(*json.loads(line)) for line in log.read_text(encoding="utf-8").splitlines()]
    return {written.trace_id: written for written in found}


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


_TEXTS = [_chunk(f'data: {{"type":"text","content":" {word}"}}\n\n'.encode()) for word in _WORDS]
_FIRST = _chunk(b'data: {"type":"text","content":" The","choices":[{"delta":{"content":" The"}}]}\n\n')
"""One text as a model's API has it too: GuideLLM refuses an answer that holds none."""
_LAST = _chunk(b'data: {"type":"done"}\n\n') + b"0\r\n\r\n"
_HEARTBEAT = _chunk(b": ping\n\n")


class _Client:
    """One connection, with the answer that is on its way on it."""

    __slots__ = ("answer", "asked_s", "connection", "moments", "parts", "plan", "trace", "unsent")

    def __init__(self, connection: socket.socket) -> None:
        self.connection, self.parts, self.unsent = connection, b"", memoryview(b"")
        self.answer = -1
        """Counts, so that a heartbeat that is due does not get into the next answer; negative: none is on its way."""
        self.trace, self.asked_s = "", 0.0
        self.plan: list[float] = []
        """When each text is due, the last one first."""
        self.moments: list[float] = []


class _Server:
    def __init__(self, pace: Pace, log: str) -> None:
        self._pace, self._random = pace, Random(7)  # noqa: S311 - a pace, not a secret
        self._log = Path(log).open("w", encoding="utf-8") if log else None  # noqa: SIM115 - open as long as the process
        self._due: list[tuple[float, int, Callable[[_Client], None], _Client, int]] = []
        self._clients: dict[int, _Client] = {}
        self._texts = self._accepted = self._open = self._turn = 0
        self._epoll = select.epoll()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        self._listener.settimeout(0)

    def serve(self) -> None:
        """Until standard input is closed."""
        print(self._listener.getsockname()[1], flush=True)  # noqa: T201 - for the process that started it
        listening = self._listener.fileno()
        self._epoll.register(listening, _READABLE)
        self._epoll.register(sys.stdin.fileno(), _READABLE)
        while True:
            pause_s = max(self._due[0][0] - perf_counter(), 0.0) if self._due else -1
            for number, happened in self._epoll.poll(pause_s):
                if client := self._clients.get(number):
                    if happened & ~_READABLE:
                        self._send(client)
                    if happened & ~select.EPOLLOUT:
                        self._read(number, client)
                elif number == listening:
                    self._accept()
                elif not self._report():
                    return
            while self._due and self._due[0][0] <= perf_counter():
                _, _, write, client, answer = heapq.heappop(self._due)
                if client.answer == answer >= 0:
                    write(client)

    def _at(self, due_s: float, write: Callable[[_Client], None], client: _Client) -> None:
        self._turn += 1
        heapq.heappush(self._due, (due_s, self._turn, write, client, client.answer))

    def _accept(self) -> None:
        try:
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.settimeout(0)
                self._accepted += 1
                self._clients[connection.fileno()] = _Client(connection)
                self._epoll.register(connection.fileno(), _READABLE)
        except BlockingIOError:
            return

    def _read(self, number: int, client: _Client) -> None:
        try:
            data = client.connection.recv(_BLOCK_BYTES)
        except ConnectionError:
            data = b""
        if not data:
            self._leave(client)
            client.connection.close()
            del self._clients[number]
            return
        client.parts += data
        if is_whole(client.parts):
            request, client.parts = client.parts, b""
            if request.startswith(b"POST"):
                self._begin(client, request)
            else:
                client.connection.send(_NO_STREAM)  # the look before a run: is the portal there?

    def _begin(self, client: _Client, request: bytes) -> None:
        self._leave(client)
        pace, random = self._pace, self._random
        client.answer, client.asked_s, client.moments = self._turn, perf_counter(), []
        found = _TRACE.search(request)
        client.trace = found[1].decode() if found else ""
        self._open += 1
        contents = round(pace.contents * random.uniform(0.5, 1.5))
        if not pace.gap_s:
            texts = _FIRST + b"".join(_TEXTS[place % len(_TEXTS)] for place in range(1, contents))
            client.plan, client.unsent = [0.0] * contents, memoryview(_HEAD + texts + _LAST)
            self._send(client)
            return
        gaps_s = [pace.first_s * random.uniform(0.5, 1.5)]
        gaps_s += [pace.gap_s * random.uniform(0.5, 1.5) for _ in range(contents)]
        gaps_s[random.randint(1, contents - 1)] += random.uniform(0, pace.longest_s)
        client.plan = gaps_s[::-1]
        self._write(client, _HEAD)
        self._at(perf_counter() + client.plan.pop(), self._write_text, client)
        if pace.heartbeat_s:
            self._at(perf_counter() + pace.heartbeat_s, self._write_heartbeat, client)

    def _write_text(self, client: _Client) -> None:
        now_s = perf_counter()
        if not client.plan:
            self._write(client, _LAST)
            if self._log:
                written = Written(client.trace, client.asked_s, client.moments, now_s)
                self._log.write(json.dumps(written) + "\n")
            self._leave(client)
            return
        self._write(client, _TEXTS[len(client.plan) % len(_TEXTS)] if client.moments else _FIRST)
        client.moments.append(now_s)
        self._texts += 1
        self._at(now_s + client.plan.pop(), self._write_text, client)

    def _write_heartbeat(self, client: _Client) -> None:
        self._write(client, _HEARTBEAT)
        self._at(perf_counter() + self._pace.heartbeat_s, self._write_heartbeat, client)

    def _leave(self, client: _Client) -> None:
        """The answer is written, or its reader has gone."""
        if client.answer >= 0:
            self._open -= 1
            client.answer = -1
            if not self._pace.gap_s and not client.unsent:
                self._texts += len(client.plan)

    def _write(self, client: _Client, data: bytes) -> None:
        try:
            client.connection.send(data)
        except OSError:
            self._leave(client)  # the reader has gone, which the next read says, or does not read any more

    def _send(self, client: _Client) -> None:
        """As much of an answer without a pace as the system takes."""
        try:
            while client.unsent:
                client.unsent = client.unsent[client.connection.send(client.unsent[:_BLOCK_BYTES]) :]
        except BlockingIOError:
            self._epoll.modify(client.connection, _BOTH)
        except OSError:
            client.unsent = client.unsent[:0]
        else:
            self._epoll.modify(client.connection, _READABLE)

    def _report(self) -> bool:
        if not os.read(sys.stdin.fileno(), 1):
            if self._log:
                self._log.close()
            return False
        usage = resource.getrusage(resource.RUSAGE_SELF)
        served = Served(self._texts, usage.ru_utime + usage.ru_stime, self._open, self._accepted)
        print(json.dumps(served), flush=True)  # noqa: T201 - as above
        return True


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    _Server(Pace(*json.loads(sys.argv[1])), sys.argv[2]).serve()
