"""What to do about requests that failed."""

from __future__ import annotations

from conf.failures import POOLER_SQLSTATES, Cause, sqlstate_code
from conf.operations import Journey, Outcome
from reports.advice.commands import ACTIVITY, HEALTH, INDEXES, POOL, STRAY_CHUNKS
from reports.advice.evidence import Share, requests_failed, tolerated_never, unless
from reports.advice.portal_evidence import clock_differs, jwts_refused, rate_limited, tokens_refused
from reports.advice.rule import OF_THE_DATABASE, OF_THE_PORTAL, AdviceRule

_POOLER = tuple(map(sqlstate_code, POOLER_SQLSTATES))

FAILURE_RULES = (
    AdviceRule(
        "isolation",
        "Stop: data of one development reached the homeowners of another",
        tolerated_never,
        "A query of the portal does not filter by tenant and development, or chunks are stored under the wrong "
        "one. Look for chunks whose development is not their tenant's.",
        (STRAY_CHUNKS,),
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
        unless(clock_differs, jwts_refused(Share.ALL)),
        "The JWTs were signed with another SESSION_SECRET than the portal's, or all of them have expired (they "
        "last 24 hours). Set the portal's own secret, sign the JWTs anew, and check.",
        ("export SESSION_SECRET=…", "loadtest seed", "loadtest check"),
    ),
    AdviceRule(
        "some_unauthorized",
        "The portal refuses some of the JWTs",
        unless(clock_differs, jwts_refused(Share.SOME)),
        "Some JWTs expired during the run, or several instances of the portal do not share one SESSION_SECRET.",
        ("loadtest seed", "loadtest check"),
    ),
    AdviceRule(
        "tokens_refused",
        "The portal refuses QR tokens",
        tokens_refused,
        "The tokens were signed with another SESSION_SECRET than the portal's, have expired, or are not in the table where the "
        "portal looks for them. Set the portal's own secret, sign and register them anew, and check.",
        ("export SESSION_SECRET=…", "loadtest houses --register", "loadtest check"),
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
        "The portal does not know what is asked for",
        requests_failed("http_404", journeys={*OF_THE_PORTAL} - {Journey.ONBOARDING}),
        "The development is not there since the fixture belongs to another database than the portal's, or the contract's "
        "path is not the portal's.",
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
        requests_failed(Cause.NOT_CONNECTED, journeys=OF_THE_PORTAL),
        "The portal is not running, stopped during the run, or listens elsewhere.",
        (HEALTH, "loadtest portal"),
    ),
    AdviceRule(
        "connection_lost",
        "The portal broke off connections",
        requests_failed(Cause.BROKEN_OFF, journeys=OF_THE_PORTAL),
        "The portal or a proxy before it was restarted, ran out of memory, or limits its connections.",
        (HEALTH,),
    ),
    AdviceRule(
        "tls_failed",
        "There is no TLS connection to the portal",
        requests_failed(Cause.TLS, journeys=OF_THE_PORTAL),
        "The failure names what is wrong with the certificate, or that no TLS is spoken at that address. A private "
        "authority's certificate belongs into target.ca_file.",
        ("loadtest check",),
    ),
    AdviceRule(
        "not_http",
        "What answers there does not speak HTTP",
        requests_failed(Cause.NOT_HTTP, journeys=OF_THE_PORTAL),
        "Another program than the portal listens at that address, a proxy before it answers for it, or it speaks TLS where "
        "the address says http.",
        (HEALTH,),
    ),
    AdviceRule(
        "transaction_pooler",
        "A transaction pooler stands between the load and the database",
        requests_failed(*_POOLER, journeys=OF_THE_DATABASE),
        "Searches are prepared statements, and a pooler in transaction mode gives each query another server connection, "
        "which does not know them or has others of the same name. Name the database itself in DATABASE_URL, or a pooler "
        "in session mode.",
        ("export DATABASE_URL=…", "loadtest check"),
    ),
    AdviceRule(
        "database_failed",
        "The database refused searches",
        requests_failed(
            journeys=OF_THE_DATABASE,
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
        requests_failed(journeys=OF_THE_DATABASE, outcomes=(Outcome.VALIDATION,)),
        "The database does not hold the seed's documents, or the index was built before they were there.",
        ("loadtest seed", INDEXES),
    ),
    AdviceRule(
        "timed_out",
        "Answers did not come in time",
        requests_failed(Cause.TIMED_OUT, journeys=OF_THE_PORTAL),
        "The portal is overloaded or hangs: its model, its pool of connections, or a lock in the database.",
        (POOL, ACTIVITY),
    ),
    AdviceRule(
        "server_error",
        "The portal answered with errors of its own",
        requests_failed("http_5*"),
        "Something failed inside of the portal; its log says what.",
        (HEALTH, POOL),
    ),
    AdviceRule(
        "other_contract",
        "Answers are not what the contract describes",
        requests_failed(journeys=OF_THE_PORTAL, outcomes=(Outcome.VALIDATION,)),
        "The portal speaks another contract, or answers without documents: none were seeded for the development.",
        ("loadtest check", "loadtest seed"),
    ),
)
