"""From a run directory to its verdict, and from a verdict to its reports."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from conf.errors import LoadTestError, NoVerdictError
from conf.loading import load_settings
from conf.operations import Journey, Kind
from conf.run_directory import EXCEPTIONS, LOG
from conf.subject import parse_subject
from monitoring.unexpected import describe_unexpected
from reports.advice.rules import advise
from reports.baselines.beside import build_beside
from reports.charts.points import build_course
from reports.cleaning import clean_record
from reports.judgement.assessment import (
    assess_isolation,
    assess_memory,
    assess_stop,
    assess_subject,
    assess_success,
    judged_subjects,
    worst_state,
)
from reports.judgement.attendance import assess_attendance, attendance_notes
from reports.judgement.csv_rows import advise_criteria, judge_rows, nothing_judged
from reports.judgement.locust_sample import LocustSample
from reports.judgement.reconciliation import reconcile
from reports.judgement.saturation import assess_saturation
from reports.judgement.selection import select_sample
from reports.judgement.server_steps import build_server_step_rows
from reports.judgement.silence import assess_silence
from reports.judgement.tabulation import build_failure_groups, build_operation_rows, build_step_rows
from reports.judgement.validity import assess_validity, cut_off_notes
from reports.output import write_text
from reports.own_files import (
    JUNIT_FILE,
    REPORT_FILE,
    SUMMARY_FILE,
    VERDICT_FILE,
    is_own_run,
    output_directory,
)
from reports.problem import Problem, ProblemCode
from reports.reading.health_log import build_health_rows
from reports.reading.naming import parse_operation
from reports.reading.run_files import load_run
from reports.record import Verdict
from reports.rendering.html_page import render_html
from reports.rendering.json_file import render_json
from reports.rendering.junit_file import render_junit
from reports.rendering.summary import render_summary
from reports.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from conf.contract import Contract
    from conf.settings import Settings
    from conf.subject import Subject
    from conf.thresholds import Thresholds
    from reports.finding import Finding
    from reports.judgement.sample import Sample
    from reports.manifest import ArrivalsMade, Manifest
    from reports.reading.run_files import RunFiles
    from reports.record import Capacity
    from reports.rows import OperationRow, StepRow

_OUTPUTS: dict[str, Callable[[Verdict], str]] = {
    VERDICT_FILE: render_json,
    JUNIT_FILE: render_junit,
    SUMMARY_FILE: render_summary,
    REPORT_FILE: render_html,
}

_MISSED_TOLERATED = 0.01
"""Share of planned starts that may be missing."""
_LAST_MOMENT_S = 0.1
"""Starts of the run's last moment, and one in each process, may be missing all the same: it ended before them."""


class _Demands(NamedTuple):
    thresholds: Thresholds
    minimum_requests: int
    judged_by: str


def judge_run(
    run_dir: Path,
    thresholds: Thresholds | None = None,
    *,
    minimum_requests: int | None = None,
    contract: Contract | None = None,
) -> Verdict:
    """
    Judge a finished run by its files alone.

    A file that is missing or damaged, and whatever else makes the test invalid, is a problem in the verdict
    (NO VERDICT); the figures that could be read are in it all the same.

    Args:
        run_dir: A run directory of this suite, or one with the CSV files of any Locust run.
        thresholds: What is demanded. By default what the run was configured with; for another project's run, what
            the suite itself comes with.
        minimum_requests: Requests that an operation must have to be judged, and answers for its latencies; same
            default.

        contract: Says which names of another project's run are operations of the suite; same default.

    Raises:
        LoadTestError: *run_dir* does not hold exactly one run.
    """
    problems: tuple[Problem, ...] = ()
    try:
        run = load_run(run_dir)
        problems = run.problems
        return judge_files(run, thresholds, minimum_requests=minimum_requests, contract=contract)
    except LoadTestError:
        raise
    except Exception as error:  # noqa: BLE001 - figures that no run can have: whatever they lead to is no verdict
        return replace(_broken_verdict(run_dir.resolve().name, problems, error), own=is_own_run(run_dir))


def judge_files(
    run: RunFiles,
    thresholds: Thresholds | None = None,
    *,
    minimum_requests: int | None = None,
    contract: Contract | None = None,
) -> Verdict:
    """Judge what the files of a run say, as `judge_run` does; of a run under way, what they would say now."""
    contract = contract or _shipped().contract
    demands = _demands(run, thresholds, minimum_requests)
    rows = build_operation_rows(run.measurements, run.stats, contract, run.manifest)
    failures = build_failure_groups(run.failures, contract)
    journeys = run.manifest.journeys if run.manifest else _seen_journeys(rows)
    judged_rows = judge_rows(run, demands.thresholds, demands.minimum_requests)
    judged = [*judged_rows.findings, *_judge_subjects(run, rows, contract, demands)]
    findings = [
        *judged,
        *assess_success(rows, judged, demands.minimum_requests),
        *assess_isolation(rows, failures),
        *assess_silence(run.measurements, run.manifest, demands.thresholds),
        *assess_stop(run.manifest.stopped_by if run.manifest else None, demands.thresholds),
        *assess_memory(run.memory, demands.thresholds, journeys),
    ]
    profile = run.manifest.profile if run.manifest else ""
    health = build_health_rows(list(run.health), run.manifest)
    problems = [
        *run.problems,
        *judged_rows.problems,
        *_invalidities(run, findings),
        *(assess_attendance(run.manifest) if run.manifest else ()),
        *(assess_saturation(run.health, health, run.manifest.settings.generator) if run.manifest else ()),
        *assess_validity(rows, findings, demands.minimum_requests, nothing_judged(run), profile),
    ]
    steps = build_step_rows(run.measurements, run.manifest, demands.thresholds, demands.minimum_requests)
    verdict = Verdict(
        state=worst_state(findings, problems),
        run_id=run.run_id,
        manifest=run.manifest,
        journeys=journeys,
        judged_by=demands.judged_by,
        findings=tuple(findings),
        operations=tuple(rows),
        steps=tuple(steps),
        server_steps=tuple(build_server_step_rows(run.measurements, run.manifest)),
        capacities=_capacities(steps),
        failures=tuple(failures),
        tracked=run.tracked,
        memory=run.memory,
        health=tuple(health),
        problems=tuple(problems),
        notes=tuple(_notes(run, rows, findings, journeys)),
        own=run.own,
        course=build_course(run.measurements, run.users, run.manifest) if run.finished else None,
    )
    advice = (*advise_criteria(run, problems), *advise(verdict, _run_log(run)))
    beside = build_beside(run) if run.finished else None
    return clean_record(replace(verdict, advice=advice, beside=beside))


def _run_log(run: RunFiles) -> str:
    """The path of what Locust said; empty where that went elsewhere."""
    path = Path(run.path) / LOG
    return str(path) if run.own and run.path and path.is_file() else ""


def write_reports(verdict: Verdict, run_dir: Path) -> Path:
    """
    Write the record's files, the report last; each is complete or not there.

    They go into the run directory; where it is another project's, or holds such a file of another program, into
    ``verdict`` within it.

    Returns:
        The path of the report.

    Raises:
        NoVerdictError: The verdict cannot be rendered; the files say so.
        LoadTestError: The directory cannot be written to, or ``verdict`` holds such a file of another program.
    """
    try:
        rendered = {name: render(verdict) for name, render in _OUTPUTS.items()}
    except Exception as error:
        if any(problem.code == ProblemCode.UNEXPECTED for problem in verdict.problems):
            raise  # not even that can be said
        broken = replace(_broken_verdict(verdict.run_id, verdict.problems, error), own=verdict.own)
        write_reports(broken, run_dir)
        raise NoVerdictError(broken.problems[-1].message, broken.problems[-1].next_step) from None
    directory = output_directory(run_dir, rendered, own=verdict.own)
    for name, text in rendered.items():
        write_text(directory / name, text)
    return directory / REPORT_FILE


def write_what_fits(verdict: Verdict, run_dir: Path) -> None:
    """As `write_reports`, on a full disk: what cannot be written is removed, so that no file says anything else."""
    try:
        directory = output_directory(run_dir, _OUTPUTS, own=verdict.own)
    except LoadTestError:
        return
    for name, render in _OUTPUTS.items():
        try:
            write_text(directory / name, render(verdict))
        except LoadTestError:
            (directory / name).unlink(missing_ok=True)


def _broken_verdict(run_id: str, problems: Sequence[Problem], error: Exception) -> Verdict:
    """Of a run that the suite cannot judge: nothing but what is wrong with it."""
    what, next_step = describe_unexpected(error)
    return Verdict(
        state=State.NO_VERDICT,
        run_id=run_id,
        manifest=None,
        journeys=(),
        judged_by="nothing: the suite itself failed",
        findings=(),
        operations=(),
        steps=(),
        server_steps=(),
        capacities=(),
        failures=(),
        tracked=(),
        memory=(),
        health=(),
        problems=(
            *problems,
            Problem(ProblemCode.UNEXPECTED, f"{run_id}: the figures cannot be judged: {what}", next_step),
        ),
        notes=(),
    )


@cache
def _shipped() -> Settings:
    """What the suite comes with; read once, for a run under way is judged every few seconds."""
    return load_settings(environ={})


def _demands(run: RunFiles, thresholds: Thresholds | None, minimum_requests: int | None) -> _Demands:
    """What was given, else what the run was configured with, else what the suite comes with."""
    recorded = run.manifest.settings if run.manifest else _shipped()
    return _Demands(
        thresholds if thresholds is not None else recorded.thresholds,
        minimum_requests if minimum_requests is not None else recorded.run.minimum_requests,
        "thresholds that were given for this judgement"
        if thresholds is not None
        else "the thresholds that the run was configured with"
        if run.manifest
        else "the suite's own thresholds",
    )


def _judge_subjects(
    run: RunFiles, rows: Sequence[OperationRow], contract: Contract, demands: _Demands
) -> Iterable[Finding]:
    # Without a manifest nothing is claimed: what was not seen is then not missing.
    claimed = run.manifest.journeys if run.manifest else ()
    for text in judged_subjects(demands.thresholds, claimed, rows):
        samples = _samples(run, parse_subject(text), contract)
        yield from assess_subject(text, samples, demands.thresholds[text], demands.minimum_requests)


def _samples(run: RunFiles, subject: Subject, contract: Contract) -> list[Sample]:
    """Our own measurements; where there are none, Locust's rows, which know neither outcomes nor steps."""
    if any(tag.operation is subject.operation for tag in run.measurements):
        return [select_sample(run.measurements, subject, run.manifest)]
    if subject.outcome or subject.users:
        return []
    return [
        LocustSample(row)
        for row in run.stats
        if parse_operation(row.method, row.name, contract) is subject.operation
    ]


def _seen_journeys(rows: Iterable[OperationRow]) -> tuple[Journey, ...]:
    seen = {row.operation.journey for row in rows if row.operation}
    return tuple(journey for journey in Journey if journey in seen)


def _capacities(steps: Sequence[StepRow]) -> tuple[Capacity, ...]:
    if not steps:
        return ()
    from reports.judgement.capacity import build_capacities  # noqa: PLC0415 - scipy.optimize comes with it, and few runs have steps

    return tuple(build_capacities(steps))


def _invalidities(run: RunFiles, findings: Iterable[Finding]) -> list[Problem]:
    """What the files of a run say about each other, and what the load itself failed at."""
    if not run.own:
        unlisted = _unlisted_failures(run)
        if unlisted is None or any(finding.state is State.FAIL for finding in findings):
            return _raised(run)
        next_step = "Put the file of the same run into the directory: locust --csv writes it, and its web UI offers it."
        return [Problem(ProblemCode.DAMAGED_FILE, unlisted, next_step), *_raised(run)]
    problems = reconcile(run.measurements, run.stats) if run.finished else []
    arrivals = run.manifest.arrivals if run.manifest else None
    if run.manifest and arrivals and arrivals.missed > _tolerated(arrivals, len(run.manifest.processes)):
        problems.append(
            Problem(
                ProblemCode.MISSED_STARTS,
                f"{arrivals.missed:,} of {arrivals.begun + arrivals.missed:,} planned starts were not made: all users "
                "were busy",
                "The portal was too slow for this arrival rate, or the profile's users are too few: compare the "
                "latencies from the planned start, then lower arrival_rate or raise users.",
            )
        )
    if run.manifest and run.manifest.held_back:
        problems.append(
            Problem(
                ProblemCode.HELD_BACK,
                f"{run.manifest.held_back:,} requests had to wait for target.max_requests_per_second: less load than the "
                "users would have made",
                "Ask for fewer users, or raise it, if the target's operator agrees.",
            )
        )
    return problems + _raised(run)


def _unlisted_failures(run: RunFiles) -> str | None:
    """Of another project's run: what its failures were decides no FAIL, but without their messages nothing passes."""
    failed = sum(row.failures for row in run.stats)
    if not failed or run.failures or run.problems:
        return None
    return f"The messages of the {failed:,} failures are not known: no file (…_failures.csv) lists them"


def _raised(run: RunFiles) -> list[Problem]:
    if not run.exceptions:
        return []
    times, message = sum(times for times, _ in run.exceptions), run.exceptions[0][1]
    place = EXCEPTIONS if run.own else "The exceptions"
    return [
        Problem(
            ProblemCode.EXCEPTIONS,
            f"{place}: the load itself failed {times:,} times, first with: {message}",
            "Requests may be missing because of it: correct the cause, and run the load again.",
        )
    ]


def _tolerated(arrivals: ArrivalsMade, processes: int) -> float:
    last_moment = processes + arrivals.per_second * _LAST_MOMENT_S
    return max(_MISSED_TOLERATED * (arrivals.begun + arrivals.missed), last_moment)


def _notes(
    run: RunFiles, rows: Sequence[OperationRow], findings: Sequence[Finding], journeys: Iterable[Journey]
) -> Iterable[str]:
    subjects = [parse_subject(f.subject) for f in findings if f.limits is not None]
    judged = {subject.operation.journey for subject in subjects if subject.operation}
    if unjudged := [journey.value for journey in journeys if journey not in judged]:
        yield f"No criterion is about {' or '.join(unjudged)}: shown, not judged."
    if run.manifest:
        yield from _notes_of(run.manifest)
    if cut := [
        row for row in rows if row.warm_up[0] and row.operation and row.operation.kind is Kind.REQUEST
    ]:
        requests, failed = (sum(row.warm_up[place] for row in cut) for place in (0, 1))
        yield f"{requests:,} requests, {failed:,} of them failed, began in a warm-up: counted, and in no figure."
    yield from cut_off_notes(rows)
    if run.own:
        return
    if any(finding.state is State.FAIL for finding in findings) and (unlisted := _unlisted_failures(run)):
        yield f"{unlisted}."
    yield (
        "These figures are Locust's own, from its CSV files. Percentiles have two significant digits (1,234 ms is "
        "1,200 ms there), include failed requests (a quick failure makes them better), and the last moments of "
        "the run may be missing: Locust writes nothing when it stops."
    )


def _notes_of(manifest: Manifest) -> Iterable[str]:
    if not manifest.settings.target.tls_verify:
        yield (
            "target.tls_verify is false: certificates were not looked at, and the answers may be those of another machine "
            "than the portal."
        )
    if manifest.houses_shared:
        most = manifest.users_per_house
        users = f"up to {most:,} users" if most else "some users"
        yield f"There were more users than houses: {users} shared a house, as its residents would."
    yield from attendance_notes(manifest)
    if manifest.clock_stepped_s:
        yield (
            f"The clock of the owner's machine was set by {manifest.clock_stepped_s:+,.1f} s during the run. "
            "Durations are measured with another clock, and moments are counted from the start of the run."
        )
    if manifest.tokens_renewed:
        yield f"{manifest.tokens_renewed:,} JWTs were signed anew before they expired."
    if manifest.onboarded_before:
        yield (
            f"{manifest.onboarded_before:,} QR tokens had been used before: the portal said so (409), which counts "
            "as a success. loadtest seed takes onboardings back."
        )
