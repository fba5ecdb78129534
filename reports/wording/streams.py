"""Sentences about streamed answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.stream_figures import STALL_S, Moment
from reports.wording.figures import latency_figure, seconds

if TYPE_CHECKING:
    from reports.record import Verdict
    from reports.rows import StreamRow

_SAID = frozenset({Moment.FIRST_CONTENT, Moment.LARGEST_GAP, Moment.DONE})


def streams_text(verdict: Verdict) -> list[str]:
    """What a homeowner saw of streamed answers; a line per operation."""
    return [
        f"{row.operation.label}: {'; '.join([*_moments(row), stream_counts_text(row)])}"
        for row in verdict.streams
    ]


def _moments(row: StreamRow) -> list[str]:
    return [
        f"{one.moment.label.lower()} p50 {latency_figure(one.latency, 'p50_ms')}, "
        f"p95 {latency_figure(one.latency, 'p95_ms')}"
        for one in row.moments
        if one.moment in _SAID
    ]


def stream_counts_text(row: StreamRow) -> str:
    """How long the answers were, and how many of them halted."""
    if not row.answers:
        return "no answer came to its end."
    tokens = "" if row.tokens is None else f", {row.tokens:,.0f} tokens"
    said = [
        f"{row.contents:,.0f} texts with {row.words:,.0f} words{tokens} per answer",
        f"{row.answers - row.read:,} of {row.answers:,} answers kept a reader waiting",
    ]
    if row.heartbeats:
        said.append(f"{row.heartbeats:,.1f} heartbeats per answer")
    if row.stalls:
        said.append(f"{row.stalls:,} gaps above {STALL_S:g} s, together {seconds(row.stalled_s)} beyond it")
    if row.fake:
        said.append(f"the text of {row.fake:,} came all at once")
    return "; ".join(said) + "."


def split_text(verdict: Verdict) -> list[str]:
    """What tells the successes of an operation apart; a line per operation."""
    return [
        f"{row.operation.label if row.operation else row.name}: "
        + ", ".join(
            f"{part.value} {part.answers:,} (p50 {latency_figure(part.latency, 'p50_ms')}, "
            f"p95 {latency_figure(part.latency, 'p95_ms')})"
            for part in row.split
        )
        + "."
        for row in verdict.operations
        if row.split
    ]
