"""Locust with its web UI, as an engineer starts it, and what its form, tabs and pages answer."""

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
    """All that it said; there once it has ended."""

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.http.get(f"{self.url}{path}", timeout=TIMEOUT_S, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.http.post(f"{self.url}{path}", timeout=TIMEOUT_S, **options)

    def swarm(self, **form: Any) -> Any:
        """What the form answers when it is sent."""
        return self.post("/swarm", data=form).json()

    def start(self, **form: Any) -> Path:
        """Start a run; its directory."""
        before = set(self.runs.iterdir())
        answer = self.swarm(**form)
        assert answer["success"], answer
        await_true(lambda: bool(set(self.runs.iterdir()) - before))
        (directory,) = set(self.runs.iterdir()) - before
        return directory

    def run(self, **form: Any) -> Ended:
        """Start a run, and wait until it has ended and Locust knows it."""
        return self.await_end(self.start(**form))

    def await_end(self, directory: Path) -> Ended:
        await_true(lambda: "/report" in self.get("/verdict/now").text)
        return Ended(directory)

    def stop(self) -> None:
        assert self.post("/stop").json()["success"]

    def end(self) -> str:
        """Ctrl-C, and all that was said."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        self.output += self.process.communicate(timeout=TIMEOUT_S)[0]
        return self.output


@dataclass
class Ended:
    """A run that was started in the web UI and is over."""

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
    """Settings for tests of anything but saturation, and of runs with few requests."""
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
    A web UI of the test's own, until the end of the block; *arguments* are Locust's, and *authority* made the certificate
    that is among them.
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
