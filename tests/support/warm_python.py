"""
Starts ``loadtest``, portal and Locust processes after their imports, which take most of a short command's time.

For each of the three, a process that has imported the libraries waits for commands, and forks itself for each command. So
each command has arguments, an environment, files and a session of its own, and runs ``python -m`` as after a cold start.
gevent's event loop does not survive a fork: the waiting process has none, and each fork makes its own. Commands start cold
under `make test-all`, and where a variable that Python reads at its start has another value.

    python tests/support/warm_python.py FD MODULE …   # the waiting process, at the other end of a socket
"""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import random
import runpy
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import cache
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from patience import TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

COLD = "LOADTEST_TESTS_COLD"
"""A command starts cold where this variable is set, here or for the command."""
_JUDGEMENT = (
    "reports.verdict",
    "reports.report_files",
    "reports.live",
    "reports.charts.gallery",
    "reports.rendering.terminal",
    "scipy.optimize",
)
_LIBRARIES = {
    "loadtest": ("typer", "rich.table", "jinja2", "segno", "loadtest.run", "loadtest.check", *_JUDGEMENT),
    "portal": (
        "typer", "loadtest.portal", "portal.serving", "uvicorn.protocols.http.auto", "uvicorn.protocols.websockets.auto",
    ),
    "locust": (
        "locust.main", "swarm.generator.generator", "swarm.owner.owner", "monitoring.metrics_server", *_JUDGEMENT,
    ),
}  # fmt: skip
"""Modules imported before the fork: none that register themselves with Locust, and for the portal only those it uses."""
_READ_AT_THE_START = ("PYTHON", "LD_", "LC_", "LANG", "TZ", "GEVENT", "LOCUST_SKIP", "LOCUST_PLAYWRIGHT")
_SET_CHILD_SUBREAPER = 36
_one_at_a_time = threading.Lock()


def start(words: list[str], **options: Any) -> subprocess.Popen[Any]:
    """Start ``python -m`` *words*, as `subprocess.Popen` does."""
    environ = options.get("env") or os.environ
    is_warm = words[0] in _LIBRARIES and not {COLD} & {*environ, *os.environ}
    if not is_warm or _start_up(environ) != _start_up(os.environ):
        return subprocess.Popen([sys.executable, "-m", *words], **options)
    return _Warm(words, **options)


def run(
    words: list[str], *, timeout_s: float = TIMEOUT_S, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m`` *words* to its end; returns it with its output."""
    options = {"stdin": subprocess.DEVNULL, "text": True} | options
    with start(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as process:
        try:
            out, err = process.communicate(timeout=timeout_s)
        finally:
            process.kill()
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def _kind(words: list[str]) -> str:
    return "portal" if words[:2] == ["loadtest", "portal"] else words[0]


def _start_up(environ: Any) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.startswith(_READ_AT_THE_START)}


class _Warm(subprocess.Popen[Any]):
    """A process that `_waiting` forks; this process becomes its parent as soon as the one in between has ended."""

    def _execute_child(self, *given: Any) -> None:
        bound = signature(subprocess.Popen._execute_child).bind(self, *given).arguments  # type: ignore[attr-defined]
        streams = [bound["p2cread"], bound["c2pwrite"], bound["errwrite"]]
        request = {
            "words": bound["args"],
            "environ": dict(bound["env"] or os.environ),
            "directory": str(bound["cwd"] or Path.cwd()),
            "session": bound["start_new_session"],
        }
        message = json.dumps(request).encode()
        with _one_at_a_time:
            waiting = _waiting(_kind(bound["args"]))
            waiting.sendall(len(message).to_bytes(4, "big"))
            socket.send_fds(waiting, [b"f"], [own if fd == -1 else fd for own, fd in enumerate(streams)])
            with _adopting():
                waiting.sendall(message)
                self.pid = int.from_bytes(_received(waiting, 4), "big")
        self._child_created = True
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*map(bound.get, pipes))  # type: ignore[attr-defined]


@contextmanager
def _adopting() -> Iterator[None]:
    """Within the block, descendants that lose their parent become this process's children; outside it, those of init."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    yield
    prctl(_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@cache
def _waiting(kind: str) -> socket.socket:
    """The socket to a process that has imported the libraries; that process ends with this one."""
    ours, its = socket.socketpair()
    with its:
        words = [sys.executable, __file__, str(its.fileno()), *_LIBRARIES[kind]]
        process = subprocess.Popen(words, pass_fds=[its.fileno()], start_new_session=True)
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


def _received(connection: socket.socket, length: int) -> bytes:
    parts = b""
    while len(parts) < length:
        part = connection.recv(length - len(parts))
        if not part:
            raise EOFError
        parts += part
    return parts


def _wait(connection: socket.socket, libraries: list[str]) -> list[str]:
    """Fork for every command that comes; returns the command's words, in each fork."""
    fork, waitpid = os.fork, os.waitpid  # not gevent's, which start an event loop
    for library in libraries:
        __import__(library)
    if "gevent" in sys.modules:
        sys.modules["gevent"].get_hub().destroy(destroy_loop=True)
    forked, forks = os.pipe()
    while True:
        length = int.from_bytes(_received(connection, 4), "big")
        _, streams, _, _ = socket.recv_fds(connection, 1, 3)
        request = json.loads(_received(connection, length))
        if between := fork():
            waitpid(between, 0)
            connection.sendall(os.read(forked, 4))
            for stream in streams:
                os.close(stream)
        elif child := fork():
            os.write(forks, child.to_bytes(4, "big"))
            os._exit(0)
        else:
            connection.close()
            os.closerange(forked, forks + 1)
            _become(request, streams)
            words: list[str] = request["words"]
            return words


def _become(request: dict[str, Any], streams: list[int]) -> None:
    """Take over the session, streams, directory and environment of the process to be."""
    if request["session"]:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["directory"])
    os.environ.clear()
    os.environ.update(request["environ"])
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        was = getattr(sys, name)
        fresh = open(was.fileno(), mode, encoding=was.encoding, errors=was.errors, closefd=False)  # noqa: SIM115 - as Python opens its streams
        fresh.reconfigure(line_buffering=name == "stderr" or os.isatty(was.fileno()))
        setattr(sys, name, fresh)
        setattr(sys, f"__{name}__", fresh)
    random.seed()


def _run(words: list[str]) -> NoReturn:
    sys.argv = words
    sys.path[0] = str(Path.cwd())
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as Python does at its start
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        try:
            command = _wait(channel, sys.argv[2:])
        except EOFError:
            sys.exit()
    _run(command)
