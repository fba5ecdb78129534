"""
Needs of tests that not every machine meets: a browser, Prometheus, a Docker engine.

A test names a need with ``@pytest.mark.requires("chromium")``, and is skipped where it is missing. A fixture that learns
of a need only at run time calls `lack`. The last lines of a test run name what to install. With ``--skip-nothing``
(`make test-all`), a test that would be skipped fails instead.
"""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import pytest
from browsing import find_chromium
from patience import TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

_TO_RUN_IT = "to run it: "


class Need(NamedTuple):
    """Something that a machine may lack."""

    to_have_it: str
    is_there: Callable[[], bool]


def says(*command: str) -> str | None:
    """The output of a command; None where it is missing, fails, or takes too long."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


@cache
def compose_command() -> tuple[str, ...]:
    """Words of Compose 2 or 1; empty where there is neither. Debian's ``docker`` comes without Compose."""
    if says("docker", "compose", "version") is not None:
        return ("docker", "compose")
    return ("docker-compose",) if says("docker-compose", "version") is not None else ()


@cache
def has_engine() -> bool:
    """Whether a Docker engine answers."""
    return says("docker", "info") is not None


@cache
def may_mount() -> bool:
    """Whether a process may mount a file system of its own, as root or in a user namespace."""
    return says(*OWN_MOUNTS, "mount", "-t", "tmpfs", "none", "/mnt") is not None


@cache
def find_faketime() -> Path | None:
    """The library that shows a process another wall clock."""
    return next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)


OWN_MOUNTS = ("unshare", "--map-root-user", "--mount")
"""Words before a command that give it mounts of its own, which are gone when it ends."""

NEEDS = {
    "chromium": Need("apt-get install chromium", lambda: find_chromium() is not None),
    "prometheus": Need("apt-get install prometheus", lambda: shutil.which("prometheus") is not None),
    "promtool": Need("apt-get install prometheus", lambda: shutil.which("promtool") is not None),
    "compose": Need("apt-get install docker-compose", lambda: bool(compose_command())),
    "engine": Need("a running Docker engine with Compose", lambda: has_engine() and bool(compose_command())),
    "images": Need("a registry, or `python tests/support/container_images.py`", lambda: True),
    "faketime": Need("apt-get install faketime", lambda: find_faketime() is not None),
    "mounts": Need("root, or user namespaces", may_mount),
    "open files": Need("a hard limit of 2,000 open files (ulimit -Hn)", lambda: True),
}


def lack(need: str, what: str = "") -> NoReturn:
    """Skip the calling test, since *need* is missing. Use this for needs that only a set-up can check, else the marker."""
    pytest.skip(f"{what or need} is missing; {_TO_RUN_IT}{NEEDS[need].to_have_it}")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--skip-nothing", action="store_true", help="a test that would be skipped fails instead")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "requires(*needs): what the test needs; the names are in tests/support/needs.py"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("requires"):
        for need in marker.args:
            if not NEEDS[need].is_there():
                lack(need)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    return _strict(item.config, (yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    return _strict(collector.config, (yield))


def _strict(config: pytest.Config, report: Any) -> Any:
    """The report; with ``--skip-nothing``, a skip becomes a failure with the same reason."""
    if report.skipped and config.getoption("skip_nothing") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{report.longrepr[2]}"
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if line := summary(terminalreporter.stats.get("skipped", [])):
        terminalreporter.section("skipped")
        terminalreporter.write_line(line)


def summary(skipped: Sequence[pytest.TestReport]) -> str:
    """One line: how many tests did not run, and what to install; empty where all ran."""
    reasons = [str(report.longrepr[2]) for report in skipped if isinstance(report.longrepr, tuple)]
    lacking = Counter(reason.partition(_TO_RUN_IT)[2] or reason for reason in reasons)
    if not lacking:
        return ""
    named = ", ".join(f"{to_have_it} ({count})" for to_have_it, count in lacking.most_common())
    return f"Skipped: {sum(lacking.values())} tests. To run them: {named}"
