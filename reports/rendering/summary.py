"""``summary.md``: the record on one screen of Markdown, for the page of a CI job."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reports.wording import figures
from reports.wording.sentences import (
    UNJUDGED_COLUMNS,
    capacity_text,
    headline,
    is_judged,
    journeys_text,
    row_label,
    server_steps_text,
    unjudged_cells,
)
from reports.wording.streams import split_text, streams_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reports.finding import Finding
    from reports.problem import Problem
    from reports.record import Advice, FailureGroup, Verdict
    from reports.rows import OperationRow
    from reports.state import State

_MOST_ROWS = 20
"""Most rows of a list that may have any length; the rest is only counted."""
_MOST_FAILURES = 5
_MOST_CHARACTERS = 300
"""Most characters of one text from outside."""
_LEFT_OUT = "… and {count:,} more in `verdict.json`."
_BLANK = re.compile(r"[^\S\u00a0]+")
_ACTIVE = re.compile(r"[\\`*\[<&|~$]|(?<![^\W_])_|_(?![^\W_])")
"""Characters that Markdown or HTML may take for more than text inside of a line; ``_`` within a word is none."""
_REFERENCES = {"<": "&lt;", "&": "&amp;"}


def render_summary(verdict: Verdict) -> str:
    """
    Headline, criteria, problems, notes, advice, failures, steps, and how the run was made.

    Texts from outside are cut off after 300 characters and shown as they are: none of their characters acts as Markdown
    or HTML.
    """
    parts = [
        f"## {_state(verdict.state)}: {_text(journeys_text(verdict))}",
        _text(headline(verdict)),
        *_problems(verdict.problems),
        *_criteria(verdict.findings),
        *(() if is_judged(verdict) else _unjudged(verdict.operations)),
        *(f"Note: {_text(note)}" for note in verdict.notes),
        *(f"What a homeowner saw: {_text(line)}" for line in streams_text(verdict)),
        *(f"By header: {_text(line)}" for line in split_text(verdict)),
        *(f"Where the time went: {_text(line)}" for line in server_steps_text(verdict)),
        *_advice(verdict.advice),
        *_failures(verdict.failures),
        *_steps(verdict),
        _made(verdict),
    ]
    return "\n\n".join(parts) + "\n"


def _problems(problems: Sequence[Problem]) -> Iterator[str]:
    if not problems:
        return
    yield "### Why this test is not valid"
    lines = [
        f"- **Not valid:** {_text(problem.message)}"
        + (f"<br>Next: {_text(problem.next_step)}" if problem.next_step else "")
        for problem in problems[:_MOST_ROWS]
    ]
    yield "\n".join(lines)
    yield from _left_out(problems, _MOST_ROWS)


def _criteria(findings: Sequence[Finding]) -> Iterator[str]:
    if not findings:
        return
    yield _table(
        ("State", "Criterion", "Measured (95 % interval)", "Passes", "Fails"),
        "llrrr",
        (
            (
                _state(finding.state),
                _criterion(finding),
                _measured(finding),
                _text(figures.passes_text(finding.metric, finding.limits)),
                _text(figures.fails_text(finding.metric, finding.limits)),
            )
            for finding in findings
        ),
    )


def _unjudged(rows: Sequence[OperationRow]) -> Iterator[str]:
    if not rows:
        return
    yield _table(
        ("Request", *UNJUDGED_COLUMNS),
        "lrrrrr",
        ((_text(row_label(row)), *map(_text, unjudged_cells(row, rows))) for row in rows[:_MOST_ROWS]),
    )
    yield from _left_out(rows, _MOST_ROWS)


def _criterion(finding: Finding) -> str:
    label = (
        f"{figures.subject_label(finding.subject)}: {figures.metric_label(finding.metric, finding.limits)}"
    )
    return "<br>".join(_text(line) for line in (label, finding.note, figures.certainty_text(finding)) if line)


def _measured(finding: Finding) -> str:
    # A finding that is not certain shows its interval with the reason.
    interval = "" if figures.certainty_text(finding) else figures.interval_text(finding)
    return "<br>".join(_text(line) for line in (figures.finding_value(finding), interval) if line)


def _advice(advices: Iterable[Advice]) -> Iterator[str]:
    for number, advice in enumerate(advices):
        if number == 0:
            yield "### What to do next"
        yield f"**{_text(advice.title)}**<br>Seen: {_text(advice.evidence)}. {_text(advice.cause)}"
        if advice.commands:
            yield _code(advice.commands)


def _failures(failures: Sequence[FailureGroup]) -> Iterator[str]:
    if not failures:
        return
    yield "### What failed"
    yield _table(
        ("Count", "Operation", "Kind", "Message"),
        "rlll",
        (
            (
                figures.count(group.count),
                _text(row_label(group)),
                group.outcome or figures.NONE,
                _text(group.message),
            )
            for group in failures[:_MOST_FAILURES]
        ),
    )
    yield from _left_out(failures, _MOST_FAILURES)


def _steps(verdict: Verdict) -> Iterator[str]:
    steps = [row for row in verdict.steps if row.state is not None] or verdict.steps
    if not steps:
        return
    yield "### Step by step"
    yield from (f"How far: {_text(capacity_text(capacity))}" for capacity in verdict.capacities)
    column = figures.Column([row.latency.p50_ms for row in steps])
    yield _table(
        (
            "State",
            "Operation",
            "Users",
            "Requests",
            "Failed",
            "Cut off",
            "Per second",
            "p50, ms",
            "p95, ms",
            "p99, ms",
        ),
        "llrrrrrrrr",
        (
            (
                _state(row.state),
                _text(row.operation.label),
                figures.count(row.users),
                figures.count(row.requests),
                figures.count(row.failures),
                figures.cut_off(row.cut_off),
                figures.per_second(row.per_second),
                *(_text(column.of(row.latency, name)) for name in ("p50_ms", "p95_ms", "p99_ms")),
            )
            for row in steps[:_MOST_ROWS]
        ),
    )
    yield from _left_out(steps, _MOST_ROWS)


def _made(verdict: Verdict) -> str:
    facts = {"Run": verdict.run_id}
    if manifest := verdict.manifest:
        facts |= {
            "commit": manifest.git_commit or "not in a Git checkout",
            "profile": manifest.profile,
            "target": manifest.target,
            "began": f"{manifest.started_at:%Y-%m-%d %H:%M:%S} UTC",
        }
    return ", ".join(f"{name} {_text(value)}" for name, value in facts.items()) + (
        f". Judged by {_text(verdict.judged_by)}."
    )


def _state(state: State | None) -> str:
    return f"{figures.NONE} not judged" if state is None else f"{state.shape} {state.word}"


def _table(heads: Sequence[str], sides: str, rows: Iterable[Sequence[str]]) -> str:
    rules = ["---:" if side == "r" else "---" for side in sides]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rules, *rows))


def _left_out(rows: Sequence[object], most: int) -> Iterator[str]:
    if len(rows) > most:
        yield _LEFT_OUT.format(count=len(rows) - most)


def _text(text: str) -> str:
    """One line of plain text: every character that could be Markdown or HTML is written as a reference."""
    return _ACTIVE.sub(lambda match: _REFERENCES.get(match[0], f"&#{ord(match[0])};"), _cut(_line(text)))


def _cut(line: str) -> str:
    return line if len(line) <= _MOST_CHARACTERS else f"{line[:_MOST_CHARACTERS]}…"


def _line(text: str) -> str:
    """One line without control characters, which are shown as ``?``; spaces that hold figures together stay."""
    line = _BLANK.sub(" ", text).strip()
    return "".join(letter if letter.isprintable() or letter == "\u00a0" else "?" for letter in line)


def _code(commands: Iterable[str]) -> str:
    """A block of commands, ready to paste; its fence is longer than any row of backticks in it."""
    code = "\n".join(map(_line, commands))
    fence = "`" * max([3, *(len(row) + 1 for row in re.findall("`+", code))])
    return f"{fence}sh\n{code}\n{fence}"
