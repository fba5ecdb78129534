"""Start in the web UI, where something makes it wait or refuses it: it answers, and later ones are free to begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hostile_server import dripping, silent
from patience import TIMEOUT_S
from web_ui import web_ui

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.embedded import Stack

SETTINGS = "\n[database]\nconnect_timeout_s = 1.0\n"
CHAT = {"journey": "chat", "profile": "smoke", "user_count": "2", "spawn_rate": "100"}


@pytest.mark.parametrize("hostile", [silent, lambda: dripping(b"S")], ids=["silent", "drips"])
def test_start_answers_though_the_database_does_not_and_another_journey_can_be_started(
    stack: Stack, tmp_path: Path, hostile: Any
) -> None:
    with (
        hostile() as server,
        web_ui(stack, tmp_path, settings=SETTINGS, DATABASE_URL=server.database_url) as ui,
    ):
        answer = ui.swarm(**{**CHAT, "journey": "rag"})
        assert not answer["success"]
        assert "DATABASE_URL: the database cannot be reached" in answer["message"]
        assert ui.run(**CHAT).manifest["journeys"] == ["chat"]
    assert "Traceback" not in ui.output


def test_what_begins_no_run_blocks_no_start(stack: Stack, tmp_path: Path) -> None:
    with web_ui(stack, tmp_path) as ui:
        assert ui.http.options(f"{ui.url}/swarm", timeout=TIMEOUT_S).ok
        for run_time in ("99999999999h", "9" * 400, "9999999h"):
            answer = ui.swarm(**CHAT, run_time=run_time)
            assert not answer["success"]
            assert "run" in answer["message"]
        assert not ui.swarm(**{**CHAT, "spawn_rate": "1e-300"})["success"]
        assert ui.run(**CHAT).manifest["journeys"] == ["chat"]
    assert "Traceback" not in ui.output
