"""The real commands in a directory of their own. All processes that they start are marked, so that tests find them."""

from __future__ import annotations

import os
import subprocess
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import warm_python
from patience import TIMEOUT_S, await_true

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LOCUSTFILES = Path(__file__).parents[2] / "locustfiles"

_MARK = "LOADTEST_TESTS_MARK"
_SUITES_OWN = ("LOADTEST_", "SESSION_SECRET", "DATABASE_URL", "PG")


@dataclass(frozen=True)
class Ended:
    """An ended command."""

    code: int
    out: str
    err: str

    @property
    def output(self) -> str:
        return f"{self.out}\n{self.err}"


@dataclass
class Commands:
    """
    Runs ``loadtest`` and ``locust`` in *directory*.

    Args:
        directory: Where they run.
        environ: Variables to add to the environment; the suite's own are removed from it.
        secrets: Texts that no output may show.
    """

    directory: Path
    environ: Mapping[str, str] = field(repr=False)
    secrets: Iterable[str] = field(repr=False)
    _mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    _started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *command: str, **environ: str) -> subprocess.Popen[str]:
        """Start ``python -m`` *command*; an empty value removes a variable."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith(_SUITES_OWN)}
        found = {**plain, **self.environ, "NO_COLOR": "1", "COLUMNS": "200", **environ, _MARK: self._mark}
        process = warm_python.start(
            list(command),
            cwd=self.directory,
            env={name: value for name, value in found.items() if value},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def end(self, process: subprocess.Popen[str], timeout_s: float = TIMEOUT_S) -> Ended:
        """Wait for *process*, and assert that it shows no traceback and no secret."""
        try:
            out, err = process.communicate(timeout=timeout_s)
        finally:
            process.kill()
        ended = Ended(process.returncode, out, err)
        assert "Traceback" not in ended.output, ended.output
        assert not [secret for secret in self.secrets if secret in ended.output]
        return ended

    def run(self, *command: str, **environ: str) -> Ended:
        """Run *command* to its end, and assert that no process of it goes on."""
        ended = self.end(self.start(*command, **environ))
        self.await_nothing_running()
        return ended

    def refused(self, *command: str, **environ: str) -> str:
        """Run *command*, assert that it exits with 2 and changes no file; returns its errors and their next steps."""
        before = self._files()
        ended = self.run(*command, **environ)
        assert ended.code == 2, ended.output
        assert self._files() == before
        _, found, told = ended.err.partition("Error: ")
        assert found, ended.output
        return found + told

    def running(self) -> list[psutil.Process]:
        """All running processes that these commands started, even detached ones."""
        started = [psutil.Process(process.pid) for process in self._started if process.poll() is None]
        marked = (process for process in psutil.process_iter() if _environ(process).get(_MARK) == self._mark)
        return [*started, *(process for process in marked if process not in started)]

    def await_nothing_running(self) -> None:
        await_true(lambda: not self.running(), otherwise=lambda: f"still running: {self.running()}")

    def kill_all(self) -> None:
        """At the end of a test, kill its processes, which the mark identifies."""
        for process in self.running():
            process.kill()
        for started in self._started:
            if started.returncode is None:  # the test failed before it read the process's output
                started.communicate()

    def _files(self) -> dict[Path, bytes | None]:
        return {path: path.read_bytes() if path.is_file() else None for path in self.directory.rglob("*")}


def _environ(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ() if process.status() != psutil.STATUS_ZOMBIE else {}
    except (psutil.Error, OSError):
        return {}
