"""
Health of a container, for the image's HEALTHCHECK and the probe of every pod: exit code 0, or 1 and the reason.

    python3 -m monitoring.probing.container_health

The command of process 1 decides what is checked. The check runs every few seconds next to processes that generate load:
it imports very little, and takes a few hundredths of a second.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from conf.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_ESTABLISHED, _LISTENING = "01", "0A"
"""States of a socket, as the kernel writes them."""
_FIRST_REFUSAL, _FIRST_FAILURE = 400, 500
_TIMEOUT_S = 4.0


class Socket(NamedTuple):
    """A TCP socket of this container."""

    local_port: int
    remote_port: int
    state: str


def find_problem(command: Sequence[str], environ: Mapping[str, str], sockets: Sequence[Socket]) -> str:
    """
    What is wrong with a container, in a sentence; empty where it is healthy.

    A worker is healthy while it is connected to its master. A worker that hangs keeps the connection for a while; the
    master finds that out. A command that ends by itself is healthy as long as it runs.

    Args:
        command: The words of process 1.
        environ: Environment of the container; Locust reads options from it too.
        sockets: Sockets of the container.
    """
    names = {Path(word).name for word in command}
    option = _Options(command, environ)
    if "loadtest" in names and "portal" in names:
        return _ask(option.number("--port", "", 5000), "/api/health/db", _FIRST_REFUSAL)
    if "locust" not in names:
        return ""
    if option.given("--worker", "LOCUST_MODE_WORKER"):
        port = option.number("--master-port", "LOCUST_MASTER_NODE_PORT", 5557)
        connected = any(s.remote_port == port and s.state == _ESTABLISHED for s in sockets)
        return "" if connected else f"not connected to a master at port {port}"
    if option.given("--master", "LOCUST_MODE_MASTER"):
        port = option.number("--master-bind-port", "LOCUST_MASTER_BIND_PORT", 5557)
        if not any(s.local_port == port and s.state == _LISTENING for s in sockets):
            return f"does not listen for workers at port {port}"
    if option.given("--headless", "LOCUST_HEADLESS"):
        return ""
    return _ask(option.number("--web-port", "LOCUST_WEB_PORT", 8089), "/", _FIRST_FAILURE)


class _Options:
    """Options of a command: given on the command line, or by an environment variable."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self._command = command
        self._environ = environ

    def given(self, name: str, variable: str) -> bool:
        return name in self._command or self._environ.get(variable, "").lower() in {"1", "true", "yes"}

    def number(self, name: str, variable: str, default: int) -> int:
        for word, following in zip(self._command, [*self._command[1:], ""], strict=True):
            if word == name:
                return int(following)
            if word.startswith(f"{name}="):
                return int(word.partition("=")[2])
        return int(self._environ.get(variable) or default)


def _ask(port: int, path: str, first_bad: int) -> str:
    """Ask for a page of this container, which must answer with a status below *first_bad*; returns what is wrong."""
    place = f"http://127.0.0.1:{port}{path}"
    try:
        with Deadline(_TIMEOUT_S) as deadline, deadline.connect(("127.0.0.1", port)) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            with connection.makefile("rb") as answer:
                status = int(answer.readline().split()[1])
    except (OSError, IndexError, ValueError) as error:
        return f"{place} does not answer: {error}"
    return f"{place} answered {status}" if status >= first_bad else ""


def parse_sockets(table: str) -> Iterator[Socket]:
    """The sockets of ``/proc/net/tcp`` or ``tcp6`` (proc(5)): addresses and ports are hexadecimal."""
    for line in table.splitlines()[1:]:
        _, local, remote, state, *_ = line.split()
        yield Socket(int(local.rpartition(":")[2], 16), int(remote.rpartition(":")[2], 16), state)


def main() -> int:
    """Check the container that this process runs in."""
    command = Path("/proc/1/cmdline").read_text(encoding="utf-8").rstrip("\0").split("\0")
    tables = [Path("/proc/net") / name for name in ("tcp", "tcp6")]
    sockets = [found for table in tables if table.exists() for found in parse_sockets(table.read_text())]
    problem = find_problem(command, os.environ, sockets)
    print(problem or "healthy")  # noqa: T201 - the engine keeps it, for `docker inspect`
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
