"""A run begins in a directory of its own, and one that cannot begin takes nothing away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import locust_process
import pytest
from locust_process import LOCUSTFILES
from profiled_run import Plan, site_for

from conf.operations import Journey
from conf.run_directory import RUN_DIR_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

A_RUN = "Set LOADTEST_RUN_DIR to a directory that does not exist yet"
CASES = {
    "a run": (("measurements.hlog", "memory.csv", "health.csv", "manifest.json"), (), A_RUN),
    "a run that was never finished": (("health.csv",), (), A_RUN),
    "Locust's own CSV": (("locust_stats.csv",), (), A_RUN),
    "a link that leads nowhere": ((), ("memory.csv",), "cannot be written: File exists"),
}


@pytest.mark.parametrize(("files", "links", "words"), CASES.values(), ids=CASES)
def test_a_directory_in_which_no_run_can_begin_stays_as_it_was(
    tmp_path: Path, files: tuple[str, ...], links: tuple[str, ...], words: str
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    for name in ("locust.log", *files):
        (there / name).write_text(f"{name} of another")
    for name in links:
        (there / name).symlink_to("nowhere")
    arguments = ["-f", str(LOCUSTFILES / "chat.py"), "--headless", "--only-summary"]
    with site_for(Plan(Journey.CHAT, "users = 1\niterations = 1"), tmp_path / "site") as site:
        process = locust_process.start(site.stack, site.runs, arguments, **{RUN_DIR_VARIABLE: str(there)})
        output, _ = process.communicate(timeout=locust_process.TIMEOUT_S)
    assert process.returncode == 2
    assert words in output
    assert {path.name for path in there.iterdir()} == {"locust.log", *files, *links}
    assert all((there / name).read_text() == f"{name} of another" for name in ("locust.log", *files))
