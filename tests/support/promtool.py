"""Runs Prometheus's own tool, which checks pages, rules and configuration."""

from __future__ import annotations

import subprocess

import pytest
from patience import TIMEOUT_S

needs_promtool = pytest.mark.requires("promtool")


def promtool(*arguments: str, page: bytes = b"") -> str:
    """The output of promtool, empty where it finds no mistake; asserts that it ends with 0."""
    done = subprocess.run(
        ["promtool", *arguments], input=page, capture_output=True, check=False, timeout=TIMEOUT_S
    )
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said
