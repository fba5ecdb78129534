"""``report.html``: the record, for people; one file that needs no network."""

from __future__ import annotations

from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from conf.operations import Journey
from conf.subject import row_subject
from reports.charts import drawing
from reports.rows import Source
from reports.wording import figures, streams
from reports.wording import sentences as wording

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conf.operations import Operation
    from reports.charts.gallery import Gallery
    from reports.finding import Finding
    from reports.record import Verdict
    from reports.rows import OperationRow, ServerStepRow, StepRow

_TEMPLATES = Path(__file__).parent / "templates"


def render_html(verdict: Verdict) -> str:
    """
    The whole record as a page.

    Everything is inline and nothing is loaded from elsewhere; texts from outside are escaped.
    """
    context = _context(verdict) | {"galleries": _galleries(verdict)}
    return template_environment().get_template("report.html.j2").render(context)


def render_parts(verdict: Verdict, *names: str) -> str:
    """Only the named blocks of the page's template, in this order."""
    template = template_environment().get_template("report.html.j2")
    context = template.new_context(_context(verdict))
    return "".join(part for name in names for part in template.blocks[name](context))


def style_sheet() -> str:
    """The page's style, for other pages that show parts of it."""
    return (_TEMPLATES / "report.css").read_text(encoding="utf-8")


@cache
def template_environment() -> Environment:
    """Jinja with everything that the page's templates use: figures, wording, drawing, and the marks of the states."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(drawing=drawing, figures=figures, wording=wording, streams=streams)
    # A block that is rendered by itself sees every global, but no macro of its template.
    marks = environment.get_template("marks.html.j2").module
    environment.globals.update({name: getattr(marks, name) for name in ("shape", "badge", "bar")})
    return environment


def _context(verdict: Verdict) -> dict[str, Any]:
    judged = {finding.subject for finding in verdict.findings}
    return {
        "verdict": verdict,
        "facts": facts_of(verdict),
        "finding_groups": _by_subject(verdict.findings),
        "column": figures.Column([row.latency.p50_ms for row in verdict.operations]),
        "lag_column": figures.Column([row.lag.p50_ms for row in verdict.health if row.lag]),
        "breakdowns": _breakdowns(verdict.operations),
        "step_groups": _by_operation(verdict),
        "server_step_groups": _server_steps(verdict),
        "streamed": {row.operation for row in verdict.streams},
        "stream_groups": [
            (row, figures.Column([one.latency.p50_ms for one in row.moments])) for row in verdict.streams
        ],
        "judged_rows": {
            (row.method, row.name)
            for row in verdict.operations
            if row_subject(row.method, row.name) in judged
        },
        "from_csv": any(row.source is Source.LOCUST_CSV for row in verdict.operations),
    }


def _galleries(verdict: Verdict) -> list[Gallery]:
    if verdict.course is None:
        return []
    from reports.charts.gallery import draw_charts  # noqa: PLC0415 - takes time and memory that only drawing needs

    return draw_charts(verdict)


def facts_of(verdict: Verdict) -> list[tuple[str, str]]:
    """The few figures next to the verdict."""
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
    """Journeys with several operations: their rows, and all values that share one scale."""
    journeys = {
        journey: [row for row in rows if row.operation and row.operation.journey is journey]
        for journey in Journey
    }
    return [
        (journey, parts, [row.latency.p95_ms for row in parts])
        for journey, parts in journeys.items()
        if len(parts) > 1
    ]


def _server_steps(verdict: Verdict) -> list[tuple[Operation, list[ServerStepRow], figures.Column]]:
    groups = groupby(verdict.server_steps, key=lambda row: row.operation)
    return [
        (operation, rows, figures.Column([row.latency.mean_ms for row in rows]))
        for operation, found in groups
        if (rows := list(found))
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
        if any(row.first_content for row in rows):
            firsts = [row.first_content.p95_ms if row.first_content else None for row in rows]
            curves.append(("First text p95, ms", drawing.draw_curve(rows, firsts)))
        if any(row.failures for row in rows):
            failing = [100 * row.failures / row.attempts if row.attempts else None for row in rows]
            curves.append(("Failed, %", drawing.draw_curve(rows, failing)))
        column = figures.Column([row.latency.p50_ms for row in rows])
        groups.append(StepGroup(operation.label, rows, column, [(t, curve) for t, curve in curves if curve]))
    return groups
