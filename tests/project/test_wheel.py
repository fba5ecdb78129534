"""The suite as it is installed: out of a wheel, in a directory with nothing of the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from patience import EASY_LIMITS, TIMEOUT_S, UNHURRIED

from conf.operations import Journey

ROOT = Path(__file__).parents[2]
ROOMS = ("conf", "seed", "monitoring", "reports", "swarm", "locustfiles", "portal", "loadtest")
NOT_INSTALLED = {"prometheus", "grafana"}
"""Folders of conf/ for those who run Prometheus and Grafana, from a checkout."""


def run(*words: str, directory: Path, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=directory, env=os.environ | environ, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    source = directory / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", *ROOMS):
        copy = shutil.copy2 if (ROOT / name).is_file() else shutil.copytree
        copy(ROOT / name, source / name)
    run(
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(directory),
        str(source),
        directory=directory,
    )
    (wheel,) = directory.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(directory / "site")
    return directory / "site"


def test_the_wheel_holds_every_file_of_every_room(installed: Path) -> None:
    wanted = {
        path.relative_to(ROOT)
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not NOT_INSTALLED & {*path.parts}
    }
    assert len(wanted) > 250
    assert {path for path in wanted if not (installed / path).is_file()} == set()


def test_an_installed_suite_makes_a_run_in_an_empty_directory(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "easy.toml").write_text(EASY_LIMITS + UNHURRIED)
    code = "import locustfiles, swarm; print(locustfiles.__file__, swarm.__file__)"
    places = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True, text=True, check=True, timeout=TIMEOUT_S,
    ).stdout  # fmt: skip
    assert places.count(str(installed)) == 2
    run(
        "loadtest",
        "run",
        "all",
        "--embedded",
        "--profile",
        "smoke",
        "--config",
        "easy.toml",
        directory=tmp_path,
        PYTHONPATH=str(installed),
    )
    made = sorted(tmp_path.glob("runs/*/verdict.json"))
    assert [json.loads(path.read_text())["state"] in {"PASS", "WARN"} for path in made] == [True] * len(
        Journey
    )
