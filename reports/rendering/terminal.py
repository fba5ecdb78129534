"""The record in a terminal: one run's verdict, and several runs' verdicts side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from reports.state import State
from reports.wording import figures
from reports.wording.sentences import (
    MOST_UNJUDGED,
    UNJUDGED_COLUMNS,
    beside_text,
    capacity_text,
    headline,
    is_judged,
    journeys_text,
    reason,
    row_label,
    server_steps_text,
    strict_text,
    unjudged_cells,
)
from reports.wording.streams import split_text, streams_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

    from reports.finding import Finding
    from reports.record import Verdict
    from reports.rows import OperationRow

_COLOURS = {State.PASS: "green", State.WARN: "yellow", State.FAIL: "red", State.NO_VERDICT: "magenta"}


def state_text(state: State | None) -> Text:
    """A state as shape and word; the colour only repeats them."""
    if state is None:
        return Text(f"{figures.NONE} not judged", style="dim")
    return Text(f"{state.shape} {state.word}", style=f"bold {_COLOURS[state]}")


def print_verdict(
    console: Console, verdict: Verdict, report: Path | None = None, *, strict: bool = False
) -> None:
    """
    Print one run: its verdict, every criterion, why the test is invalid if it is, and what to do next.

    Commands and paths are never broken into lines, so that they can be copied.

    Args:
        console: Where to print.
        verdict: The record.
        report: Path of the page to point to.
        strict: Whether a PASS must be certain.
    """
    console.print()
    console.print(
        Text.assemble(state_text(verdict.state), f"  {journeys_text(verdict)}: {headline(verdict)}")
    )
    console.print()
    for table in _tables(verdict):
        console.print(table)
    for title, text in _remarks(verdict):
        console.print(Text.assemble("\n", (f"{title}: ", "bold"), text))
    for problem in verdict.problems:
        console.print(Text.assemble("\n", ("Not valid: ", "bold"), problem.message))
        if problem.next_step:
            console.print(_indented(problem.next_step))
    for note in verdict.notes:
        console.print(Text.assemble("\n", ("Note: ", "bold"), note))
    for advice in verdict.advice:
        console.print(Text.assemble("\n", ("Next: ", "bold"), advice.title))
        console.print(_indented(f"Seen: {advice.evidence}."))
        console.print(_indented(advice.cause))
        for command in advice.commands:
            console.print(Text(f"    {command}", style="cyan"), soft_wrap=True)
    if strict and (doubt := strict_text(verdict)):
        console.print(Text.assemble("\n", ("Not certain: ", "bold"), doubt))
    if report is not None:
        console.print(Text.assemble("\n", ("Report: ", "bold"), str(report)), soft_wrap=True)


def _remarks(verdict: Verdict) -> Iterator[tuple[str, str]]:
    for line in streams_text(verdict):
        yield "What a homeowner saw", line
    for line in split_text(verdict):
        yield "By header", line
    for line in server_steps_text(verdict):
        yield "Where the time went", line
    for capacity in verdict.capacities:
        yield "How far", capacity_text(capacity)
    if verdict.beside is not None:
        yield "Baseline", beside_text(verdict.beside)


def print_verdicts(console: Console, runs: Sequence[tuple[Verdict, Path]]) -> None:
    """
    Print several runs, one line each: journey, verdict, requests, failures and what decided it; then the reports' paths.

    Args:
        console: Where to print.
        runs: Each verdict with the path of its report.
    """
    table = _borderless_table()
    table.add_column("Journey")
    table.add_column("Verdict", no_wrap=True)
    table.add_column("Requests", justify="right")
    table.add_column("Failed", justify="right")
    table.add_column("Because")
    for verdict, _ in runs:
        requests, failures = verdict.asked
        table.add_row(
            Text(journeys_text(verdict)),
            state_text(verdict.state),
            figures.count(requests),
            figures.count(failures),
            Text(reason(verdict)),
        )
    console.print(table)
    console.print()
    for verdict, report in runs:
        console.print(Text(f"{journeys_text(verdict)} report: {report}"), soft_wrap=True)


def _tables(verdict: Verdict) -> Iterator[Table]:
    """The criteria; where there are none, what was measured."""
    if verdict.findings:
        yield _criteria(verdict.findings)
    if not is_judged(verdict):
        yield _unjudged(verdict.operations)


def _criteria(findings: Iterable[Finding]) -> Table:
    table = _borderless_table()
    table.add_column("State", no_wrap=True)
    table.add_column("Criterion")
    table.add_column("Measured", justify="right", no_wrap=True)
    table.add_column("Passes", justify="right", no_wrap=True)
    table.add_column("Fails", justify="right", no_wrap=True)
    subject = ""
    for finding in findings:
        if finding.subject != subject:
            subject = finding.subject
            table.add_row("", Text(figures.subject_label(subject), style="bold"))
        label = Text(figures.metric_label(finding.metric, finding.limits))
        for remark in filter(None, (finding.note, figures.certainty_text(finding))):
            label.append(f"\n{remark}", style="dim")
        table.add_row(
            state_text(finding.state),
            label,
            figures.finding_value(finding),
            figures.passes_text(finding.metric, finding.limits),
            figures.fails_text(finding.metric, finding.limits),
        )
    return table


def _unjudged(rows: Sequence[OperationRow]) -> Table:
    """What was measured without any criterion about it, and so without limits."""
    table = _borderless_table()
    for heading in ("Request", *UNJUDGED_COLUMNS):
        table.add_column(heading, justify="left" if heading == "Request" else "right")
    for row in rows[:MOST_UNJUDGED]:
        table.add_row(Text(row_label(row)), *unjudged_cells(row, rows))
    if len(rows) > MOST_UNJUDGED:
        table.add_row(f"and {len(rows) - MOST_UNJUDGED:,} more in verdict.json")
    return table


def _borderless_table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")


def _indented(text: str) -> Padding:
    return Padding(Text(text), (0, 0, 0, 2))
