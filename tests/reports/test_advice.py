"""Each rule fires where its pattern is in the run, and stays silent on a healthy run and on its near relations."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from built_run import STARTED, BuiltRun, Result, evenly, failing

from conf.failures import CLOSED_UNANSWERED, NOT_HTTP, REFUSED, sqlstate_words, status_words
from conf.loading import load_settings
from conf.operations import Journey, Operation, Outcome
from conf.stream_figures import Moment, Quantity
from conf.thresholds import Limits
from conf.trust import TlsFault
from monitoring.measurement import WARM_UP
from reports.advice.rules import RULES
from reports.manifest import ContractSettings
from reports.verdict import judge_run
from seed.fixture import House
from swarm.database.search import assess_rows, failure_of
from swarm.failure import RequestFailed
from swarm.provenance import recorded_settings

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


def made_with(environ: dict[str, str] | None = None, **contract: Any) -> Any:
    """Settings as the owner of a run records them; *contract*: what differs from the shipped one."""
    settings = load_settings(environ=environ or {})
    own = settings.contract.model_copy(update=contract)
    return recorded_settings(settings.model_copy(update={"contract": own}))


def told(**server_ms: float) -> list[Result]:
    """Chat answers of six seconds, that say themselves where these went."""
    return [Result("chat", 6000, server_ms=tuple(server_ms.items())) for _ in range(60)]


def failed(name: str, failure: RequestFailed | None) -> list[Result]:
    """Nine requests that failed like this one."""
    assert failure is not None
    return failing(name, 9, failure.outcome, failure.message)


HOUSE = House("h", "t", "slug", "d", None, 1, "LV-001", "qr", "the-jwt")
UNCONNECTED = RequestFailed(Outcome.CONNECTION, REFUSED)
BROKEN = RequestFailed(Outcome.CONNECTION, CLOSED_UNANSWERED)
GARBLED = RequestFailed(Outcome.CONNECTION, NOT_HTTP)
EXPIRED = RequestFailed(Outcome.CONNECTION, TlsFault.EXPIRED.words)
LATE = RequestFailed(Outcome.TIMEOUT, "no complete answer within 60 s")
EMPTY = RequestFailed(Outcome.VALIDATION, "reply is missing or empty")
POOLED = RequestFailed(Outcome.STATUS, sqlstate_words("42P05", "DuplicatePreparedStatement"))


def streamed(
    first_ms: float = 800, gap_ms: float = 60, waited_ms: float = 0, **other_ms: float
) -> list[Result]:
    """Streamed answers of 2.5 seconds."""
    others = tuple((Quantity(name), ms) for name, ms in other_ms.items())
    spans = ((Moment.HEADERS, 90), (Moment.FIRST_CONTENT, first_ms), (Moment.LARGEST_GAP, gap_ms))
    whole = ((Moment.DONE, 2500), (Quantity.GAP, gap_ms), (Quantity.WAITED, waited_ms))
    return [Result("chat", 2500, figures=(*spans, *whole, *others)) for _ in range(120)]


def demanding(**limits: dict[str, float]) -> dict[str, Any]:
    """A run whose settings demand no more of chat answers than this."""
    settings = load_settings(environ={})
    demands = {"chat": {name: Limits(**limit) for name, limit in limits.items()}}
    return seen(settings=recorded_settings(settings.model_copy(update={"thresholds": demands})))


DONE = demanding(done_p95_ms={"pass_below": 3000})
INTERCEPTED = {
    "settings": recorded_settings(load_settings({"target.contract": "portal-2025-12"}, environ={}))
}


def broken(outcome: Outcome) -> list[Result]:
    """Streamed answers, of which two ended like this."""
    return [*streamed(), *failing("chat", 2, outcome, "as it was told")]


FIRING: dict[str, tuple[list[Result], dict[str, Any]]] = {
    "isolation": ([*CHAT, *failing("chat", 1, Outcome.ISOLATION, "a source of another development")], {}),
    "clock_differs": (failing("chat", 60, message=status_words(401)), seen(clock_ahead_s=40.0)),
    "secret_differs": (failing("chat", 60, message=status_words(401)), {}),
    "some_unauthorized": ([*CHAT, *failing("chat", 2, message=status_words(401))], {}),
    "tokens_refused": (
        [*FLOWS, *failing("onboarding_resolve", 3, message=status_words(401))],
        seen(settings=recorded_settings(load_settings({"target.contract": "portal-2025-12"}, environ={}))),
    ),
    "tenant_mismatch": ([*CHAT, *failing("chat", 2, message=status_words(403))], {}),
    "token_unknown": ([*FLOWS, *failing("onboarding_resolve", 20, message=status_words(404))], {}),
    "development_unknown": ([*CHAT, *failing("chat", 2, message=status_words(404))], {}),
    "rate_limited": ([*CHAT, *failing("chat", 2, message=status_words(429))], {}),
    "portal_unreachable": ([*CHAT, *failed("chat", UNCONNECTED)], {}),
    "connection_lost": ([*CHAT, *failed("chat", BROKEN)], {}),
    "tls_failed": ([*CHAT, *failed("chat", EXPIRED)], {}),
    "not_http": ([*CHAT, *failed("chat", GARBLED)], {}),
    "transaction_pooler": ([*SEARCHES, *failed("rag_query", POOLED)], {}),
    "database_failed": ([*SEARCHES, *failed("rag_query", failure_of(psycopg2.OperationalError()))], {}),
    "chunks_missing": ([*SEARCHES, *failed("rag_query", assess_rows([], HOUSE, 5))], {}),
    "timed_out": ([*CHAT, *failed("chat", LATE)], {}),
    "server_error": ([*CHAT, *failing("chat", 3, message=status_words(503))], {}),
    "other_contract": ([*CHAT, *failed("chat", EMPTY)], {}),
    "stream_error": (broken(Outcome.STREAM_ERROR), DONE),
    "stream_truncated": (broken(Outcome.TRUNCATED), DONE),
    "stream_without_text": (broken(Outcome.NO_CONTENT), DONE),
    "stream_idle": (broken(Outcome.IDLE), DONE),
    "first_text_late": (streamed(first_ms=2300), demanding(first_content_p95_ms={"pass_below": 2000})),
    "text_halts": (streamed(gap_ms=1400), demanding(largest_gap_p95_ms={"pass_below": 1000})),
    "text_at_once": (streamed(fake=0), demanding(fake_stream_ratio={"pass_below": 0.05})),
    "intercepted": ([*CHAT, *failing("chat", 90, Outcome.INTERCEPTED)], seen(**INTERCEPTED)),
    "pool_exhausted": (CHAT, seen(pool=POOL | {"exhausted": 3, "most_waiting": 40})),
    "index_missing": (CHAT, seen(vector_index=INDEX | {"name": "", "method": ""})),
    "index_unused": (
        CHAT,
        seen(vector_index=INDEX | {"used": False, "rows_read": 41_000, "search_ms": 310.0}),
    ),
    "retrieval_slow": (told(auth=10, retrieval=2600, llm=3000), {}),
    "model_slow": (told(auth=10, retrieval=40, llm=5500), {}),
    "waiting_slow": (told(auth=10, retrieval=40, llm=1600), {}),
    "chat_slow": (evenly("chat", 6000), {}),
    "onboarding_slow": (evenly("onboarding_flow", 2500), {}),
    "search_slow": (evenly("rag_search", 1500), {}),
    "answers_slow": (evenly("documents_flow", 2500), {}),
    "memory_high": (CHAT, LEAK),
    "memory_growing": (CHAT, GROWING),
    "errors_tracked": (CHAT, {"tracked": [{"kind": "database", "step": "retrieval"}]}),
    "token_used": (FLOWS, seen(onboarded_before=7)),
    "worker_lost": (CHAT, problem("worker_lost")),
    "fewer_users": (CHAT, problem("fewer_users")),
    "generator_saturated": (CHAT, {"health": {"local": [(1.0, 40, 5.0)] * 20}}),
    "missed_starts": (CHAT, {"manifest": {"arrivals": {"per_second": 9, "begun": 90, "missed": 10}}}),
    "fixture_exhausted": (CHAT, problem("fixture_exhausted")),
    "not_written": (CHAT, problem("not_written")),
    "suite_failed": (CHAT, problem("suite_failed")),
    "users_failed": (CHAT, problem("users_failed")),
    "settings_differ": (CHAT, problem("settings_differ")),
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


def test_the_log_of_a_run_is_named_where_it_is_and_only_if_it_is_there(tmp_path: Path) -> None:
    results, built = FIRING["suite_failed"]
    directory = tmp_path / "a run"
    assert advice_on(directory, results, **built)["suite_failed"].commands == (
        "loadtest run chat --profile smoke",
    )
    (directory / "locust.log").write_text("Traceback …\n")
    commands = {advice.code: advice.commands for advice in judge_run(directory).advice}
    assert commands["suite_failed"][0] == f"less '{directory}/locust.log'"


def test_failures_of_the_warm_up_are_counted_with_its_requests(tmp_path: Path) -> None:
    early = [result._replace(step=WARM_UP) for result in failing("chat", 5, message=status_words(500))]
    results = [*evenly("chat", 900), *early]
    assert advice_on(tmp_path / "run", results)["server_error"].evidence.startswith(
        "Chat answer: 5 of 105 requests"
    )


LIMITED = {"operation": "chat", "refused": 23, "first_at": STARTED.isoformat(), "longest_wait_s": 57.0}
SILENT: dict[str, tuple[list[Result], dict[str, Any]]] = {
    "a pool that was looked at and had connections": (CHAT, seen(pool=POOL | {"most_waiting": 2})),
    "an index that is used": (CHAT, seen(vector_index=INDEX)),
    "a large table of which a search reads little without the index": (
        CHAT,
        seen(vector_index=INDEX | {"used": False, "rows_read": 255, "search_ms": 2.9}),
    ),
    "a pool that was exhausted in one look": (CHAT, seen(pool=POOL | {"exhausted": 1, "most_waiting": 3})),
    "a clock that differs, and no refused JWT": (CHAT, seen(clock_ahead_s=40.0)),
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
        "Chat answer: 23 of 123 requests: HTTP 429 Too Many Requests; Chat answer: 23 refused since 20:00:00 UTC, "
        "100 answered; the contract's limit: 60 a minute per tenant; the portal asks to wait up to 57 s"
    )


@pytest.mark.parametrize(
    ("stated", "shown"),
    [("", ""), ("30 at once, then one every 2 s", "; the contract's limit: 30 at once, then one every 2 s")],
)
def test_the_limit_of_refused_requests_is_the_contracts_and_none_where_it_states_none(
    tmp_path: Path, stated: str, shown: str
) -> None:
    page = LIMITED | {"operation": "onboarding_page", "longest_wait_s": 0.0}
    chat = load_settings(environ={}).contract.chat.model_copy(update={"limit": stated})
    settings = made_with(chat=chat)
    results = [*CHAT, *failing("chat", 23, message=status_words(429))]
    given = advice_on(tmp_path / "run", results, **seen(rate_limited=[LIMITED, page], settings=settings))
    evidence = given["rate_limited"].evidence
    assert f"100 answered{shown}; the portal asks to wait up to 57 s; " in evidence
    assert evidence.endswith("23 refused since 20:00:00 UTC, 0 answered")


def test_commands_ask_the_contracts_own_health_pages_and_none_that_it_does_not_have(tmp_path: Path) -> None:
    results, _ = FIRING["server_error"]
    own = made_with(health="/up?deep=1&of=all", health_db="/up/pool")
    assert advice_on(tmp_path / "own", results, **seen(settings=own))["server_error"].commands == (
        "curl -i 'http://127.0.0.1:5000/up?deep=1&of=all'",
        "curl -s http://127.0.0.1:5000/up/pool",
    )
    without = made_with(health_db="")
    assert advice_on(tmp_path / "without", results, **seen(settings=without))["server_error"].commands == (
        "curl -i http://127.0.0.1:5000/api/health",
    )


STACK = re.compile(
    r"\b(curl|psql|locust -f|loadtest (check|seed|token|qrs|portal)|DATABASE_URL|SESSION_SECRET|127\.0\.0\.1)\b"
)
"""What a command cannot be about when the stack is gone."""


@pytest.mark.parametrize("code", [rule.code for rule in RULES])
def test_after_an_embedded_run_each_command_can_be_followed_and_only_then_do_they_differ(
    tmp_path: Path, code: str
) -> None:
    results, built = FIRING[code]
    recorded = built.get("manifest", {})
    settings = made_with({"LOADTEST_TARGET_EMBEDDED": "true"})
    if own := recorded.get("settings"):
        settings |= {"thresholds": own["thresholds"]}
    embedded = built | seen(**recorded | {"settings": settings})
    elsewhere = advice_on(tmp_path / "elsewhere", results, **built)[code]
    here = advice_on(tmp_path / "embedded", results, **embedded)[code]
    assert here.evidence == elsewhere.evidence
    assert here.commands
    assert [command for command in here.commands if STACK.search(command)] == []
    assert all("--embedded" in command for command in here.commands if command.startswith("loadtest run"))
    assert not [command for command in elsewhere.commands if "--embedded" in command]
    replaced = [command for command in elsewhere.commands if STACK.search(command)]
    assert ("they end with it" in here.cause) is bool(replaced)
    assert "they end with it" not in elsewhere.cause


def test_what_an_embedded_run_left_of_its_portal_is_named_where_it_is(tmp_path: Path) -> None:
    environ = {"LOADTEST_TARGET_EMBEDDED": "true", "LOADTEST_LOG_DIR": "/somewhere/my logs"}
    gone = seen(settings=made_with(environ))
    results, _ = FIRING["timed_out"]
    assert advice_on(tmp_path / "chat", results, **gone)["timed_out"].commands == (
        "less '/somewhere/my logs/portal.log'",
        "loadtest logs --since 2025-11-15T20:00:00Z",
        "loadtest run chat --embedded",
    )
    results, _ = FIRING["chunks_missing"]
    assert advice_on(tmp_path / "rag", results, **gone)["chunks_missing"].commands == (
        "loadtest run rag --embedded",
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


@pytest.mark.parametrize("operation", [operation for operation in Operation if operation.is_portal_request])
def test_the_contracts_limit_of_any_request_is_known_to_advice(operation: Operation) -> None:
    contract = ContractSettings.model_validate({operation.value: {"limit": "10 a second"}})
    assert contract.limit(operation) == "10 a second"
    assert ContractSettings().limit(operation) == ""


def test_commands_about_the_documents_table_are_left_out_where_the_portal_has_another(tmp_path: Path) -> None:
    isolated, _ = FIRING["isolation"]
    later = recorded_settings(load_settings({"target.contract": "portal-2026"}, environ={}))
    assert any(
        "FROM doc_chunks" in text for text in advice_on(tmp_path / "a", isolated)["isolation"].commands
    )
    told = advice_on(tmp_path / "b", isolated, **seen(settings=later))["isolation"]
    assert not any("doc_chunks" in text for text in told.commands)


@pytest.mark.parametrize(
    ("contract", "command"),
    [
        ("phase17", "loadtest check"),
        ("portal-2026", "loadtest check --contract portal-2026"),
        ("own.toml", "loadtest check"),  # where it is, is not known
    ],
)
def test_commands_are_for_the_contract_of_the_run(tmp_path: Path, contract: str, command: str) -> None:
    refused = failing("chat", 60, message=status_words(401))
    commands = advice_on(tmp_path, refused, **seen(contract=contract))["secret_differs"].commands
    assert command in commands
    assert all(
        ("--contract" in text) is (text.startswith("loadtest ") and "--" in command) for text in commands
    )


def test_too_few_requests_of_the_model_are_counted_beside_those_without_it(tmp_path: Path) -> None:
    few = [*evenly("chat", 900, count=12), *failing("chat", 18, Outcome.INTERCEPTED)]
    verdict = judge_run(BuiltRun(few, journeys=(Journey.CHAT,), **seen(**INTERCEPTED)).write(tmp_path))
    (problem,) = verdict.problems
    assert problem.message == (
        "chat: 12 requests are too few for a verdict, beside 18 that are counted apart; at least 20 are needed"
    )
    assert "intercepted" in {advice.code for advice in verdict.advice}
