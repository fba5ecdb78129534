"""What to do about figures above their limits, and about what the portal reports of itself."""

from __future__ import annotations

from conf.operations import Journey
from reports.advice.commands import ACTIVITY, HEALTH, INDEXES, POOL
from reports.advice.evidence import latency_above, memory_above
from reports.advice.portal_evidence import (
    chat_slow_untold,
    errors_tracked,
    index_missing,
    index_unused,
    memory_growing,
    model_slow,
    pool_exhausted,
    retrieval_slow,
    tokens_used,
    waiting_slow,
)
from reports.advice.rule import OF_THE_DATABASE, AdviceRule

_OWN_WORDS = (Journey.CHAT, Journey.ONBOARDING, *OF_THE_DATABASE)
"""Journeys with rules of their own for a slow answer."""

FIGURE_RULES = (
    AdviceRule(
        "pool_exhausted",
        "The portal's pool of database connections was exhausted",
        pool_exhausted,
        "Each request waits for a free connection. Slow queries hold them too long, the pool is too small, or more "
        "instances share the database than it has connections for.",
        (POOL, ACTIVITY, "loadtest logs --kind database --since {since}"),
    ),
    AdviceRule(
        "index_missing",
        "The vector index is missing",
        index_missing,
        "A search reads each row that its filter lets through. The migration that makes the index was not run, or the index was dropped for a "
        "load of documents and not made again.",
        (INDEXES, "loadtest check"),
    ),
    AdviceRule(
        "index_unused",
        "The vector index is not used",
        index_unused,
        "The planner's statistics are old, the index is of another operator class than the search's <=>, or too few "
        "lists are probed for the filter by tenant and development.",
        (INDEXES, 'psql "$DATABASE_URL" -c "ANALYZE doc_chunks"', "loadtest check"),
    ),
    AdviceRule(
        "retrieval_slow",
        "Chat answers are slow because of the chunk retrieval",
        retrieval_slow,
        "The vector search takes longer than it may: a missing or unused index, too many rows for one tenant, or "
        "connections that are waited for. Search alone shows it without the model.",
        (INDEXES, POOL, "loadtest run rag"),
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
        (HEALTH, "uptime"),
    ),
    AdviceRule(
        "chat_slow",
        "Chat answers are slow",
        chat_slow_untold,
        "The model (its provider's rate limits), the vector search (missing indexes), an exhausted pool of "
        "database connections, or the network. Search alone tells the first two apart; so does a portal that answers "
        "with Server-Timing.",
        (INDEXES, POOL, "loadtest run rag"),
    ),
    AdviceRule(
        "onboarding_slow",
        "Onboarding is slow",
        latency_above(Journey.ONBOARDING),
        "Look which of its two parts takes the time, above. A slow token resolution points to the database: a "
        "missing index on the token, or an exhausted pool.",
        (
            'psql "$DATABASE_URL" -c "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = \'homeowners\'"',
            POOL,
        ),
    ),
    AdviceRule(
        "search_slow",
        "Vector search is slow",
        latency_above(*OF_THE_DATABASE),
        "The vector index is missing or not used, or the connections are too few: compare query and connection "
        "wait, above.",
        (INDEXES, 'psql "$DATABASE_URL" -c "ANALYZE doc_chunks"'),
    ),
    AdviceRule(
        "answers_slow",
        "The portal's answers are slow",
        latency_above(*(journey for journey in Journey if journey not in _OWN_WORDS)),
        "The portal's process is busy, its queries are slow, or requests wait for a connection of its pool. Compare the "
        "parts of the flow, above.",
        (POOL, ACTIVITY),
    ),
    AdviceRule(
        "memory_high",
        "The portal's memory is high",
        memory_above,
        "A leak, or caches without a bound. Memory that still grows under a steady load is a leak.",
        ("loadtest run {journey} --profile soak",),
    ),
    AdviceRule(
        "memory_growing",
        "The portal's memory grows",
        memory_growing,
        "Under a steady load it should level off: a leak, or a cache without a bound. At this rate it reaches its limit "
        "some time after the run.",
        ("loadtest run {journey} --profile soak",),
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
)
