"""Criteria about rows of Locust's statistics: requests of another project, judged under the names that it gave them."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from conf.metric import parse_metric
from conf.operations import Operation
from conf.subject import AGGREGATED, parse_subject, row_subject
from reports.judgement.assessment import NOT_THERE, assess_subject
from reports.judgement.locust_sample import LocustSample
from reports.problem import Problem, ProblemCode
from reports.record import Advice

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from conf.thresholds import Thresholds
    from reports.finding import Finding
    from reports.reading.locust_csv import StatsRow
    from reports.reading.run_files import RunFiles

_EXAMPLE_FILE = "loadtest-thresholds.toml"
_EXAMPLE = (
    "success_ratio = { pass_above = 0.95, fail_below = 0.9 }",
    "p95_ms = { pass_below = 3000, fail_above = 5000 }",
)
_MOST_NAMED = 8
_ALL = 100.0
"""The maximum, in per cent as a percentile; it has a metric of its own."""


class JudgedRows(NamedTuple):
    """The findings and problems of the criteria about rows."""

    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()


def judge_rows(run: RunFiles, thresholds: Thresholds, minimum_requests: int) -> JudgedRows:
    """
    Judge the rows that criteria name, each by itself.

    A criterion that names no row is a problem: what is demanded was not measured. A name that rows of several types
    have is a problem too. In a run of this suite, rows of its own operations do not count.
    """
    if not run.finished:
        return JudgedRows()  # there are no statistics yet
    findings: list[Finding] = []
    problems: list[Problem] = []
    for text, demands in thresholds.items():
        if not parse_subject(text).rows:
            continue
        rows, problem = _named(run, text)
        if problem:
            problems.append(problem)
        for row in rows:
            subject = AGGREGATED if row is run.total else row_subject(row.method, row.name)
            judged = assess_subject(subject, [LocustSample(row)], demands, minimum_requests)
            findings += [_with_percentiles(finding, row) for finding in judged]
    return JudgedRows(tuple(findings), tuple(problems))


def _named(run: RunFiles, text: str) -> tuple[list[StatsRow], Problem | None]:
    subject = parse_subject(text)
    if subject.rows == AGGREGATED:
        if run.own:
            next_step = "Name its operations: their flows and waits would be counted with the requests they are made of."
            return [], Problem(
                ProblemCode.NEVER_MEASURED, f"thresholds.{text}: is not for a run of this suite", next_step
            )
        return ([run.total], None) if run.total else ([], _missing(run, text))
    candidates = [row for row in run.stats if not (run.own and row.name in set(Operation))]
    rows = [row for row in candidates if subject.names_row(row.method, row.name)]
    if not rows:
        return [], _missing(run, text)
    if len(rows) > 1 and not subject.is_pattern:
        subjects = ", ".join(_key(row.method, row.name) for row in rows)
        return [], Problem(
            ProblemCode.AMBIGUOUS_CRITERION,
            f'thresholds."{text}": {len(rows)} rows have this name',
            f"Name one of them: {subjects}; or all: {_key('*', text)}",
        )
    return rows, None


def _with_percentiles(finding: Finding, row: StatsRow) -> Finding:
    """The finding; where its percentile is missing, the note names the percentiles that the row has."""
    if finding.note != NOT_THERE or parse_metric(finding.metric).percent is None:
        return finding
    names = ", ".join(
        f"p{percent:g}_ms".replace(".", "_") for percent in [p for p in sorted(row.percentiles) if p < _ALL]
    )
    return replace(finding, note=f"{NOT_THERE}; its percentiles are {names or 'none'}")


def _missing(run: RunFiles, text: str) -> Problem:
    return Problem(
        ProblemCode.NEVER_MEASURED,
        f'thresholds."{text}": no row of the statistics has this name',
        f"Name one of those that there are: {_listed(run.stats)}",
    )


def nothing_judged(run: RunFiles) -> Problem:
    """The problem that no criterion is about anything in the run."""
    if run.own:
        next_step = (
            "Name one under [thresholds] in a file, and judge again: loadtest report RUN_DIR --config FILE"
        )
        return Problem(ProblemCode.NOTHING_JUDGED, "No criterion names any operation of this run", next_step)
    if not run.stats:
        next_step = "Look why no request was made, and judge the files of a run with requests."
        return Problem(ProblemCode.NOTHING_JUDGED, "The statistics hold no requests", next_step)
    return Problem(
        ProblemCode.NOTHING_JUDGED,
        "No criterion names any request of this run",
        f"Say what is demanded, under the names of this run: {_listed(run.stats)}; or of all requests together: "
        f"[thresholds.{AGGREGATED}]. Below it stands ready to paste.",
    )


def advise_criteria(run: RunFiles, problems: Iterable[Problem]) -> tuple[Advice, ...]:
    """How to state criteria for another project's run that has none: a file, and the command that judges by it."""
    if run.own or not run.stats or ProblemCode.NOTHING_JUDGED not in {problem.code for problem in problems}:
        return ()
    shown = run.stats[:_MOST_NAMED]
    left_out = len(run.stats) - len(shown)
    more = f", and {left_out:,} more" if left_out else ""
    lines = [
        line
        for subject in [AGGREGATED, *(row_subject(row.method, row.name) for row in shown)]
        for line in (f"[thresholds.{_toml_key(subject)}]", *_EXAMPLE)
    ]
    written = " ".join(map(shlex.quote, lines))
    return (
        Advice(
            "nothing_demanded",
            "Say what is demanded of these requests",
            f"the statistics name {', '.join(_spelled(row) for row in shown)}{more}",
            "Without a demand there is no PASS. Write criteria under these names; the limits here are only examples. A * "
            'stands for any characters: "* /api/*" names every request below /api/.',
            (
                f"printf '%s\\n' {written} > {_EXAMPLE_FILE}",
                f"loadtest report {shlex.quote(run.path)} --config {_EXAMPLE_FILE}",
            ),
        ),
    )


def _listed(rows: Sequence[StatsRow]) -> str:
    left_out = len(rows) - _MOST_NAMED
    keys = ", ".join(_key(row.method, row.name) for row in rows[:_MOST_NAMED])
    return keys + (f" and {left_out:,} more" if left_out > 0 else "")


def _spelled(row: StatsRow) -> str:
    return f"{row.method} {row.name}".strip()


def _key(method: str, name: str) -> str:
    return f"[thresholds.{_toml_key(row_subject(method, name))}]"


def _toml_key(text: str) -> str:
    """The text as a key of TOML, quoted as in JSON, which TOML reads too."""
    return text if text == AGGREGATED else json.dumps(text, ensure_ascii=False)
