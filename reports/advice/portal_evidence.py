"""Predicates over what was seen of the portal's inside: its steps, pool, index, limits, memory and errors."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from conf.operations import Journey, Operation
from conf.subject import PORTAL, parse_subject
from monitoring.journal.tracker import DATABASE, LLM
from monitoring.probing.vector_index import COSTLY_MS
from reports.advice.evidence import Share, latency_above, listed, requests_failed
from reports.judgement.server_steps import REST, slowest_step
from reports.wording.figures import count, figure

if TYPE_CHECKING:
    from collections.abc import Callable

    from reports.advice.evidence import Evidence
    from reports.manifest import RateLimited
    from reports.record import FailureGroup, Verdict
    from reports.rows import ServerStepRow

RETRIEVAL = frozenset({"retrieval", "search", "vector", "chunk-retrieval"})
"""What portals call the step that searches for chunks."""
_SLOW_SEARCH_MS = 500.0
"""The p95 up to which vector search is expected to pass, where the run's thresholds give no limit."""
_CLOCK_AHEAD_S = 3.0
"""A smaller difference proves nothing: the Date of an answer is in whole seconds, and the answer takes time."""
_CLOCK_BEHIND_S = 3600.0
"""A JWT is valid for hours: a portal with a clock a little ahead refuses none."""
_LEAST_FOR_GROWTH_S = 600
_LEAST_EXHAUSTED = 2
"""Looks at the pool that found it exhausted: in any run, requests may wait for a moment."""
_LEAST_GROWTH_MB_PER_HOUR = 5.0


def jwts_refused(share: Share = Share.ANY) -> Evidence:
    """Requests that carry a JWT were answered 401."""
    return requests_failed("http_401", share=share, only=_carries_jwt)


def _carries_jwt(verdict: Verdict, group: FailureGroup) -> bool:
    """Whether the contract's request is sent with a JWT; of another project's runs, which name no contract, it may be."""
    contract = verdict.manifest.settings.contract if verdict.manifest else None
    return contract is None or group.operation is None or contract.carries_jwt(group.operation)


tokens_refused = requests_failed("http_401", only=lambda verdict, group: not _carries_jwt(verdict, group))
"""Requests without a JWT were answered 401."""
_refused_jwts = jwts_refused()


def rate_limited(verdict: Verdict) -> str:
    """Refused requests, the time of the first, the contract's limit, and how long the portal asks to wait."""
    manifest = verdict.manifest
    if manifest is None:
        return ""
    answered = {row.operation: row.successes for row in verdict.operations}
    return listed(
        _limit_text(row, answered.get(row.operation, 0), manifest.settings.contract.limit(row.operation))
        for row in manifest.rate_limited
    )


def _limit_text(row: RateLimited, answered: int, limit: str) -> str:
    stated = f"; the contract's limit: {limit}" if limit else ""
    wait = f"; the portal asks to wait up to {row.longest_wait_s:,.0f} s" if row.longest_wait_s else ""
    return (
        f"{row.operation.label}: {count(row.refused)} refused since {row.first_at:%H:%M:%S} UTC, "
        f"{count(answered)} answered{stated}{wait}"
    )


def clock_differs(verdict: Verdict) -> str:
    """JWTs were refused, and by the portal's own clock they are not valid yet, or no longer valid."""
    manifest = verdict.manifest
    ahead_s = manifest.clock_ahead_s if manifest else None
    refused = _refused_jwts(verdict)
    if ahead_s is None or not refused or not (ahead_s >= _CLOCK_AHEAD_S or ahead_s <= -_CLOCK_BEHIND_S):
        return ""
    side = "behind" if ahead_s > 0 else "ahead of"
    return f"the portal's clock is {abs(ahead_s):,.0f} s {side} this machine's, by the Date of its answers; {refused}"


def pool_exhausted(verdict: Verdict) -> str:
    """Requests waited for a connection, or the portal's pool did not answer at all."""
    pool = verdict.manifest.pool if verdict.manifest else None
    if pool is None or pool.exhausted < _LEAST_EXHAUSTED:
        return ""
    return (
        f"no connection of {count(pool.connections)} was idle and others waited in {pool.exhausted} of {pool.looks} "
        f"looks; up to {count(pool.most_waiting)} waited"
    )


def index_missing(verdict: Verdict) -> str:
    """The vector column has no index at all."""
    index = verdict.manifest.vector_index if verdict.manifest else None
    if index is None or index.name:
        return ""
    return f"doc_chunks has no ivfflat or hnsw index on embedding, and {count(index.chunks)} rows"


def index_unused(verdict: Verdict) -> str:
    """An index exists, but a search in the first house's development does not use it and takes long."""
    index = verdict.manifest.vector_index if verdict.manifest else None
    if index is None or not index.name or index.used or index.search_ms < COSTLY_MS:
        return ""
    return (
        f"a search of the first house's development reads {count(index.rows_read)} rows of doc_chunks in "
        f"{figure('mean_ms', index.search_ms)} instead of the {index.method} index {index.name}"
    )


def retrieval_slow(verdict: Verdict) -> str:
    """Chat is slow, and its chunk retrieval is slower than vector search may be."""
    return listed(_step_text(step) for step in _slow_retrieval(verdict))


def model_slow(verdict: Verdict) -> str:
    """Chat is slow, retrieval is not, and another step takes most of the time."""
    return _slowest(verdict, lambda step: step.name != REST)


def waiting_slow(verdict: Verdict) -> str:
    """Chat is slow, and most of its time passes outside of the steps that the portal times."""
    return _slowest(verdict, lambda step: step.name == REST)


def chat_slow_untold(verdict: Verdict) -> str:
    """Chat is slow, and the portal reports no times of its steps."""
    told = any(step.operation is Operation.CHAT for step in verdict.server_steps)
    return "" if told else latency_above(Journey.CHAT)(verdict)


def memory_growing(verdict: Verdict) -> str:
    """The portal's memory certainly grows, in a run that is long enough to show it."""
    if verdict.manifest is None or verdict.manifest.length_s < _LEAST_FOR_GROWTH_S:
        return ""
    return listed(
        f"{row.process}: {row.slope.mb_per_hour:,.1f} MB per hour (95 %: {row.slope.low:,.1f} to {row.slope.high:,.1f}), "
        f"from {row.first_mb:,.0f} to {row.last_mb:,.0f} MB in {verdict.manifest.length_s / 60:,.0f} minutes"
        for row in verdict.memory
        if row.process == PORTAL and row.slope and row.slope.low > _LEAST_GROWTH_MB_PER_HOUR
    )


def tokens_used(verdict: Verdict) -> str:
    """Homeowners scanned codes that had been used before the run."""
    used = verdict.manifest.onboarded_before if verdict.manifest else 0
    return f"{count(used)} token resolutions answered 409: already onboarded" if used else ""


def errors_tracked(verdict: Verdict) -> str:
    """The portal logged errors of its own during the run; requests that it refused are not among them."""
    return listed(
        f"{count(group.count)} of {group.kind} on {group.route}{f', in {group.step}' if group.step else ''}: {group.message}"
        for group in verdict.tracked
        if group.kind in {DATABASE, LLM} or (group.status or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR
    )


def _slow_retrieval(verdict: Verdict) -> list[ServerStepRow]:
    if not latency_above(Journey.CHAT)(verdict):
        return []
    thresholds = verdict.manifest.settings.thresholds if verdict.manifest else {}
    limits = next(
        (
            metrics["p95_ms"]
            for subject, metrics in thresholds.items()
            if parse_subject(subject).operation is Operation.RAG_SEARCH and "p95_ms" in metrics
        ),
        None,
    )
    most_ms = (limits.pass_below if limits else None) or _SLOW_SEARCH_MS
    return [
        step
        for step in verdict.server_steps
        if step.operation is Operation.CHAT
        and step.name in RETRIEVAL
        and (step.latency.p95_ms or 0) >= most_ms
    ]


def _slowest(verdict: Verdict, is_meant: Callable[[ServerStepRow], bool]) -> str:
    if not latency_above(Journey.CHAT)(verdict) or _slow_retrieval(verdict) or _is_streamed(verdict):
        return ""
    step = slowest_step(verdict.server_steps, Operation.CHAT)
    return _step_text(step) if step is not None and is_meant(step) else ""


def _is_streamed(verdict: Verdict) -> bool:
    """Whether the portal's times end with the headers, before most of an answer's time."""
    return any(row.operation is Operation.CHAT for row in verdict.streams)


def _step_text(step: ServerStepRow) -> str:
    p95 = f", p95 {figure('p95_ms', step.latency.p95_ms)}" if step.latency.p95_ms is not None else ""
    return (
        f"{step.label}: {figure('share_ratio', step.share)} of the mean chat answer, "
        f"{figure('mean_ms', step.latency.mean_ms)} on average{p95}"
    )
