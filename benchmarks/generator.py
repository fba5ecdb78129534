"""A process that generates load, watched from outside: how many requests it makes of a second of its core."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

from benchmarks.null_server import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from benchmarks.null_server import NullServer

_PATIENCE_S = 120.0
_END_S = 30.0


class Rate(NamedTuple):
    """A stretch of a steady load."""

    requests: int
    wall_s: float
    cpu_s: float
    """Of the generating processes together, user and system."""
    server_cpu_s: float

    @property
    def per_core(self) -> float:
        """Requests per second of one core's time; a busy neighbour does not lower it. The clock has hundredths of a second."""
        return self.requests / max(self.cpu_s, 0.01)

    @property
    def per_second(self) -> float:
        """Requests per second of the wall clock."""
        return self.requests / self.wall_s


def locust(locustfile: Sequence[str], users: int, *flags: str, spawn_rate: int = 100) -> list[str]:
    """The command that runs a locustfile (and, of its user classes, those named) as a CI job does."""
    file, *classes = locustfile
    load = ["-u", str(users), "-r", str(spawn_rate), "-t", "10m"]
    return [
        sys.executable, "-m", "locust", "-f", file, "--headless", "--only-summary", "--loglevel", "ERROR", *load, *flags, *classes
    ]  # fmt: skip


def start(command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
    """As `subprocess.Popen` does."""
    return subprocess.Popen(command, **options)  # noqa: S603 - one of the benchmarks' own


@contextmanager
def generating(command: Sequence[str], environ: Mapping[str, str]) -> Iterator[psutil.Process]:
    """Run a command in a session of its own; at the end of the block it is interrupted, as by Ctrl-C."""
    process = start(
        command,
        cwd=ROOT,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield psutil.Process(process.pid)
    finally:
        try:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(_END_S)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def watch(process: psutil.Process, server: NullServer, seconds: float, begin_after: int = 1_000) -> Rate:
    """Let the load become steady, by so many requests, and watch it for so long."""
    until(lambda: server.served().requests >= begin_after)
    before, cpu_before_s, began_s = server.served(), cpu_s(process), time.perf_counter()
    time.sleep(seconds)
    after, cpu_after_s, ended_s = server.served(), cpu_s(process), time.perf_counter()
    return Rate(
        after.requests - before.requests,
        ended_s - began_s,
        cpu_after_s - cpu_before_s,
        after.cpu_s - before.cpu_s,
    )


def until(condition: Callable[[], bool], patience_s: float = _PATIENCE_S) -> None:
    """Wait for something to become true."""
    deadline_s = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError("the load did not become what was asked for")
        time.sleep(0.1)


def cpu_s(process: psutil.Process) -> float:
    """Time on the processor of a process and its children, user and system."""
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(float(one.user + one.system) for one in times)
