"""From a run directory to its verdict."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from conf.errors import LoadTestError
from conf.loading import load_settings
from conf.operations import Journey
from conf.run_directory import LOG
from conf.subject import parse_subject
from reports.advice.rules import advise
from reports.baselines.beside import build_beside
from reports.broken import broken_verdict
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
from reports.judgement.attendance import assess_attendance
from reports.judgement.csv_rows import advise_criteria, judge_rows, nothing_judged
from reports.judgement.load_made import assess_load
from reports.judgement.locust_sample import LocustSample
from reports.judgement.notes import build_notes
from reports.judgement.saturation import assess_saturation
from reports.judgement.selection import select_sample
from reports.judgement.server_steps import build_server_step_rows
from reports.judgement.silence import assess_silence
from reports.judgement.streams import build_stream_rows
from reports.judgement.tabulation import build_failure_groups, build_operation_rows, build_step_rows
from reports.judgement.validity import assess_validity
from reports.own_files import is_own_run
from reports.reading.health_log import build_health_rows
from reports.reading.naming import parse_operation
from reports.reading.run_files import load_run
from reports.record import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from conf.contract import Contract
    from conf.settings import Settings
    from conf.subject import Subject
    from conf.thresholds import Thresholds
    from reports.finding import Finding
    from reports.judgement.sample import Sample
    from reports.problem import Problem
    from reports.reading.run_files import RunFiles
    from reports.record import Capacity
    from reports.rows import OperationRow, StepRow


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

    A file that is missing or damaged, and anything else that makes the test invalid, is a problem in the verdict
    (NO VERDICT). The figures that could be read are in the verdict all the same.

    Args:
        run_dir: A run directory of this suite, or one with the CSV files of any Locust run.
        thresholds: What is demanded. By default the thresholds of the run's settings; for another project's run, those
            that the suite ships.
        minimum_requests: Requests that an operation must have to be judged, and answers for its latencies. The default
            comes from the same settings.

        contract: Gives the names of another project's run that are operations of the suite. The default comes from
            the same settings.

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
    except Exception as error:  # noqa: BLE001 - figures that no run can have may raise anything: that is no verdict
        return replace(broken_verdict(run_dir.resolve().name, problems, error), own=is_own_run(run_dir))


def judge_files(
    run: RunFiles,
    thresholds: Thresholds | None = None,
    *,
    minimum_requests: int | None = None,
    contract: Contract | None = None,
) -> Verdict:
    """Judge the files of a run as `judge_run` does; for a run in progress, the files that it would have now."""
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
    streams = build_stream_rows(run.measurements, run.manifest)
    streamed = {row.operation for row in streams}
    health = build_health_rows(list(run.health), run.manifest)
    problems = [
        *run.problems,
        *judged_rows.problems,
        *assess_load(run, findings),
        *(assess_attendance(run.manifest) if run.manifest else ()),
        *(assess_saturation(run.health, health, run.manifest.settings.generator) if run.manifest else ()),
        *assess_validity(
            rows, findings, demands.minimum_requests, nothing_judged(run), profile=profile, streamed=streamed
        ),
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
        streams=tuple(streams),
        capacities=_capacities(steps),
        failures=tuple(failures),
        tracked=run.tracked,
        memory=run.memory,
        health=tuple(health),
        problems=tuple(problems),
        notes=tuple(build_notes(run, rows, findings, journeys)),
        own=run.own,
        course=build_course(run.measurements, run.users, run.manifest) if run.finished else None,
    )
    advice = (*advise_criteria(run, problems), *advise(verdict, _run_log(run)))
    beside = build_beside(run) if run.finished else None
    return clean_record(replace(verdict, advice=advice, beside=beside))


def _run_log(run: RunFiles) -> str:
    """The path of Locust's own log; empty where the log went elsewhere."""
    path = Path(run.path) / LOG
    return str(path) if run.own and run.path and path.is_file() else ""


@cache
def _shipped() -> Settings:
    """The settings that the suite ships; read once, since a run in progress is judged every few seconds."""
    return load_settings(environ={})


def _demands(run: RunFiles, thresholds: Thresholds | None, minimum_requests: int | None) -> _Demands:
    """What was given, otherwise what the run's settings say, otherwise what the suite ships."""
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
    # Without a manifest the run claims no journey: an operation that was not seen is then not missing.
    claimed = run.manifest.journeys if run.manifest else ()
    for text in judged_subjects(demands.thresholds, claimed, rows):
        samples = _samples(run, parse_subject(text), contract)
        yield from assess_subject(text, samples, demands.thresholds[text], demands.minimum_requests)


def _samples(run: RunFiles, subject: Subject, contract: Contract) -> list[Sample]:
    """Our own measurements; where there are none, Locust's rows, which have neither outcomes nor steps."""
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
