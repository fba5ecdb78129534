"""What to do next: rules over the record, each with its evidence, the likely cause, and commands."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conf.failures import POOLER_SQLSTATES, Cause, sqlstate_code
from conf.operations import Destination, Journey, Outcome
from reports.advice.evidence import (
    Share,
    latency_above,
    memory_above,
    problem_noted,
    requests_failed,
    tolerated_never,
    unless,
)
from reports.advice.portal_evidence import (
    chat_slow_untold,
    clock_differs,
    errors_tracked,
    index_missing,
    index_unused,
    memory_growing,
    model_slow,
    pool_exhausted,
    rate_limited,
    retrieval_slow,
    tokens_used,
    waiting_slow,
)
from reports.problem import ProblemCode
from reports.record import Advice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reports.record import Verdict

_FEWEST_HOUSES = 1_000
_INDEXES = (
    'psql "$DATABASE_URL" -c "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = \'doc_chunks\'"'
)
_STRAY_CHUNKS = (
    'psql "$DATABASE_URL" -c "SELECT c.tenant_id, c.development_id, count(*) FROM doc_chunks c '
    'JOIN developments d ON d.id = c.development_id WHERE d.tenant_id <> c.tenant_id GROUP BY 1, 2"'
)
_POOLER = tuple(map(sqlstate_code, POOLER_SQLSTATES))
_ACTIVITY = 'psql "$DATABASE_URL" -c "SELECT state, wait_event_type, query FROM pg_stat_activity"'
_POOL = "curl -s {health_db}"
_HEALTH = "curl -i {health}"
_WEB = tuple(journey for journey in Journey if journey.destination is Destination.PORTAL)
"""What goes to the portal."""
_SEARCH = tuple(journey for journey in Journey if journey.destination is Destination.DATABASE)
"""What goes to its database."""
_OWN_WORDS = (Journey.CHAT, Journey.ONBOARDING, *_SEARCH)
"""Those of which it is known where their time goes."""
_TO_THE_STACK = (
    "curl ", "psql ", "export ", "locust ", "loadtest check", "loadtest seed", "loadtest qrs", "loadtest portal",
)  # fmt: skip
"""How commands begin that cannot be followed where portal, database and secret are gone."""
_LEFT_OF_THE_PORTAL = ("less {portal_log}", "loadtest logs --since {since}")
_RUN_AGAIN = "loadtest run {journey} --embedded"
_GONE = " This run brought database, portal and secret along, and they end with it: look at what it left, or run it again."
_PLACE = re.compile(r"\{\w+\}")


@dataclass(frozen=True, slots=True)
class AdviceRule:
    """
    One thing that can be seen in a run.

    Args:
        evidence: What was seen, in words; empty where the rule stays silent.
        commands: ``{target}`` stands for the portal's address, ``{health}`` and ``{health_db}`` for its contract's pages,
            ``{journey}`` for the run's first journey, ``{since}`` for its beginning, ``{more_houses}`` for twice as many
            as it had, ``{run_log}`` for what Locust said. A command with a place for which the run has nothing is left out.
    """

    code: str
    title: str
    evidence: Callable[[Verdict], str]
    cause: str
    commands: tuple[str, ...]


def _problem_rule(code: ProblemCode, title: str, cause: str, commands: tuple[str, ...]) -> AdviceRule:
    """What to do about a problem; the advice has its code."""
    return AdviceRule(code.value, title, problem_noted(code), cause, commands)


RULES = (
    AdviceRule(
        "isolation",
        "Stop: data of one development reached the homeowners of another",
        tolerated_never,
        "A query of the portal does not filter by tenant and development, or chunks are stored under the wrong "
        "one. Look for chunks whose development is not their tenant's.",
        (_STRAY_CHUNKS,),
    ),
    AdviceRule(
        "clock_differs",
        "The clock of this machine and the clock of the portal differ",
        clock_differs,
        "A JWT says when it was issued and when it expires, by the clock of the machine that signed it. A portal whose "
        "clock is behind takes a new one for issued in the future, and one whose clock is far ahead takes it for expired. "
        "Set the clocks by NTP on both machines, and check.",
        ("timedatectl status", "curl -sI {target} | grep -i '^date:'; date -u", "loadtest check"),
    ),
    AdviceRule(
        "secret_differs",
        "The portal accepts none of the homeowners' JWTs",
        unless(clock_differs, requests_failed("http_401", share=Share.ALL)),
        "The JWTs were signed with another SESSION_SECRET than the portal's, or all of them have expired (they "
        "last 24 hours). Set the portal's own secret, sign the JWTs anew, and check.",
        ("export SESSION_SECRET=…", "loadtest seed", "loadtest check"),
    ),
    AdviceRule(
        "some_unauthorized",
        "The portal refuses some of the JWTs",
        unless(clock_differs, requests_failed("http_401", share=Share.SOME)),
        "Some JWTs expired during the run, or several instances of the portal do not share one SESSION_SECRET.",
        ("loadtest seed", "loadtest check"),
    ),
    AdviceRule(
        "tenant_mismatch",
        "The portal says that homeowners ask about other developments than their own",
        requests_failed("http_403"),
        "The tenant or development of the fixture is not the one in the portal's database.",
        ("loadtest seed", "loadtest check"),
    ),
    AdviceRule(
        "token_unknown",
        "QR tokens are not known to the portal",
        requests_failed("http_404", journeys=(Journey.ONBOARDING,)),
        "No QR tokens were made, or the fixture belongs to another database than the portal's.",
        ("loadtest seed", "loadtest qrs"),
    ),
    AdviceRule(
        "development_unknown",
        "The development is not known to the portal",
        requests_failed("http_404", journeys={*_WEB} - {Journey.ONBOARDING}),
        "The fixture belongs to another database than the portal's, or the contract's path is not the portal's.",
        ("loadtest seed", "loadtest check"),
    ),
    AdviceRule(
        "rate_limited",
        "The portal's rate limit refused requests",
        lambda verdict: "; ".join(
            filter(None, (requests_failed("http_429")(verdict), rate_limited(verdict)))
        ),
        "The load is above a limit of the portal, which the contract names where it is known. Wait until it is over, and "
        "spread the load; or raise the limit for the test.",
        ("loadtest run all --profile pilot",),
    ),
    AdviceRule(
        "portal_unreachable",
        "The portal could not be reached",
        requests_failed(Cause.NOT_CONNECTED, journeys=_WEB),
        "The portal is not running, stopped during the run, or listens elsewhere.",
        (_HEALTH, "loadtest portal"),
    ),
    AdviceRule(
        "connection_lost",
        "The portal broke off connections",
        requests_failed(Cause.BROKEN_OFF, journeys=_WEB),
        "The portal or a proxy before it was restarted, ran out of memory, or limits its connections.",
        (_HEALTH,),
    ),
    AdviceRule(
        "tls_failed",
        "There is no TLS connection to the portal",
        requests_failed(Cause.TLS, journeys=_WEB),
        "The failure names what is wrong with the certificate, or that no TLS is spoken at that address. A private "
        "authority's certificate belongs into target.ca_file.",
        ("loadtest check",),
    ),
    AdviceRule(
        "not_http",
        "What answers there does not speak HTTP",
        requests_failed(Cause.NOT_HTTP, journeys=_WEB),
        "Another program than the portal listens at that address, a proxy before it answers for it, or it speaks TLS where "
        "the address says http.",
        (_HEALTH,),
    ),
    AdviceRule(
        "transaction_pooler",
        "A transaction pooler stands between the load and the database",
        requests_failed(*_POOLER, journeys=_SEARCH),
        "Searches are prepared statements, and a pooler in transaction mode gives each query another server connection, "
        "which does not know them or has others of the same name. Name the database itself in DATABASE_URL, or a pooler "
        "in session mode.",
        ("export DATABASE_URL=…", "loadtest check"),
    ),
    AdviceRule(
        "database_failed",
        "The database refused searches",
        requests_failed(
            journeys=_SEARCH,
            outcomes=(Outcome.CONNECTION, Outcome.STATUS, Outcome.TIMEOUT),
            but=_POOLER,
        ),
        "The database stopped, allows fewer connections than database.pool_size of all processes together, or "
        "needs longer than database.statement_timeout_s.",
        ('psql "$DATABASE_URL" -c "SHOW max_connections"', "loadtest check"),
    ),
    AdviceRule(
        "chunks_missing",
        "Searches found fewer chunks than they should",
        requests_failed(journeys=_SEARCH, outcomes=(Outcome.VALIDATION,)),
        "The database does not hold the seed's documents, or the index was built before they were there.",
        ("loadtest seed", _INDEXES),
    ),
    AdviceRule(
        "timed_out",
        "Answers did not come in time",
        requests_failed(Cause.TIMED_OUT, journeys=_WEB),
        "The portal is overloaded or hangs: its model, its pool of connections, or a lock in the database.",
        (_POOL, _ACTIVITY),
    ),
    AdviceRule(
        "server_error",
        "The portal answered with errors of its own",
        requests_failed("http_5*"),
        "Something failed inside of the portal; its log says what.",
        (_HEALTH, _POOL),
    ),
    AdviceRule(
        "other_contract",
        "Answers are not what the contract describes",
        requests_failed(journeys=_WEB, outcomes=(Outcome.VALIDATION,)),
        "The portal speaks another contract, or answers without documents: none were seeded for the development.",
        ("loadtest check", "loadtest seed"),
    ),
    AdviceRule(
        "pool_exhausted",
        "The portal's pool of database connections was exhausted",
        pool_exhausted,
        "Each request waits for a free connection. Slow queries hold them too long, the pool is too small, or more "
        "instances share the database than it has connections for.",
        (_POOL, _ACTIVITY, "loadtest logs --kind database --since {since}"),
    ),
    AdviceRule(
        "index_missing",
        "The vector index is missing",
        index_missing,
        "A search reads each row that its filter lets through. The migration that makes the index was not run, or the index was dropped for a "
        "load of documents and not made again.",
        (_INDEXES, "loadtest check"),
    ),
    AdviceRule(
        "index_unused",
        "The vector index is not used",
        index_unused,
        "The planner's statistics are old, the index is of another operator class than the search's <=>, or too few "
        "lists are probed for the filter by tenant and development.",
        (_INDEXES, 'psql "$DATABASE_URL" -c "ANALYZE doc_chunks"', "loadtest check"),
    ),
    AdviceRule(
        "retrieval_slow",
        "Chat answers are slow because of the chunk retrieval",
        retrieval_slow,
        "The vector search takes longer than it may: a missing or unused index, too many rows for one tenant, or "
        "connections that are waited for. Search alone shows it without the model.",
        (_INDEXES, _POOL, "loadtest run rag"),
    ),
    AdviceRule(
        "model_slow",
        "Chat answers are slow because of the model",
        model_slow,
        "The step above takes most of the time, and the chunk retrieval does not: the provider's latency or rate "
        "limits, a larger model or longer prompt than before. The portal itself need not be changed.",
        ("loadtest logs --kind llm --since {since}", "loadtest logs --performance --summary --since {since}"),
    ),
    AdviceRule(
        "waiting_slow",
        "Chat answers are slow before the portal begins, or on the way",
        waiting_slow,
        "Most of the time passes outside of the steps that the portal times: requests wait for a free worker of it or "
        "of a proxy, its process is busy, or the network is slow.",
        (_HEALTH, "uptime"),
    ),
    AdviceRule(
        "chat_slow",
        "Chat answers are slow",
        chat_slow_untold,
        "The model (its provider's rate limits), the vector search (missing indexes), an exhausted pool of "
        "database connections, or the network. Search alone tells the first two apart; so does a portal that answers "
        "with Server-Timing.",
        (_INDEXES, _POOL, "loadtest run rag"),
    ),
    AdviceRule(
        "onboarding_slow",
        "Onboarding is slow",
        latency_above(Journey.ONBOARDING),
        "Look which of its two parts takes the time, above. A slow token resolution points to the database: a "
        "missing index on the token, or an exhausted pool.",
        (
            'psql "$DATABASE_URL" -c "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = \'homeowners\'"',
            _POOL,
        ),
    ),
    AdviceRule(
        "search_slow",
        "Vector search is slow",
        latency_above(*_SEARCH),
        "The vector index is missing or not used, or the connections are too few: compare query and connection "
        "wait, above.",
        (_INDEXES, 'psql "$DATABASE_URL" -c "ANALYZE doc_chunks"'),
    ),
    AdviceRule(
        "answers_slow",
        "The portal's answers are slow",
        latency_above(*(journey for journey in Journey if journey not in _OWN_WORDS)),
        "The portal's process is busy, its queries are slow, or requests wait for a connection of its pool. Compare the "
        "parts of the flow, above.",
        (_POOL, _ACTIVITY),
    ),
    AdviceRule(
        "memory_high",
        "The portal's memory is high",
        memory_above,
        "A leak, or caches without a bound. Memory that still grows under a steady load is a leak.",
        ("loadtest run chat --profile soak",),
    ),
    AdviceRule(
        "memory_growing",
        "The portal's memory grows",
        memory_growing,
        "Under a steady load it should level off: a leak, or a cache without a bound. At this rate it reaches its limit "
        "some time after the run.",
        ("loadtest run chat --profile soak",),
    ),
    AdviceRule(
        "errors_tracked",
        "The portal wrote down errors during the run",
        errors_tracked,
        "What failed inside of the portal, by kind and route; the records have the stack, the house and the trace.",
        ("loadtest logs --since {since}", "loadtest logs --summary --since {since}"),
    ),
    AdviceRule(
        "token_used",
        "QR tokens had been used before",
        tokens_used,
        "The houses were onboarded by an earlier run, and the portal answered 409. That is quicker than an onboarding: "
        "the figures are of something else. Seeding takes onboardings back.",
        ("loadtest seed",),
    ),
    _problem_rule(
        ProblemCode.WORKER_LOST,
        "A load-generating process was lost",
        "It was killed, perhaps for its memory, told to go, or lost its connection.",
        ("dmesg | grep -i 'killed process'",),
    ),
    _problem_rule(
        ProblemCode.NOT_WRITTEN,
        "The run directory could not be written",
        "The disk is full, or takes no more from this user. The run was ended, with what was measured until then.",
        ("df -h .", "loadtest run chat --output-dir DIR"),
    ),
    _problem_rule(
        ProblemCode.SUITE_FAILED,
        "A part of the suite failed",
        "The run was ended, with what was measured until then. The traceback is in the run's log.",
        ("less {run_log}", "loadtest run {journey} --profile smoke"),
    ),
    _problem_rule(
        ProblemCode.USERS_FAILED,
        "Users could not begin",
        "The run was ended: with fewer users than asked for it would be another test. What they need is checked by:",
        ("loadtest check",),
    ),
    _problem_rule(
        ProblemCode.FEWER_USERS,
        "Fewer users ran than were asked for",
        "The load generators are too few or too busy, or the run ended before all users had started.",
        ("locust -f locustfiles/{journey}.py --headless --processes 2",),
    ),
    _problem_rule(
        ProblemCode.GENERATOR_SATURATED,
        "A load generator was at its own limits",
        "One process makes more load than it has time for, or something else keeps its machine busy; its latencies hold "
        "its own delays.",
        ("locust -f locustfiles/{journey}.py --headless --processes 2", "uptime"),
    ),
    _problem_rule(
        ProblemCode.MISSED_STARTS,
        "Planned flows could not be started",
        "The portal is too slow for the arrival rate, so that all users waited for it, or the profile's users are too "
        "few for it: arrival_rate times the longest answer, at least.",
        ("loadtest run {journey} --profile capacity",),
    ),
    _problem_rule(
        ProblemCode.FIXTURE_EXHAUSTED,
        "There were no new homeowners left to onboard",
        "The run made more onboardings than the fixture has houses. Seed more of them, make fewer, or allow it in the "
        "profile: reuse_houses = true.",
        ("loadtest seed --houses {more_houses}",),
    ),
    _problem_rule(
        ProblemCode.SETTINGS_DIFFER,
        "A worker made another load than its master",
        "Each process reads the settings on its own. Give all of them the same profile and files.",
        ("env | grep LOADTEST_",),
    ),
)
"""In the order in which they are shown: the gravest first."""


_NO_ANSWER = "It is not running, it stopped during the run, or a proxy or firewall before it gave up."
RULES_OF_OTHERS = (
    AdviceRule(
        "unauthorized",
        "The target refuses requests as unauthorized",
        requests_failed("http_401", "http_403"),
        "The load's credentials are missing, wrong or have expired.",
        (),
    ),
    AdviceRule(
        "not_found",
        "The target does not know what is asked for",
        requests_failed("http_404", "http_405"),
        "The load asks for addresses that the target does not have, or for records that are not in its database.",
        (),
    ),
    AdviceRule(
        "rate_limited",
        "A rate limit of the target refused requests",
        requests_failed("http_429"),
        "The load is above a limit of the target, or of a proxy before it. Spread the load, or raise the limit for the test.",
        (),
    ),
    AdviceRule(
        "unreachable", "The target could not be reached", requests_failed(Cause.NOT_CONNECTED), _NO_ANSWER, ()
    ),
    AdviceRule(
        "connection_lost",
        "The target broke off connections",
        requests_failed(Cause.BROKEN_OFF),
        _NO_ANSWER,
        (),
    ),
    AdviceRule(
        "timed_out",
        "Answers did not come in time",
        requests_failed(Cause.TIMED_OUT),
        "The target is overloaded or hangs.",
        (),
    ),
    AdviceRule(
        "server_error",
        "The target answered with errors of its own",
        requests_failed("http_5*"),
        "Something failed inside of the target, or of what it depends on; its log says what.",
        (),
    ),
)
"""For the run of another project: nothing is known of its target, so no command is given."""


def advise(verdict: Verdict, run_log: str = "") -> tuple[Advice, ...]:
    """Every rule that applies to the run, with its evidence; *run_log* is the path of what Locust said, where it is there."""
    return tuple(
        _advice(rule, evidence, verdict, run_log)
        for rule in (RULES if verdict.own else RULES_OF_OTHERS)
        if (evidence := rule.evidence(verdict))
    )


def _advice(rule: AdviceRule, evidence: str, verdict: Verdict, run_log: str) -> Advice:
    cause, commands = rule.cause, rule.commands
    if verdict.manifest and verdict.manifest.settings.target.embedded:
        commands = _after_embedded(commands, verdict.journeys)
        cause += _GONE if _RUN_AGAIN in commands else ""
    places = _places(verdict) | {"{run_log}": shlex.quote(run_log) if run_log else ""}
    filled = (_filled(command, places) for command in commands)
    return Advice(rule.code, rule.title, evidence, cause, tuple(filter(None, filled)))


def _after_embedded(commands: Sequence[str], journeys: Sequence[Journey]) -> tuple[str, ...]:
    """What can be followed when the stack is gone; what was left and another run in place of what cannot."""
    kept = [
        f"{command} --embedded" if command.startswith("loadtest run ") else command
        for command in commands
        if not command.startswith(_TO_THE_STACK)
    ]
    if len(kept) < len(commands):
        kept += (*(_LEFT_OF_THE_PORTAL if {*_WEB} & {*journeys} else ()), _RUN_AGAIN)
    return tuple(dict.fromkeys(kept))


def _places(verdict: Verdict) -> dict[str, str]:
    """What stands in a command for what only the run knows, ready for a shell; empty where it does not."""
    manifest = verdict.manifest
    journey = {"{journey}": next(iter(verdict.journeys), Journey.CHAT).value}
    if manifest is None:
        return journey | {"{since}": "1d", "{more_houses}": str(2 * _FEWEST_HOUSES)}
    target, contract = manifest.target.rstrip("/"), manifest.settings.contract
    return journey | {
        "{target}": shlex.quote(target),
        "{health}": shlex.quote(target + contract.health) if contract.health else "",
        "{health_db}": shlex.quote(target + contract.health_db) if contract.health_db else "",
        "{portal_log}": shlex.quote(f"{manifest.settings.monitoring.log_dir}/portal.log"),
        "{since}": f"{manifest.started_at:%Y-%m-%dT%H:%M:%SZ}",
        "{more_houses}": str(2 * max(manifest.houses, _FEWEST_HOUSES)),
    }


def _filled(command: str, places: Mapping[str, str]) -> str:
    """Empty where nothing is known for one of its places."""
    if not all(places.get(place) for place in _PLACE.findall(command)):
        return ""
    return _PLACE.sub(lambda place: places[place[0]], command)
