"""Whole runs against portals that misbehave: each is diagnosed by what it did, and a well-behaved one is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from locust_process import LOCUSTFILES, run
from quick_stack import stack_with

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from locust_process import Finished

    from loadtest.embedded import Stack
    from reports.record import Advice

CHAT, ONBOARDING, RAG = (str(LOCUSTFILES / name) for name in ("chat.py", "onboarding.py", "rag.py"))


PATIENT = "thresholds.rag_search.p95_ms = { pass_below = 2000, fail_above = 5000 }"
"""On a busy machine retrieval may take a while; what is slow here is slow by seconds."""


def advice_of(finished: Finished) -> dict[str, Advice]:
    return {advice.code: advice for advice in finished.verdict.advice}


def settings(**portal: Any) -> str:
    """TOML of the portal's keys on top of those of a quick model; ``__`` stands for the dot."""
    model = {f"model__{bound}_s": 0.1 for bound in ("median", "minimum", "maximum")}
    keys = model | portal
    lines = [f"portal.{key.replace('__', '.')} = {str(value).lower()}" for key, value in keys.items()]
    return "\n".join([*lines, "generator.lag_p95_ms = 1e6", "generator.cpu_ratio = 100", PATIENT])


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    directory = tmp_path / "runs"
    directory.mkdir()
    return directory


@pytest.fixture
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    yield from stack_with(tmp_path, settings(**request.param))


def behaving(**portal: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("stack", [portal], indirect=True, ids=[""])


@behaving()
def test_a_well_behaved_portal_is_given_no_advice_and_everything_was_looked_at(
    stack: Stack, runs: Path
) -> None:
    finished = run(stack, runs, "-f", CHAT, "-u", "10", "-t", "7s")
    assert advice_of(finished) == {}, finished.output
    manifest = finished.verdict.manifest
    assert manifest is not None
    assert manifest.pool is not None
    assert (manifest.pool.unavailable, manifest.pool.connections) == (0, 20)
    assert manifest.pool.exhausted <= 1  # on a busy machine, while the pool opens its connections
    assert manifest.vector_index is not None
    assert manifest.vector_index.name == "doc_chunks_embedding"
    assert manifest.rate_limited == ()
    assert [step.label for step in finished.verdict.server_steps[:4]] == [
        "Authentication", "Chunk retrieval", "Model", "Insert",
    ]  # fmt: skip
    (chat,) = (row for row in finished.verdict.operations if row.name == "chat")
    assert all(step.requests == chat.successes for step in finished.verdict.server_steps)
    traces = {answer.trace_id for answer in manifest.slowest}
    assert len(traces) == 5


@behaving(rate_limits__enabled=True)
def test_a_rate_limit_is_named_with_what_was_let_through_and_how_long_it_lasts(
    stack: Stack, runs: Path
) -> None:
    finished = run(stack, runs, "-f", CHAT, "-u", "20", "-t", "4s")
    manifest = finished.verdict.manifest
    assert manifest is not None
    (limited,) = manifest.rate_limited
    (chat,) = (row for row in finished.verdict.operations if row.name == "chat")
    assert (chat.successes, limited.refused) == (60, finished.served["chat"] - 60)
    assert 50 <= limited.longest_wait_s <= 60
    evidence = advice_of(finished)["rate_limited"].evidence
    assert " refused since " in evidence
    stated = " UTC, 60 answered; the contract's limit: 60 a minute per tenant; the portal asks to wait up to "
    assert stated in evidence


@behaving(pool_size=1, faults__database_stall_s=0.15)
def test_an_exhausted_pool_is_seen_from_outside(stack: Stack, runs: Path) -> None:
    finished = run(stack, runs, "-f", CHAT, "-u", "10", "-t", "12s")
    manifest = finished.verdict.manifest
    assert manifest is not None
    assert manifest.pool is not None
    assert manifest.pool.exhausted >= 1
    assert manifest.pool.most_waiting >= 5
    assert "of 1 was idle" in advice_of(finished)["pool_exhausted"].evidence


@behaving(faults__model_error_ratio=0.3)
def test_errors_that_the_portal_wrote_down_are_in_the_report(stack: Stack, runs: Path) -> None:
    finished = run(stack, runs, "-f", CHAT, "-u", "10", "-t", "4s")
    (group,) = finished.verdict.tracked
    failed = sum(row.failures for row in finished.verdict.operations)
    assert (group.kind, group.route, group.step, group.count) == ("llm", "/api/chat", "llm", failed)
    assert failed > 0
    assert f"{failed} of llm on /api/chat, in llm" in advice_of(finished)["errors_tracked"].evidence
    assert "What the portal wrote down" in (finished.run_dir / "report.html").read_text()


@behaving(model__median_s=3.5, model__minimum_s=3.5, model__maximum_s=3.5)
def test_a_slow_model_is_told_from_a_slow_retrieval(stack: Stack, runs: Path) -> None:
    finished = run(stack, runs, "-f", CHAT, "-u", "8", "-t", "6s")
    given = advice_of(finished)
    assert given["model_slow"].evidence.startswith("Model: ")
    assert not {"retrieval_slow", "waiting_slow", "chat_slow"} & set(given)


@behaving(faults__database_stall_s=0.9)
def test_a_slow_database_is_a_slow_retrieval(stack: Stack, runs: Path) -> None:
    finished = run(stack, runs, "-f", CHAT, "-u", "20")
    given = advice_of(finished)
    assert given["retrieval_slow"].evidence.startswith("Chunk retrieval: ")
    assert not {"model_slow", "waiting_slow", "chat_slow"} & set(given)


@behaving()
def test_an_index_that_somebody_dropped_is_missed(stack: Stack, runs: Path) -> None:
    connection = psycopg2.connect(stack.database_url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("DROP INDEX doc_chunks_embedding")
    finally:
        connection.close()
    finished = run(stack, runs, "-f", RAG, "-u", "2", "-t", "3s")
    assert "no ivfflat or hnsw index on embedding" in advice_of(finished)["index_missing"].evidence


@behaving()
def test_houses_that_were_onboarded_before_are_told(stack: Stack, runs: Path) -> None:
    first = run(stack, runs / "first", "-f", ONBOARDING)
    assert "token_used" not in advice_of(first)
    second = run(stack, runs / "second", "-f", ONBOARDING)
    assert advice_of(second)["token_used"].evidence == (
        "20 token resolutions answered 409: already onboarded"
    )
