"""Locust with its web UI, as an engineer starts it, and the answers of its form, tabs and pages."""

from __future__ import annotations

import json
import os
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import locust_process
import requests
from locust_process import LOCUSTFILES, free_port
from patience import TIMEOUT_S, UNHURRIED, await_true

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from loadtest.embedded import Stack


@dataclass
class WebUI:
    """A Locust process that waits until a user presses Start."""

    process: subprocess.Popen[str]
    url: str
    runs: Path
    http: requests.Session
    output: str = ""
    """All output of the process; set once it has ended."""

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.http.get(f"{self.url}{path}", timeout=TIMEOUT_S, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.http.post(f"{self.url}{path}", timeout=TIMEOUT_S, **options)

    def swarm(self, **form: Any) -> Any:
        """Send the form; returns the answer."""
        return self.post("/swarm", data=form).json()

    def start(self, **form: Any) -> Path:
        """Start a run; returns its directory."""
        before = set(self.runs.iterdir())
        answer = self.swarm(**form)
        assert answer["success"], answer
        await_true(lambda: bool(set(self.runs.iterdir()) - before))
        (directory,) = set(self.runs.iterdir()) - before
        return directory

    def run(self, **form: Any) -> Ended:
        """Start a run, and wait until it has ended and Locust has noticed."""
        return self.await_end(self.start(**form))

    def await_end(self, directory: Path) -> Ended:
        await_true(lambda: "/report" in self.get("/verdict/now").text)
        return Ended(directory)

    def stop(self) -> None:
        assert self.post("/stop").json()["success"]

    def end(self) -> str:
        """Send Ctrl-C; returns all output."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        self.output += self.process.communicate(timeout=TIMEOUT_S)[0]
        return self.output


@dataclass
class Ended:
    """An ended run that was started in the web UI."""

    directory: Path

    @property
    def manifest(self) -> Any:
        return json.loads((self.directory / "manifest.json").read_text())

    @property
    def verdict(self) -> Any:
        return json.loads((self.directory / "verdict.json").read_text())

    def requests(self, operation: str = "chat") -> int:
        return sum(row["requests"] for row in self.verdict["operations"] if row["name"] == operation)

    @property
    def problems(self) -> set[str]:
        return {problem["code"] for problem in self.verdict["problems"]}


def settings_file(directory: Path, text: str = "") -> Path:
    """Write settings for tests of runs with few requests, and not of saturation."""
    path = directory / "web.toml"
    path.write_text(f"[run]\nminimum_requests = 1\n{UNHURRIED}{text}")
    return path


@contextmanager
def web_ui(
    stack: Stack,
    directory: Path,
    *arguments: str,
    settings: str = "",
    base_path: str = "",
    authority: Path | None = None,
    **environ: str,
) -> Iterator[WebUI]:
    """
    A web UI for one test, until the end of the block; *arguments* are Locust's, and *authority* made the certificate
    among them.
    """
    runs = directory / "runs"
    runs.mkdir()
    web, master = free_port(), str(free_port())
    files = [] if "-f" in arguments else ["-f", str(LOCUSTFILES)]
    words = [*files, "--web-port", str(web), *arguments]
    if "--processes" in arguments or "--master" in arguments:
        words += ["--master-bind-port", master, "--master-port", master, "--master-bind-host", "127.0.0.1"]
    config = str(settings_file(directory, settings))
    process = locust_process.start(stack, runs, words, **{"LOADTEST_CONFIG": config, **environ})
    with requests.Session() as http:
        http.trust_env = False
        http.verify = str(authority) if authority else True
        ui = WebUI(process, f"{'https' if authority else 'http'}://127.0.0.1:{web}{base_path}", runs, http)
        try:
            await_true(lambda: _answers(ui))
            yield ui
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
                try:
                    ui.output += process.communicate(timeout=TIMEOUT_S)[0]
                finally:
                    if process.poll() is None:
                        os.killpg(process.pid, signal.SIGKILL)
                        process.communicate()


def _answers(ui: WebUI) -> bool:
    assert ui.process.poll() is None, ui.process.communicate()[0]
    try:
        return ui.get("/verdict").status_code in {200, 401}
    except requests.ConnectionError:
        return False
