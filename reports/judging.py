"""From a run directory to its verdict, and from a verdict to its reports."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from conf.loading import load_settings
from conf.operations import Journey, Operation
from conf.thresholds import PORTAL, Thresholds
from reports.advice import advise
from reports.assessment import (
    assess_isolation,
    assess_memory,
    assess_operation,
    assess_validity,
    judged_operations,
    worst_state,
)
from reports.html_page import render_html
from reports.json_file import render_json
from reports.output import write_text
from reports.reconciliation import reconcile
from reports.record import Problem, Verdict
from reports.run_directory import load_run
from reports.tabulation import build_failure_groups, build_operation_rows, build_step_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from reports.manifest import Manifest
    from reports.record import Finding, OperationRow
    from reports.run_directory import RunFiles

VERDICT_FILE = "verdict.json"
REPORT_FILE = "report.html"


class _Demands(NamedTuple):
    thresholds: Thresholds
    minimum_requests: int
    judged_by: str


def judge_run(
    run_dir: Path, thresholds: Thresholds | None = None, *, minimum_requests: int | None = None
) -> Verdict:
    """
    Judge a finished run by its files alone.

    A file that is missing or damaged, and whatever else makes the test invalid, is a problem in the verdict
    (NO VERDICT); the figures that could be read are in it all the same.

    Args:
        run_dir: A run directory of this suite, or one with the CSV files of any Locust run.
        thresholds: What is demanded. By default what the run was configured with; for somebody else's run, what
            the suite itself comes with.
        minimum_requests: Successful requests that an operation must have to be judged; same default.

    Raises:
        LoadTestError: *run_dir* does not hold exactly one run.
    """
    run = load_run(run_dir)
    contract = load_settings(environ={}).contract
    demands = _demands(run, thresholds, minimum_requests)
    rows = build_operation_rows(run.measurements, run.stats, contract, run.manifest)
    failures = build_failure_groups(run.failures, contract)
    journeys = run.manifest.journeys if run.manifest else _seen_journeys(rows)
    findings = [
        *_judge_operations(rows, demands, run.manifest),
        *assess_isolation(rows, failures),
        *assess_memory(run.memory, demands.thresholds.get(PORTAL, {}), journeys),
    ]
    problems = [
        *run.problems,
        *_invalidities(run),
        *assess_validity(rows, findings, demands.minimum_requests),
    ]
    verdict = Verdict(
        state=worst_state(findings, problems),
        run_id=run.run_id,
        manifest=run.manifest,
        journeys=journeys,
        judged_by=demands.judged_by,
        findings=tuple(findings),
        operations=tuple(rows),
        steps=tuple(build_step_rows(run.measurements, run.manifest)),
        failures=tuple(failures),
        memory=run.memory,
        problems=tuple(problems),
        notes=tuple(_notes(run, findings, journeys)),
    )
    return replace(verdict, advice=advise(verdict))


def write_reports(verdict: Verdict, run_dir: Path) -> Path:
    """
    Write ``verdict.json`` and ``report.html`` into the run directory; each is complete or not there.

    Returns:
        The path of the report.

    Raises:
        LoadTestError: The directory cannot be written to.
    """
    report = run_dir / REPORT_FILE
    write_text(run_dir / VERDICT_FILE, render_json(verdict))
    write_text(report, render_html(verdict))
    return report


def _demands(run: RunFiles, thresholds: Thresholds | None, minimum_requests: int | None) -> _Demands:
    """What was given, else what the run was configured with, else what the suite comes with."""
    recorded = run.manifest.settings if run.manifest else load_settings(environ={})
    return _Demands(
        thresholds if thresholds is not None else recorded.thresholds,
        minimum_requests if minimum_requests is not None else recorded.run.minimum_requests,
        "thresholds that were given for this judgement"
        if thresholds is not None
        else "the thresholds that the run was configured with"
        if run.manifest
        else "the suite's own thresholds",
    )


def _judge_operations(
    rows: Sequence[OperationRow], demands: _Demands, manifest: Manifest | None
) -> Iterable[Finding]:
    # Without a manifest nothing is claimed: what was not seen is then not missing.
    claimed = manifest.journeys if manifest else ()
    for operation in judged_operations(demands.thresholds, claimed, rows):
        own = [row for row in rows if row.operation is operation]
        yield from assess_operation(operation, own, demands.thresholds[operation], demands.minimum_requests)


def _seen_journeys(rows: Iterable[OperationRow]) -> tuple[Journey, ...]:
    seen = {row.operation.journey for row in rows if row.operation}
    return tuple(journey for journey in Journey if journey in seen)


def _invalidities(run: RunFiles) -> list[Problem]:
    """What the files of one of our own runs say about each other."""
    if not run.own:
        return []
    problems = reconcile(run.measurements, run.stats)
    if run.exceptions:
        times, message = sum(times for times, _ in run.exceptions), run.exceptions[0][1]
        problems.append(
            Problem(
                "exceptions",
                f"locust_exceptions.csv: the load itself failed {times:,} times, first with: {message}",
                "Requests may be missing because of it: correct the cause, and run the journey again.",
            )
        )
    return problems


def _notes(run: RunFiles, findings: Iterable[Finding], journeys: Iterable[Journey]) -> Iterable[str]:
    judged = {Operation(f.subject).journey for f in findings if f.subject in set(Operation)}
    if unjudged := [journey.value for journey in journeys if journey not in judged]:
        yield f"No criterion is about {' or '.join(unjudged)}: shown, not judged."
    if run.manifest and run.manifest.houses_shared:
        yield "There were more users than houses: some users shared a house, as its residents would."
    if run.own:
        return
    yield (
        "These figures are Locust's own, from its CSV files. Percentiles have two significant digits (1,234 ms is "
        "1,200 ms there), include failed requests (a quick failure makes them better), and the last moments of "
        "the run may be missing: Locust writes nothing when it stops."
    )
    if run.exceptions:
        yield f"User classes raised {sum(times for times, _ in run.exceptions):,} exceptions, not counted as failures."
