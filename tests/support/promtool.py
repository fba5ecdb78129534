"""Prometheus's own tool, where it is installed: it checks pages, rules and configuration."""

from __future__ import annotations

import subprocess

import pytest
from patience import TIMEOUT_S

needs_promtool = pytest.mark.requires("promtool")


def promtool(*arguments: str, page: bytes = b"") -> str:
    """What promtool says, empty where it finds nothing; the test fails where it does not end with 0."""
    done = subprocess.run(
        ["promtool", *arguments], input=page, capture_output=True, check=False, timeout=TIMEOUT_S
    )
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said
