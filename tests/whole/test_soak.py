"""A bounded soak: a run that outlives its JWTs, whose processes and files stay small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import locust_process
import pytest
from locust_process import LOCUSTFILES
from quick_stack import QUICK, stack_with

from reports.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locust_process import Finished

    from loadtest.embedded import Stack

LIFETIME_S = 60
"""Of a JWT; it is renewed when a quarter of it is left."""
RUN_TIME_S = 80
HOUSES = 20
MOST_GROWTH_MB = 15
MOST_RUN_MB = 2
SOAK = f"""
{QUICK}
[seed]
jwt_lifetime_s = {LIFETIME_S}
"""
PROFILE = f"""
description = "minutes in the place of hours"
[chat]
users = {HOUSES}
spawn_rate = 20
run_time_s = {RUN_TIME_S}
think_time_s = [0.5, 1.5]
[rag]
run_time_s = {RUN_TIME_S}
[onboarding]
run_time_s = {RUN_TIME_S}
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    yield from stack_with(tmp_path_factory.mktemp("soak"), SOAK)


@pytest.fixture(scope="module")
def soak(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    directory = tmp_path_factory.mktemp("soak")
    profile = directory / "soak.toml"
    profile.write_text(PROFILE)
    runs = directory / "runs"
    runs.mkdir()
    chat = str(LOCUSTFILES / "chat.py")
    return locust_process.run(
        stack, runs, "-f", chat, "--processes", "2", environ={"LOADTEST_PROFILE": str(profile)}, timeout_s=180
    )


def test_jwts_are_renewed_and_no_request_ever_carries_an_expired_one(soak: Finished) -> None:
    assert soak.verdict.failures == (), soak.output
    assert soak.verdict.problems == ()
    assert soak.verdict.state in {State.PASS, State.WARN}
    assert soak.counted == soak.served
    # Those of the seed have so little left when the run begins that they are renewed at once; then once in the run.
    assert soak.manifest["tokens_renewed"] in range(HOUSES, 3 * HOUSES)
    assert any("JWTs were signed anew" in note for note in soak.verdict.notes)


def test_memory_of_master_and_workers_stays_flat_and_the_report_states_the_slope(soak: Finished) -> None:
    rows = {row.process: row for row in soak.verdict.memory}
    assert len(rows.keys() - {"portal"}) == 3
    for row in rows.values():
        assert row.slope is not None
        settled_mb = row.series_mb[len(row.series_mb) // 2]
        assert row.last_mb - settled_mb < MOST_GROWTH_MB, row


def test_the_files_of_the_run_stay_small(soak: Finished) -> None:
    assert sum(path.stat().st_size for path in soak.run_dir.iterdir()) < MOST_RUN_MB * 10**6
