"""``report.html``: the record, for people; one file that needs no network."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from conf.operations import Journey
from reports import drawing, figures, wording
from reports.record import Source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reports.charts import Gallery
    from reports.record import Finding, OperationRow, StepRow, Verdict

_TEMPLATES = Path(__file__).parent / "templates"


def render_html(verdict: Verdict) -> str:
    """
    The whole record as a page.

    Everything is inline and nothing is loaded from anywhere; texts from outside are escaped.
    """
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(drawing=drawing, figures=figures, wording=wording)
    return environment.get_template("report.html.j2").render(
        verdict=verdict,
        facts=_facts(verdict),
        finding_groups=_by_subject(verdict.findings),
        column=figures.Column([row.latency.p50_ms for row in verdict.operations]),
        lag_column=figures.Column([row.lag.p50_ms for row in verdict.health if row.lag]),
        breakdowns=_breakdowns(verdict.operations),
        step_groups=_by_operation(verdict),
        galleries=_galleries(verdict),
        from_csv=any(row.source is Source.LOCUST_CSV for row in verdict.operations),
    )


def _galleries(verdict: Verdict) -> list[Gallery]:
    if verdict.course is None:
        return []
    from reports.charts import draw_charts  # noqa: PLC0415 - takes time and memory that only drawing needs

    return draw_charts(verdict)


def _facts(verdict: Verdict) -> list[tuple[str, str]]:
    """The few figures that stand beside the verdict."""
    requests, failures = verdict.asked
    facts = [("Requests", figures.count(requests)), ("Failed", figures.count(failures))]
    if manifest := verdict.manifest:
        facts += [
            ("Users at once", figures.count(manifest.users_peak)),
            ("Length", figures.seconds(manifest.length_s)),
            ("Target", manifest.target.partition("://")[2]),
            ("Started", f"{manifest.started_at:%Y-%m-%d %H:%M} UTC"),
        ]
    return facts


def _by_subject(findings: Iterable[Finding]) -> list[tuple[str, list[Finding]]]:
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.subject, []).append(finding)
    return list(groups.items())


def _breakdowns(rows: Iterable[OperationRow]) -> list[tuple[Journey, list[OperationRow], list[float | None]]]:
    """Journeys made of several operations: their rows, and all the values that share one scale."""
    journeys = {
        journey: [row for row in rows if row.operation and row.operation.journey is journey]
        for journey in Journey
    }
    return [
        (journey, parts, [row.latency.p95_ms for row in parts])
        for journey, parts in journeys.items()
        if len(parts) > 1
    ]


class StepGroup(NamedTuple):
    """The steps of one operation, and their curves with users: throughput, p95, and failures where there are any."""

    label: str
    rows: list[StepRow]
    column: figures.Column
    curves: list[tuple[str, drawing.Curve]]


def _by_operation(verdict: Verdict) -> list[StepGroup]:
    laws = {capacity.operation: capacity.scalability for capacity in verdict.capacities}
    groups = []
    for operation, found in groupby(verdict.steps, key=lambda step: step.operation):
        rows = list(found)
        curves = [
            (
                "Throughput, per second",
                drawing.draw_curve(rows, [row.per_second for row in rows], laws.get(operation)),
            ),
            ("p95, ms", drawing.draw_curve(rows, [row.latency.p95_ms for row in rows])),
        ]
        if any(row.failures for row in rows):
            failing = [100 * row.failures / row.requests if row.requests else None for row in rows]
            curves.append(("Failed, %", drawing.draw_curve(rows, failing)))
        column = figures.Column([row.latency.p50_ms for row in rows])
        groups.append(StepGroup(operation.label, rows, column, [(t, curve) for t, curve in curves if curve]))
    return groups
