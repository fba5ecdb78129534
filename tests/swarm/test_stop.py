"""Locust's greenlets may stop one user twice; the second time is no fault."""

from __future__ import annotations

import subprocess
import sys

from patience import TIMEOUT_S

TWICE = """
from locust import User
from swarm.users.journey_user import JourneyUser

user = JourneyUser.__new__(JourneyUser)
user._stopping, user._state = False, "running"
print(user.stop(), user.stop(), user._state)
"""


def test_a_user_that_is_stopped_twice_finishes_its_flow_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TWICE], capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "False False stopping\n", "")
