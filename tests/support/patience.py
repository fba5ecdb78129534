"""Tests wait for states, not for seconds. One generous limit keeps them from hanging, even on a busy machine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT_S = 300.0
_LOOK_AGAIN_S = 0.05

UNHURRIED = "[generator]\nlag_p95_ms = 1e6\ncpu_ratio = 100\n"
"""Settings for all tests but those of saturation, so that a busy machine does not matter."""

EASY_LIMITS = "[thresholds]\n" + "".join(
    f"{subject} = {{ p50_ms = {{ pass_below = 1e5 }}, "
    "p95_ms = { pass_below = 1e5, fail_above = 2e5 }, p99_ms = { pass_below = 2e5 } }\n"
    for subject in ("chat", "onboarding_flow", "rag_search", "documents_flow")
)
"""Settings for tests of a whole run, so that the speed of the machine does not matter."""


def await_true(
    condition: Callable[[], object],
    within_s: float = TIMEOUT_S,
    otherwise: Callable[[], object] = lambda: "it never became so",
) -> None:
    """Wait until *condition* holds; *otherwise* is the message where it never does."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, otherwise()
        time.sleep(_LOOK_AGAIN_S)
