"""A portal that streams, and each fault of its streams: what a run says of it, and that it says nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import locust_process
import pytest
from locust_process import LOCUSTFILES
from patience import UNHURRIED
from portal_in_process import portal_in_process
from portal_process import SECRET

from conf.operations import Operation
from loadtest.embedded import Stack
from reports.state import State
from seed.fixture import write_fixture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from locust_process import Finished
    from portal_in_process import PortalInProcess
    from portal_process import Estate

    from reports.rows import OperationRow

pytest_plugins = ["portal_estate"]

QUESTIONS = 80
TEXTS = 12
SETTINGS = f"""{UNHURRIED}
[target]
contract = "phase17-stream"
[run]
minimum_requests = 10
[streams]
first_content_s = 6.0
idle_s = 6.0
[stream_thresholds.chat]
first_content_p95_ms = {{ pass_below = 4500 }}
done_p95_ms = {{ pass_below = 5500 }}
"""
PROFILE = f"""description = "for tests"
[chat]
users = 10
iterations = {QUESTIONS // 20}
questions_in_flight = 2
"""


@pytest.fixture(scope="module")
def portal(estate: Estate) -> Iterator[PortalInProcess]:
    pace = {"portal.stream.tokens": TEXTS, "portal.stream.sigma": 0.0, "portal.stream.token_gap_s": 0.05}
    with portal_in_process(estate.url, "phase17-stream", **pace) as portal:
        yield portal


def ask(portal: PortalInProcess, estate: Estate, directory: Path, profile: str = PROFILE) -> Finished:
    """The questions of all users to *portal*, by a Locust of its own."""
    for name, text in (("settings.toml", SETTINGS), ("own.toml", profile)):
        (directory / name).write_text(text)
    write_fixture(directory / "houses.jsonl", estate.houses)
    address = f"http://{portal.address[0]}:{portal.address[1]}"
    environ = {
        "SESSION_SECRET": SECRET,
        "LOADTEST_TARGET": address,
        "LOADTEST_FIXTURE": str(directory / "houses.jsonl"),
        "LOADTEST_PROFILE": str(directory / "own.toml"),
        "LOADTEST_CONFIG": str(directory / "settings.toml"),
        "LOADTEST_LOG_DIR": str(directory / "logs"),
    }
    stack = Stack(environ, address, estate.url, os.getpid())
    return locust_process.run(stack, directory / "runs", "-f", str(LOCUSTFILES / "chat.py"))


def chat(run: Finished) -> OperationRow:
    (row,) = (row for row in run.verdict.operations if row.operation is Operation.CHAT)
    return row


def not_passing(run: Finished) -> set[str]:
    """Metrics of chat answers whose criterion does not pass."""
    return {
        finding.metric
        for finding in run.verdict.findings
        if finding.subject == "chat" and finding.state is not State.PASS
    }


def ended(run: Finished) -> dict[str, int]:
    """How failed answers ended."""
    return {str(group.outcome): group.count for group in run.verdict.failures}


def test_a_healthy_stream_passes_and_each_answer_is_followed_to_its_end(
    portal: PortalInProcess, estate: Estate, tmp_path: Path
) -> None:
    run = ask(portal, estate, tmp_path)
    assert (run.code, not_passing(run), run.verdict.advice) == (0, set(), ()), run.output
    assert chat(run).requests == chat(run).successes == run.served["chat"] == QUESTIONS
    (row,) = run.verdict.streams
    assert {one.moment.value: one.answers for one in row.moments} == dict.fromkeys(
        ["headers", "first_event", "first_source", "first_content", "last_content", "done", "largest_gap"],
        QUESTIONS,
    )
    assert (row.answers, row.read, row.fake, row.contents) == (QUESTIONS, QUESTIONS, 0, TEXTS)
    slow = run.verdict.manifest.slowest  # type: ignore[union-attr]  # of a run of the suite
    assert {len(answer.texts) for answer in slow} == {TEXTS}


BROKEN = {"success_ratio", "broken_stream_ratio"}
FAULTS: dict[str, tuple[dict[str, Any], set[str], set[str], set[str]]] = {
    "truncated": ({"truncated_ratio": 0.3}, {"truncated"}, BROKEN, {"stream_truncated"}),
    "reset": ({"reset_ratio": 0.3}, {"truncated"}, BROKEN, {"stream_truncated"}),
    "error frame": ({"error_frame_ratio": 0.3}, {"stream_error"}, BROKEN, {"stream_error"}),
    "model fails within": ({"model_error_within_ratio": 0.3}, {"stream_error"}, BROKEN, {"stream_error"}),
    "no text": ({"no_text_ratio": 0.3}, {"no_content"}, {"success_ratio"}, {"stream_without_text"}),
    "stall": ({"stall_ratio": 0.3, "stall_s": 1.5}, set(), {"largest_gap_p95_ms"}, {"text_halts"}),
    "idle": (
        {"stall_ratio": 0.3, "stall_s": 60},
        {"idle"},
        {"success_ratio", "largest_gap_p95_ms", "done_p95_ms", "keeps_reading_ratio"},
        {"stream_idle", "text_halts"},
    ),
    "all at once": ({"fake_stream_ratio": 0.3}, set(), {"fake_stream_ratio"}, {"text_at_once"}),
    "heartbeats alone": (
        {"heartbeats_only_ratio": 0.3},
        {"timeout"},
        {"success_ratio", "first_content_p95_ms", "done_p95_ms", "keeps_reading_ratio"},
        {"timed_out", "first_text_late", "text_halts"},
    ),
    "slow drip": ({"slow_drip_ratio": 0.3, "slow_drip_s": 0.6}, set(), {"done_p95_ms"}, {"text_halts"}),
    "model refuses": ({"model_refused_ratio": 0.3}, {"status"}, {"success_ratio"}, {"rate_limited"}),
    "model fails": ({"model_error_ratio": 0.3}, {"status"}, {"success_ratio"}, {"server_error"}),
    "another tenant's": (
        {"default_tenant_ratio": 0.3},
        {"isolation"},
        {"success_ratio", "isolation_failures"},
        {"isolation"},
    ),
}
"""Faults, and what a run says of them: how answers ended, metrics that do not pass, advice."""


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_as_itself_and_as_nothing_else(
    portal: PortalInProcess, estate: Estate, tmp_path: Path, fault: str
) -> None:
    faults, outcomes, metrics, advice = FAULTS[fault]
    with portal.faults(**faults):
        run = ask(portal, estate, tmp_path)
    assert set(ended(run)) == outcomes, run.output
    assert not_passing(run) == metrics, run.output
    assert {one.code for one in run.verdict.advice} - {
        "errors_tracked",
        "retrieval_slow",
    } == advice  # on a busy machine
    assert chat(run).requests == QUESTIONS
    assert run.verdict.problems == ()


def test_homeowners_who_close_the_page_are_counted_apart_and_the_portal_says_that_they_left(
    portal: PortalInProcess, estate: Estate, tmp_path: Path
) -> None:
    before = portal.figures("portal_streams_total")
    with portal.faults(heartbeats_only_ratio=1.0):
        run = ask(portal, estate, tmp_path, f"{PROFILE}abandon_ratio = 1.0\nabandon_within_s = 0.5\n")
    assert chat(run).abandoned == QUESTIONS
    assert (chat(run).attempts, ended(run)) == (0, {})
    after = portal.figures("portal_streams_total")
    left = after["client_left"] - before.get("client_left", 0)
    assert QUESTIONS / 2 < left <= QUESTIONS  # the others had left before the stream began
    assert run.code == 3


def test_as_many_pages_are_closed_as_the_profile_says_and_no_figure_improves_by_them(
    portal: PortalInProcess, estate: Estate, tmp_path: Path
) -> None:
    leaving = f"{PROFILE}abandon_ratio = 0.5\nabandon_within_s = 0.2\n"
    with portal.faults(no_text_ratio=0.3):
        run = ask(portal, estate, tmp_path, leaving)
    row = chat(run)
    assert row.abandoned == pytest.approx(QUESTIONS / 2, abs=16)  # of 80, four standard deviations
    assert row.abandoned + row.attempts == QUESTIONS
    assert row.failures == pytest.approx(0.3 * row.attempts, abs=12)
