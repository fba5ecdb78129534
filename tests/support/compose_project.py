"""Runs docker-compose.yml in a fresh checkout, on machines with an engine and all images."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from container_images import STAND_INS, has_image
from locust_process import ROUTES, free_port
from needs import compose_command, lack, says
from patience import TIMEOUT_S
from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[2]
BUILDING_S = 3 * TIMEOUT_S
DEFAULTS = {
    "PYTHON_IMAGE": "python:3.11-slim-bookworm",
    "DATABASE_IMAGE": "pgvector/pgvector:0.8.6-pg17",
    "PROMETHEUS_IMAGE": "prom/prometheus:v3.5.0",
}
"""Default images of the compose files; a test compares these with the files."""
COMMIT = "0a1b2c3"
"""Commit that is passed to the image's build, since the checkout is not a repository."""
_PAGE = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:5000/metrics').read().decode())"


def find_images() -> dict[str, str]:
    """Variable → image: the real one or its stand-in. The test is skipped where an image has neither."""
    found = {}
    for variable, default in DEFAULTS.items():
        known = [os.environ.get(variable) or default, STAND_INS[variable]]
        here = next((name for name in known if has_image(name)), None)
        if here is None and says("docker", "pull", "--quiet", known[0]) is None:
            lack("images", known[0])
        found[variable] = here or known[0]
    return found


@dataclass
class Project:
    """A compose project of one test."""

    directory: Path
    """Directory of the checkout."""
    command: Sequence[str]
    environ: dict[str, str] = field(repr=False)
    name: str = field(default_factory=lambda: f"openhouse-test-{secrets.token_hex(4)}")

    def compose(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run compose to its end; the output includes stderr."""
        return subprocess.run(
            [*self.command, "--project-name", self.name, *words],
            cwd=self.directory,
            env=self.environ | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=BUILDING_S,
        )

    def containers(self, service: str) -> list[Any]:
        """The engine's data about the containers of a service, ended ones included."""
        labels = {"project": self.name, "service": service}
        filters = [f"--filter=label=com.docker.compose.{key}={value}" for key, value in labels.items()]
        found = (says("docker", "ps", "--all", "--quiet", *filters) or "").split()
        return json.loads(says("docker", "inspect", *found) or "[]") if found else []

    def running(self, service: str) -> list[Any]:
        return [found for found in self.containers(service) if found["State"]["Running"]]

    def runs(self) -> set[Path]:
        return set((self.directory / "runs").iterdir())

    def served(self) -> dict[str, int]:
        """Operation → requests that the portal has served."""
        page = self.compose("exec", "-T", "portal", "python3", "-c", _PAGE).stdout
        counts = dict.fromkeys(ROUTES, 0)
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                for operation, route in ROUTES.items():
                    if sample.name == "portal_requests_total" and sample.labels["route"] == route:
                        counts[operation] += int(sample.value)
        return counts


def check_out(directory: Path) -> Path:
    """Copy the files that git tracks or would add, so no virtual environment, no runs and no .env."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, listed):
        target = directory / name
        if (ROOT / name).is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
            target.chmod(0o644)  # a builder's cache compares content and mode
    return directory


def own_environment() -> dict[str, str]:
    """The environment without variables that the user has set for other runs."""
    strangers = ("LOADTEST_", "LOCUST_", "COMPOSE_", "SESSION_SECRET", "DATABASE_URL")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(strangers)}
    ports = ("LOADTEST_WEB_PORT", "PROMETHEUS_PORT", "GRAFANA_PORT")
    return environ | {port: str(free_port()) for port in ports}


@contextmanager
def compose_project(directory: Path) -> Iterator[Project]:
    """Yield a fresh checkout with built images and a ``.env``. At the end all of it but the images is removed."""
    images = find_images()
    check_out(directory)
    subprocess.run(["make", "secrets"], cwd=directory, check=True, timeout=BUILDING_S, env=own_environment())
    project = Project(directory, compose_command(), own_environment() | images | {"LOADTEST_COMMIT": COMMIT})
    try:
        built = project.compose("build")
        assert built.returncode == 0, built.stdout[-5000:]
        yield project
    finally:
        profiles = ["--profile", "ci", "--profile", "monitoring"]
        project.compose(*profiles, "down", "--volumes", "--remove-orphans", "--timeout", "5")
