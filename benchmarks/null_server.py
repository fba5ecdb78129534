"""
A portal that answers every POST with the same bytes, at once or after a fixed wait, and counts them.

One thread around ``epoll``: it costs little compared with a process of the load, and the same for every client.
It runs in its own process, which ends when its parent closes its standard input.
"""

from __future__ import annotations

import json
import os
import resource
import select
import socket
import subprocess
import sys
import time
from collections import deque
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
"""Where ``python -m benchmarks…`` finds its modules."""
BACKLOG = 4096
_END = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length:"


class Served(NamedTuple):
    """What a null server had done at a moment."""

    requests: int
    cpu_s: float
    open: int
    """Requests that wait for their answer."""
    connections: int
    """Ever accepted."""


class NullServer:
    """A running one, seen from the process that started it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        self.base_url = f"http://127.0.0.1:{process.stdout.readline().strip()}"

    def served(self) -> Served:
        """Ask it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return Served(*json.loads(self._process.stdout.readline()))


@contextmanager
def null_server(body: bytes, wait_s: float = 0.0, headers: str = "") -> Iterator[NullServer]:
    """
    Start one on a free port of the loopback, and end it.

    Args:
        body: Of every answer to a POST; JSON.
        wait_s: From a request to its answer.
        headers: Further lines of the answer, each with its line end.
    """
    command = [sys.executable, "-m", "benchmarks.null_server", str(wait_s), headers, body.decode()]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)  # noqa: S603 - this file
    try:
        yield NullServer(process)
    finally:
        process.communicate()  # which closes its standard input


class _Server:
    def __init__(self, wait_s: float, headers: str, body: str) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{headers}"
        self._answer = f"{head}Content-Length: {len(body.encode())}{_END.decode()}{body}".encode()
        self._wait_s = wait_s
        self._due: deque[tuple[float, socket.socket]] = deque()
        self._connections: dict[int, socket.socket] = {}
        self._parts: dict[int, bytes] = {}
        self._requests = self._accepted = 0
        self._epoll = select.epoll()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        self._listener.settimeout(0)

    def serve(self) -> None:
        """Until standard input is closed."""
        print(self._listener.getsockname()[1], flush=True)  # noqa: T201 - for the process that started it
        listening = self._listener.fileno()
        self._epoll.register(listening, select.EPOLLIN)
        self._epoll.register(sys.stdin.fileno(), select.EPOLLIN)
        while True:
            pause_s = max(self._due[0][0] - time.perf_counter(), 0.0) if self._due else -1
            for number, _ in self._epoll.poll(pause_s):
                if number in self._connections:
                    self._read(number)
                elif number == listening:
                    self._accept()
                elif not self._report():
                    return
            while self._due and self._due[0][0] <= time.perf_counter():
                self._reply(self._due.popleft()[1])

    def _accept(self) -> None:
        try:
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.settimeout(0)
                self._accepted += 1
                self._connections[connection.fileno()] = connection
                self._epoll.register(connection.fileno(), select.EPOLLIN)
        except BlockingIOError:
            return

    def _read(self, number: int) -> None:
        connection = self._connections[number]
        try:
            data = connection.recv(65_536)
        except ConnectionError:
            data = b""
        if not data:
            self._parts.pop(number, None)
            self._connections.pop(number).close()
            return
        data = self._parts.pop(number, b"") + data
        if not is_whole(data):
            self._parts[number] = data
        elif not data.startswith(b"POST"):
            self._reply(connection)  # the look before a run: is the portal there?
        else:
            self._requests += 1
            if self._wait_s:
                self._due.append((time.perf_counter() + self._wait_s, connection))
            else:
                self._reply(connection)

    def _reply(self, connection: socket.socket) -> None:
        try:
            connection.send(self._answer)
        except OSError:
            return  # who asked has gone; the next read says so

    def _report(self) -> bool:
        if not os.read(sys.stdin.fileno(), 1):
            return False
        usage = resource.getrusage(resource.RUSAGE_SELF)
        served = Served(self._requests, usage.ru_utime + usage.ru_stime, len(self._due), self._accepted)
        print(json.dumps(served), flush=True)  # noqa: T201 - as above
        return True


def is_whole(data: bytes) -> bool:
    """One request with its body; no client here sends the next before the answer."""
    end = data.find(_END)
    if end < 0:
        return False
    head = data[:end].lower()
    _, found, rest = head.partition(_LENGTH)
    return len(data) >= end + len(_END) + (int(rest.partition(b"\r\n")[0]) if found else 0)


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    _Server(float(sys.argv[1]), sys.argv[2], sys.argv[3]).serve()
