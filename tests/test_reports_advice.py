"""Each rule fires where its pattern is in the run, and stays silent on a healthy run and on its near relations."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from built_run import STARTED, BuiltRun, Result, evenly, failing

from conf.operations import Journey, Outcome
from reports.advice import RULES
from reports.judging import judge_run

if TYPE_CHECKING:
    from pathlib import Path

    from reports.record import Advice


def advice_on(directory: Path, results: list[Result], **built: Any) -> dict[str, Advice]:
    journeys = tuple(dict.fromkeys(Journey(result.name.partition("_")[0]) for result in results))
    verdict = judge_run(BuiltRun(results, journeys=journeys, **built).write(directory))
    return {advice.code: advice for advice in verdict.advice}


def problem(code: str) -> dict[str, Any]:
    entry = {"code": code, "message": f"{code} happened", "at": "2025-11-15T20:00:07+00:00"}
    return {"manifest": {"problems": [entry]}}


CHAT = evenly("chat", 900)
FLOWS = evenly("onboarding_flow", 400)
SEARCHES = evenly("rag_search", 100)
LEAK = {"memory_mb": {"portal": [100.0, 300.0, 600.0]}}

POOL = {"looks": 9, "unavailable": 0, "exhausted": 0, "most_waiting": 0, "connections": 20, "slowest_ms": 3.0}
INDEX = {"chunks": 90_000, "name": "doc_chunks_embedding", "method": "ivfflat", "used": True}
LATER = (STARTED + timedelta(minutes=20)).isoformat()
GROWING = {
    "memory_mb": {"portal": [100 + second / 60 for second in range(1200)]},
    "manifest": {"ended_at": LATER},
}


def seen(**manifest: Any) -> dict[str, Any]:
    return {"manifest": manifest}


def told(**server_ms: float) -> list[Result]:
    """Chat answers of six seconds, that say themselves where these went."""
    return [Result("chat", 6000, server_ms=tuple(server_ms.items())) for _ in range(60)]


FIRING: dict[str, tuple[list[Result], dict[str, Any]]] = {
    "isolation": ([*CHAT, *failing("chat", 1, Outcome.ISOLATION, "a source of another development")], {}),
    "secret_differs": (failing("chat", 60, message="HTTP 401 Unauthorized"), {}),
    "some_unauthorized": ([*CHAT, *failing("chat", 2, message="HTTP 401 Unauthorized")], {}),
    "tenant_mismatch": ([*CHAT, *failing("chat", 2, message="HTTP 403 Forbidden")], {}),
    "token_unknown": ([*FLOWS, *failing("onboarding_resolve", 20, message="HTTP 404 Not Found")], {}),
    "development_unknown": ([*CHAT, *failing("chat", 2, message="HTTP 404 Not Found")], {}),
    "rate_limited": ([*CHAT, *failing("chat", 2, message="HTTP 429 Too Many Requests")], {}),
    "portal_unreachable": ([*CHAT, *failing("chat", 9, Outcome.CONNECTION, "connection refused")], {}),
    "connection_lost": ([*CHAT, *failing("chat", 9, Outcome.CONNECTION, "connection reset by peer")], {}),
    "database_failed": ([*SEARCHES, *failing("rag_query", 3, Outcome.CONNECTION, "OperationalError")], {}),
    "chunks_missing": ([*SEARCHES, *failing("rag_query", 3, Outcome.VALIDATION, "4 rows of 5")], {}),
    "timed_out": ([*CHAT, *failing("chat", 3, Outcome.TIMEOUT, "no answer within 60 s")], {}),
    "server_error": ([*CHAT, *failing("chat", 3, message="HTTP 503 Service Unavailable")], {}),
    "other_contract": ([*CHAT, *failing("chat", 3, Outcome.VALIDATION, "reply is missing or empty")], {}),
    "pool_exhausted": (CHAT, seen(pool=POOL | {"exhausted": 3, "most_waiting": 40})),
    "index_missing": (CHAT, seen(vector_index=INDEX | {"name": "", "method": ""})),
    "index_unused": (CHAT, seen(vector_index=INDEX | {"used": False})),
    "retrieval_slow": (told(auth=10, retrieval=2600, llm=3000), {}),
    "model_slow": (told(auth=10, retrieval=40, llm=5500), {}),
    "waiting_slow": (told(auth=10, retrieval=40, llm=1600), {}),
    "chat_slow": (evenly("chat", 6000), {}),
    "onboarding_slow": (evenly("onboarding_flow", 2500), {}),
    "search_slow": (evenly("rag_search", 1500), {}),
    "memory_high": (CHAT, LEAK),
    "memory_growing": (CHAT, GROWING),
    "errors_tracked": (CHAT, {"tracked": [{"kind": "database", "step": "retrieval"}]}),
    "token_used": (FLOWS, seen(onboarded_before=7)),
    "worker_lost": (CHAT, problem("worker_lost")),
    "fewer_users": (CHAT, problem("fewer_users")),
    "generator_saturated": (CHAT, {"health": {"local": [(1.0, 40, 5.0)] * 20}}),
    "missed_starts": (CHAT, {"manifest": {"arrivals": {"per_second": 9, "begun": 90, "missed": 10}}}),
    "fixture_exhausted": (CHAT, problem("fixture_exhausted")),
    "settings_differ": (CHAT, problem("settings_differ")),
    "no_houses": (CHAT, problem("no_houses")),
    "not_written": (CHAT, problem("not_written")),
    "suite_failed": (CHAT, problem("suite_failed")),
    "users_failed": (CHAT, problem("users_failed")),
}


@pytest.mark.parametrize("code", [rule.code for rule in RULES])
def test_a_rule_fires_alone_on_its_pattern_with_evidence_cause_and_commands(
    tmp_path: Path, code: str
) -> None:
    results, built = FIRING[code]
    given = advice_on(tmp_path / "run", results, **built)
    assert list(given) == [code]
    assert given[code].evidence
    assert given[code].cause
    assert given[code].commands


@pytest.mark.parametrize("results", [CHAT, FLOWS, SEARCHES])
def test_no_rule_fires_on_a_healthy_run(tmp_path: Path, results: list[Result]) -> None:
    assert advice_on(tmp_path / "run", results) == {}


def test_the_evidence_counts_the_requests(tmp_path: Path) -> None:
    given = advice_on(tmp_path / "run", failing("chat", 60, message="HTTP 401 Unauthorized"))
    assert given["secret_differs"].evidence == "Chat answer: 60 of 60 requests: HTTP 401 Unauthorized"


def test_a_flow_that_fails_with_its_part_is_not_counted_beside_it(tmp_path: Path) -> None:
    missing = "HTTP 404 Not Found"
    results = [
        *FLOWS, *failing("onboarding_flow", 5, message=missing),
        *failing("onboarding_resolve", 5, message=missing),
    ]  # fmt: skip
    evidence = advice_on(tmp_path / "run", results)["token_unknown"].evidence
    assert evidence == "Onboarding: token resolution: 5 of 5 requests: HTTP 404 Not Found"


def test_no_more_than_four_sights_are_listed(tmp_path: Path) -> None:
    results = [*CHAT, *(failing("chat", 1, message=f"HTTP {status} Error")[0] for status in range(500, 507))]
    assert advice_on(tmp_path / "run", results)["server_error"].evidence.endswith("; and 3 more")


def test_commands_name_the_portal_that_was_tested(tmp_path: Path) -> None:
    results, built = FIRING["timed_out"]
    assert advice_on(tmp_path / "run", results, **built)["timed_out"].commands[0] == (
        "curl -s http://127.0.0.1:5000/api/health/db"
    )


def test_failures_in_somebody_elses_words_are_understood(tmp_path: Path) -> None:
    results = [
        *evenly("/api/chat", 900),
        *failing("/api/chat", 3, message="ConnectionRefusedError(111, 'Connection refused')"),
        *failing("/login", 5, message="HTTPError('401 Client Error: Unauthorized for url: /login')"),
    ]
    verdict = judge_run(BuiltRun(results).write_csv(tmp_path / "theirs"))
    assert {advice.code for advice in verdict.advice} == {"portal_unreachable", "secret_differs"}


LIMITED = {"operation": "chat", "refused": 23, "first_at": STARTED.isoformat(), "longest_wait_s": 57.0}
SILENT: dict[str, tuple[list[Result], dict[str, Any]]] = {
    "a pool that was looked at and had connections": (CHAT, seen(pool=POOL | {"most_waiting": 2})),
    "an index that is used": (CHAT, seen(vector_index=INDEX)),
    "few rows, which need no index": (CHAT, seen(vector_index=INDEX | {"chunks": 462, "used": False})),
    "a quick chat whose model takes most of it": (
        [Result("chat", 900, server_ms=(("llm", 850),)) for _ in range(60)],
        {},
    ),
    "a quick chat with a slow retrieval": (
        [Result("chat", 900, server_ms=(("retrieval", 800),)) for _ in range(60)],
        {},
    ),
    "memory that grows in a run too short to tell": (CHAT, {"memory_mb": GROWING["memory_mb"]}),
    "memory that is level for long": (
        CHAT,
        {
            "memory_mb": {"portal": [100 + second % 2 for second in range(1200)]},
            "manifest": {"ended_at": LATER},
        },
    ),
    "refusals that the portal wrote down": (
        CHAT,
        {"tracked": [{"status": 401}, {"kind": "load", "status": 503}]},
    ),
    "no token that was used before": (FLOWS, seen(onboarded_before=0)),
}


@pytest.mark.parametrize("case", SILENT)
def test_the_near_relations_of_a_pattern_are_no_finding(tmp_path: Path, case: str) -> None:
    results, built = SILENT[case]
    assert advice_on(tmp_path / "run", results, **built) == {}


def test_a_rate_limit_is_told_with_its_limit_its_beginning_and_its_end(tmp_path: Path) -> None:
    results = [*CHAT, *failing("chat", 23, message="HTTP 429 Too Many Requests")]
    given = advice_on(tmp_path / "run", results, **seen(rate_limited=[LIMITED]))
    assert given["rate_limited"].evidence == (
        "Chat answer: 23 of 123 requests: HTTP 429 Too Many Requests; Chat answer: 23 refused by the limit of a "
        "tenant's questions since 20:00:00 UTC, 100 answered; the portal asks to wait up to 57 s"
    )


def test_what_is_slow_in_chat_is_told_with_its_figures(tmp_path: Path) -> None:
    given = advice_on(tmp_path / "run", told(auth=10, retrieval=2600, llm=3000))
    text = given["retrieval_slow"].evidence.replace("\u00a0", " ")
    assert text == "Chunk retrieval: 43.3 % of the mean chat answer, 2,600 ms on average, p95 2,601 ms"


def test_how_fast_search_must_be_is_what_the_run_was_configured_with(tmp_path: Path) -> None:
    answers = told(auth=10, retrieval=700, llm=5000)
    assert "retrieval_slow" in advice_on(tmp_path / "shipped", answers)
    settings = BuiltRun(answers).manifest_values("run")["settings"]
    settings["thresholds"]["rag_search"] = {"p95_ms": {"pass_below": 900}}
    assert "retrieval_slow" not in advice_on(tmp_path / "own", answers, **seen(settings=settings))
