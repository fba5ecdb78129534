"""Prometheus's own tool, where it is installed: it checks pages, rules and configuration."""

from __future__ import annotations

import shutil
import subprocess

import pytest

PROMTOOL = shutil.which("promtool")

needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed (Debian: apt-get install prometheus)"
)


def promtool(*arguments: str, page: bytes = b"") -> str:
    """What promtool says, empty where it finds nothing; the test fails where it does not end with 0."""
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, *arguments], input=page, capture_output=True, check=False, timeout=60)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said
