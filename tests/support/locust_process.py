"""Runs Locust as its users do, against a stack of the tests' own, and reads the files it leaves."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import warm_python
from patience import TIMEOUT_S, await_true
from prometheus_client.parser import text_string_to_metric_families

from reports.verdict import judge_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadtest.embedded import Stack
    from reports.record import Verdict

LOCUSTFILES = Path(__file__).parents[2] / "locustfiles"
ROUTES = {
    "chat": "/api/chat",
    "onboarding_page": "/onboarding/{qr_token}",
    "onboarding_resolve": "/api/qr/resolve",
    "documents_list": "/api/documents",
    "documents_open": "/api/documents/{document_id}",
}


def served(base_url: str) -> dict[str, int]:
    """Operation → number of requests that the portal has served."""
    with urlopen(f"{base_url}/metrics", timeout=TIMEOUT_S) as page:  # noqa: S310 - loopback
        families = text_string_to_metric_families(page.read().decode())
    counts = dict.fromkeys(ROUTES, 0)
    for family in families:
        for sample in family.samples:
            for operation, route in ROUTES.items():
                if sample.name == "portal_requests_total" and sample.labels["route"] == route:
                    counts[operation] += int(sample.value)
    return counts


@dataclass(frozen=True)
class Finished:
    """An ended Locust process, and the run that it made."""

    code: int
    output: str
    run_dir: Path
    served: dict[str, int]
    """Operation → number of requests that the portal served while the process ran."""

    @property
    def verdict(self) -> Verdict:
        return judge_run(self.run_dir)

    @property
    def manifest(self) -> Any:
        return json.loads((self.run_dir / "manifest.json").read_text())

    @property
    def counted(self) -> dict[str, int]:
        """Operation → number of requests in the report, for operations that the portal serves."""
        rows = {row.name: row.requests for row in self.verdict.operations}
        return {operation: rows.get(operation, 0) for operation in ROUTES}


def start(stack: Stack, output_dir: Path, arguments: Sequence[str], **environ: str) -> subprocess.Popen[str]:
    """
    Start Locust in a session of its own, so that a signal can go to all its processes.

    Master and workers use a port of their own: workers of another test may look for a master at Locust's default port.
    """
    port = str(free_port())
    meeting = {"LOCUST_MASTER_BIND_PORT": port, "LOCUST_MASTER_NODE_PORT": port}
    return warm_python.start(
        ["locust", *arguments],
        env={**os.environ, **stack.environ, **meeting, "LOADTEST_OUTPUT_DIR": str(output_dir), **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run(
    stack: Stack,
    output_dir: Path,
    *arguments: str,
    interrupt: tuple[int, int] | None = None,
    environ: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Finished:
    """
    Run a locustfile headless, to its end or until *interrupt*: (signal, number), where all processes get the signal
    once the portal has served that number of requests.
    """
    before = served(stack.base_url)
    process = start(stack, output_dir, ["--headless", "--only-summary", *arguments], **(environ or {}))
    try:
        if interrupt is not None:
            await_served(stack, sum(before.values()) + interrupt[1])
            os.killpg(process.pid, interrupt[0])
        output, _ = process.communicate(timeout=timeout_s)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return finished(stack, output_dir, process.returncode, output, before)


def finished(stack: Stack, output_dir: Path, code: int, output: str, before: dict[str, int]) -> Finished:
    """Collect the results of a Locust process."""
    made = list(output_dir.iterdir())
    assert len(made) == 1, output
    (run_dir,) = made
    after = served(stack.base_url)
    return Finished(
        code, output, run_dir, {operation: after[operation] - before[operation] for operation in ROUTES}
    )


def await_served(stack: Stack, requests: int) -> None:
    """Wait until the portal has served *requests* in its life."""
    await_true(
        lambda: sum(served(stack.base_url).values()) >= requests,
        otherwise=lambda: f"the portal has not served {requests} requests",
    )


def await_quiet(stack: Stack, longest_answer_s: float) -> None:
    """Wait until the portal has answered requests of killed users, which would count for the next run."""
    before = None
    while before != (now := served(stack.base_url)):
        before = now
        time.sleep(longest_answer_s)


def await_file(directory: Path, pattern: str) -> Path:
    """Wait until a file is there."""
    await_true(lambda: any(directory.glob(pattern)), otherwise=lambda: f"no {pattern} in {directory}")
    return next(directory.glob(pattern))


def free_port() -> int:
    """A free port of the loopback."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
