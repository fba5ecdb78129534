"""What to do about streamed answers that come late, halting, at once, broken off or without the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.metric import MetricKind, parse_metric
from conf.operations import Outcome
from conf.stream_figures import Moment
from reports.advice.commands import HEALTH, POOL
from reports.advice.evidence import finding_text, listed, requests_failed
from reports.advice.rule import AdviceRule
from reports.state import State
from reports.wording.figures import count, latency_figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reports.finding import Finding
    from reports.record import Verdict

_MODEL_LOG = "loadtest logs --kind llm --since {since}"


def _not_passing(*metrics: Moment | MetricKind) -> Callable[[Verdict], str]:
    """Criteria about these figures of streamed answers that do not pass."""

    def is_meant(finding: Finding) -> bool:
        if finding.limits is None or finding.state not in {State.WARN, State.FAIL}:
            return False
        metric = parse_metric(finding.metric)
        return metric.moment in metrics or metric.kind in metrics

    return lambda verdict: listed(finding_text(finding) for finding in verdict.findings if is_meant(finding))


def _late(verdict: Verdict) -> str:
    """The first text comes late; with what came before it."""
    seen = _not_passing(Moment.FIRST_CONTENT)(verdict)
    return listed([seen, *_before_text(verdict)]) if seen else ""


def _before_text(verdict: Verdict) -> Iterator[str]:
    for row in verdict.streams:
        for one in row.moments:
            if one.moment in {Moment.HEADERS, Moment.FIRST_SOURCE}:
                yield f"{one.moment.label.lower()} p50 {latency_figure(one.latency, 'p50_ms')}"


def _intercepted(verdict: Verdict) -> str:
    """More answers came without the model than a criterion allows."""
    over = {
        finding.subject
        for finding in verdict.findings
        if finding.state in {State.WARN, State.FAIL} and finding.subject.endswith(f".{Outcome.INTERCEPTED}")
    }
    return listed(
        f"{row.operation.label}: {count(row.intercepted)} of {count(row.requests)} answers"
        for row in verdict.operations
        if row.operation and f"{row.operation}.{Outcome.INTERCEPTED}" in over
    )


STREAM_RULES = (
    AdviceRule(
        "stream_error",
        "The portal gave up in the middle of streamed answers",
        requests_failed(outcomes=[Outcome.STREAM_ERROR]),
        "The status was 200 by then, so that nothing but the stream says it. The model's provider refused or failed "
        "while it answered, or the portal failed between two texts. The portal's log has the request by its trace.",
        (_MODEL_LOG, "loadtest logs --since {since}"),
    ),
    AdviceRule(
        "stream_truncated",
        "Streamed answers break off",
        requests_failed(outcomes=[Outcome.TRUNCATED]),
        "The connection ended before the answer did: a proxy's limit of time or of idleness, a worker of the portal that was "
        "killed or restarted, or an exception in its stream.",
        (HEALTH, "loadtest logs --since {since}"),
    ),
    AdviceRule(
        "stream_without_text",
        "Streamed answers end without a text",
        requests_failed(outcomes=[Outcome.NO_CONTENT]),
        "The model answered nothing: its filter, a limit of tokens that the question alone fills, or an error that the portal swallows.",
        (_MODEL_LOG,),
    ),
    AdviceRule(
        "stream_idle",
        "Streamed answers fall silent",
        requests_failed(outcomes=[Outcome.IDLE]),
        "The connection stays open, perhaps with heartbeats, and no text comes: the portal waits for the model without a limit of time.",
        (_MODEL_LOG, HEALTH),
    ),
    AdviceRule(
        "first_text_late",
        "The first text of streamed answers comes late",
        _late,
        "Where headers and sources come early, the model's first token is late: its provider's queue, a long prompt, a cold start. Where they are late as "
        "well, the time passes before it: the chunk retrieval, the pool of connections, or a worker of the portal that is waited for.",
        (POOL, _MODEL_LOG),
    ),
    AdviceRule(
        "text_halts",
        "Streamed answers halt, or come slowly",
        _not_passing(Moment.LARGEST_GAP, Moment.DONE, MetricKind.KEEPS_READING_RATIO),
        "A homeowner who reads has to wait for the next text: the model pauses or is slow, the portal's event loop is busy with other "
        "requests, or a proxy collects text and passes it on in bursts. The charts above show single answers text by text.",
        (_MODEL_LOG, HEALTH),
    ),
    AdviceRule(
        "text_at_once",
        "Streamed answers come all at once",
        _not_passing(MetricKind.FAKE_STREAM_RATIO),
        "The answer is collected on its way: a proxy buffers it (nginx: proxy_buffering off, or the header X-Accel-Buffering: no) or compresses it, "
        "or the portal waits for the whole answer of the model.",
        (HEALTH,),
    ),
    AdviceRule(
        "intercepted",
        "Many answers came without the model",
        _intercepted,
        "The portal answers some questions by rules of its own, quickly: these answers are in no figure. Ask questions that reach the model, from a file: "
        "run.questions.",
        ("loadtest check", "loadtest run {journey}"),
    ),
)
