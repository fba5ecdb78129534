"""Embedded stacks with settings of a test's own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import warm_python
from patience import EASY_LIMITS, UNHURRIED

from conf.loading import load_settings
from loadtest.embedded import embedded_stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loadtest.embedded import Stack

_EASY = f"{EASY_LIMITS}\n{UNHURRIED}"
QUICK = f"{_EASY}[portal.model]\nmedian_s = 0.1\nminimum_s = 0.05\nmaximum_s = 0.3\n"
STEADY = f"{_EASY}[portal.model]\nmedian_s = 0.4\nminimum_s = 0.3\nmaximum_s = 0.5\n"
"""A quarter of the requests, for tests about time rather than load."""


def stack_with(directory: Path, settings_text: str) -> Iterator[Stack]:
    config = directory / "settings.toml"
    config.write_text(settings_text)
    settings = load_settings(config_files=[config], environ={})
    now = datetime.now(UTC)
    with embedded_stack(
        settings, lambda *_: None, log_dir=directory, now=now, start=warm_python.start
    ) as stack:
        stack.environ["LOADTEST_CONFIG"] = str(config)
        yield stack


def take_time(stack: Stack, directory: Path) -> None:
    """Runs against *stack* are judged by limits that a busy machine keeps."""
    config = directory / "take_time.toml"
    config.write_text(_EASY)
    stack.environ["LOADTEST_CONFIG"] = str(config)
