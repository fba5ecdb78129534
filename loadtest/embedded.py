"""
The embedded stack: a database, a seeded Longview Park and a portal, for one run, in a temporary directory.

A *guard* stops everything that is started here. It is a small shell script that waits for the end of its standard
input. The input ends when the stack is left, and also when this process is killed.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from fcntl import LOCK_EX, LOCK_NB, flock
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from pydantic import SecretStr

from conf.errors import LoadTestError
from conf.loading import absolute_choice
from loadtest.embedded_server import start_server
from monitoring.redaction.known_secrets import remember_secret
from portal import READY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from types import TracebackType

    from conf.settings import Settings
    from seed.progress import Progress

START_TIMEOUT_S = 30.0
_POLL_S = 0.05
_LONGEST_TEMPORARY_BYTES = 107 - len("/openhouse-tests-12345678/data/.s.PGSQL.5432")
_READY_LINE = re.compile(rf"^{READY}(\S+)\n", re.MULTILINE)
_LOG_LINES_SHOWN = 8

_GUARD = r"""
directory=$1 portal=
while read -r pid; do portal=$pid; done

if [ -n "$portal" ] && kill -TERM "$portal" 2>/dev/null; then
    tries=100
    while [ $tries -gt 0 ] && kill -0 "$portal" 2>/dev/null; do sleep 0.1; tries=$((tries - 1)); done
    [ $tries -gt 0 ] || kill -KILL "$portal" 2>/dev/null
fi
if read -r postgres 2>/dev/null < "$directory/pg/postmaster.pid"; then
    kill -INT "$postgres" 2>/dev/null
    tries=100
    while [ $tries -gt 0 ] && [ -e "$directory/pg/postmaster.pid" ]; do sleep 0.1; tries=$((tries - 1)); done
    [ $tries -gt 0 ] || kill -QUIT "$postgres" 2>/dev/null
fi
rm -rf "$directory"
"""
"""
The guard's script. It reads the portal's process id and waits for the end of its input. Then it stops the portal and
PostgreSQL (SIGINT is the fast shutdown; PostgreSQL removes postmaster.pid when done), and kills each after ten seconds.
At last it removes the directory.
"""


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack."""

    environ: dict[str, str] = field(repr=False)
    """Environment with which a process of the load finds the stack; holds the session secret."""
    base_url: str
    database_url: str
    """Address of the database: a Unix socket in the temporary directory, without a password."""
    portal_pid: int


def start_module(words: list[str], **options: Any) -> subprocess.Popen[bytes]:
    """``python -m`` *words*, with the options of `subprocess.Popen`."""
    return subprocess.Popen([sys.executable, "-m", *words], **options)  # noqa: S603 - this project's own command


@contextmanager
def embedded_stack(  # noqa: PLR0913 - all but two are named
    settings: Settings,
    progress: Progress,
    *,
    log_dir: Path,
    now: datetime,
    environ: Mapping[str, str] = os.environ,
    start: Callable[..., subprocess.Popen[bytes]] = start_module,
) -> Iterator[Stack]:
    """
    Start a stack for one run; stop and remove all of it at the end, also after an error.

    Args:
        settings: The portal gets exactly these ``portal`` settings, but listens on a free port of the loopback.
        progress: Called with what is being started.
        log_dir: For ``portal.log``, and the records of the portal and of the load; made if it is missing.
        now: Issue time of the homeowners' JWTs.
        environ: The environment that the portal inherits.
        start: Starts the portal, as `start_module` does.

    Raises:
        LoadTestError: The database or the portal did not start.
    """
    with _Guard(start) as guard:
        progress("embedded database", 0, 1)
        database_url = _start_database(guard.directory / "pg")
        progress("embedded database", 1, 1)

        from seed.seeding import seed_database  # noqa: PLC0415 - numpy comes with it; few commands seed

        fixture = guard.directory / "houses.jsonl"
        secret = secrets.token_urlsafe(48)
        remember_secret(secret)
        in_stack = _settings_in_stack(settings, fixture, database_url, secret)
        seed_database(database_url, in_stack, secret, now, progress=progress)

        progress("portal", 0, 1)
        shared = {"SESSION_SECRET": secret, "DATABASE_URL": database_url}
        log = own_log(log_dir, "portal")
        tracked = {"LOADTEST_LOG_DIR": str(log_dir.resolve())}
        portal = guard.start_portal(settings, environ={**environ, **shared, **tracked}, log=log)
        base_url = _await_ready(portal, Path(log.name))
        progress("portal", 1, 1)

        found = {
            "LOADTEST_TARGET": base_url,
            "LOADTEST_TARGET_PID": str(portal.pid),
            "LOADTEST_TARGET_EMBEDDED": "true",
            "LOADTEST_METRICS_URL": f"{base_url}/metrics",
            "LOADTEST_FIXTURE": str(fixture),
            "LOADTEST_BASELINE": "embedded",
            **tracked,
        }
        yield Stack(shared | found, base_url, database_url, portal.pid)


def _settings_in_stack(settings: Settings, fixture: Path, database_url: str, secret: str) -> Settings:
    """The same settings with the fixture, the database and the secret of this stack."""
    return settings.model_copy(
        update={
            "seed": settings.seed.model_copy(update={"fixture": fixture}),
            "database": settings.database.model_copy(update={"url": SecretStr(database_url)}),
            "session_secret": SecretStr(secret),
        }
    )


class _Guard:
    """Owns the temporary directory and the processes of a stack; see the head of this file."""

    def __init__(self, start: Callable[..., subprocess.Popen[bytes]]) -> None:
        self._start = start
        self.directory = Path(tempfile.mkdtemp(prefix="openhouse-", dir=directory_for_sockets()))
        self._portal: subprocess.Popen[bytes] | None = None
        self._shell = subprocess.Popen(  # noqa: S603 - a constant script
            ["/bin/sh", "-c", _GUARD, "guard", str(self.directory)],
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in the terminal must not reach the guard
        )

    def start_portal(
        self, settings: Settings, environ: Mapping[str, str], log: BinaryIO
    ) -> subprocess.Popen[bytes]:
        config = self.directory / "portal.toml"
        given = {
            "portal": settings.portal.model_dump(mode="json"),
            "target.contract": absolute_choice(settings.target.contract),
            "target.allowed_hosts": list(settings.target.allowed_hosts),
            "monitoring.trace_hosts": list(settings.monitoring.trace_hosts),
        }
        lines = (line for key, value in given.items() for line in _toml_lines(key, value))
        config.write_text("".join(lines), encoding="utf-8")
        command = ["portal", "--host", "127.0.0.1", "--port", "0", "--config", str(config)]
        with log:
            self._portal = self._start(
                ["loadtest", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(environ),
                start_new_session=True,
            )
        assert self._shell.stdin is not None
        self._shell.stdin.write(b"%d\n" % self._portal.pid)
        self._shell.stdin.flush()
        return self._portal

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        if self._portal is not None:
            self._portal.wait()  # the guard sees it gone once it is reaped
        self._shell.wait()


def directory_for_sockets() -> str:
    """The temporary directory; ``/tmp`` where its path is too long: the path of a server's socket has at most 107 bytes."""
    directory = tempfile.gettempdir()
    return directory if len(os.fsencode(directory)) <= _LONGEST_TEMPORARY_BYTES else "/tmp"  # noqa: S108 - mkdtemp's parent


def _start_database(directory: Path) -> str:
    try:
        server = start_server(directory)
    except (OSError, subprocess.SubprocessError) as error:
        raise LoadTestError(
            f"{directory}: the embedded database did not start: {_last_lines(directory / 'log') or error}",
            "Free some disk space and memory, or use a database of your own: export DATABASE_URL=...",
        ) from error
    return str(server.get_uri())


def own_log(directory: Path, name: str) -> BinaryIO:
    """
    An empty log, locked by one process for as long as it lives: ``NAME.log``, or ``NAME-2.log`` and so on.

    A run reads its portal's address from this log. Two runs that write to one directory must not read each other's log.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        log = (directory / (f"{name}-{number}.log" if number > 1 else f"{name}.log")).open("ab")
        try:
            flock(log, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            log.close()
            continue
        log.truncate(0)
        return log
    raise AssertionError("numbers do not end")


def _await_ready(portal: subprocess.Popen[bytes], log: Path) -> str:
    """Wait for the portal's ready line; returns the address in it."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s:
        ended = portal.poll() is not None
        if ready := _READY_LINE.search(log.read_text(encoding="utf-8", errors="replace")):
            return ready[1]
        if ended:
            raise LoadTestError(
                f"{log}: the embedded portal ended with exit code {portal.returncode}:\n{_last_lines(log)}",
                "Correct what the portal complains about, then run again.",
            )
        time.sleep(_POLL_S)
    raise LoadTestError(
        f"{log}: the embedded portal was not ready within {START_TIMEOUT_S:g} s:\n{_last_lines(log)}",
        "Run again when the machine is less busy.",
    )


def _last_lines(log: Path) -> str:
    if not log.exists():
        return ""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-_LOG_LINES_SHOWN:])


def _toml_lines(key: str, value: Any) -> Iterator[str]:
    """Settings as dotted TOML keys; numbers, texts and booleans are written as in JSON."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _toml_lines(f"{key}.{name}", inner)
    else:
        yield f"{key} = {json.dumps(value)}\n"
