"""
Takes the picture of the verdict so far: a run of chat under way, in Locust's own page.

    python tests/support/live_picture.py FILE
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from web_ui import web_ui

from conf.loading import load_settings
from loadtest.embedded import embedded_stack

BROWSING = Path(__file__).with_name("browsing.py")
TAB = "[role=tab]:has-text('Verdict')"


def take(picture: Path, directory: Path) -> None:
    """Take the picture of a run after half of its time."""
    settings = load_settings(environ={})
    with (
        embedded_stack(settings, lambda *_: None, log_dir=directory / "logs", now=datetime.now(UTC)) as stack,
        web_ui(stack, directory) as ui,
    ):
        ui.start(journey="chat", profile="phase17", user_count=10, spawn_rate=10, run_time="40s")
        actions = [f"click {TAB}", "await #criteria", *["change .facts"] * 8]
        words = [word for action in actions for word in ("--do", action)]
        size = ["--width", "1120", "--height", "1000", "--screenshot", str(picture)]
        subprocess.run(
            [sys.executable, str(BROWSING), f"{ui.url}/", *words, *size],
            check=True,
            stdout=subprocess.DEVNULL,
        )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "logs").mkdir()
        take(Path(sys.argv[1]), Path(scratch))
