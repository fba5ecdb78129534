"""Builds the manifest of a run from its owner's knowledge."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from conf.loading import choice_name
from conf.operations import Operation
from conf.settings import QuestionMix
from reports.manifest import (
    ArrivalsMade,
    LagSummary,
    Manifest,
    Process,
    QuestionsAsked,
    RateLimited,
    RecordedSettings,
    SlowAnswer,
    Text,
    VectorIndexSeen,
    WorkerChanged,
)
from swarm.generator.rate_limits import rate_limits_of
from swarm.generator.slowest import slowest_of
from swarm.provenance import package_versions, recorded_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from hdrh.histogram import HdrHistogram

    from swarm.messages import Report
    from swarm.owner.run import Run
    from swarm.owner.workers import Contribution


def build_manifest(run: Run, ended_at: datetime) -> Manifest:
    """Build the manifest of *run*; for a run under way, as if it ended at *ended_at*."""
    settings, attendance = run.choice.settings, run.attendance
    reports = [contribution.last for contribution in run.processes.values() if contribution.last]
    return Manifest(
        format=1,
        run_id=run.run_id,
        journeys=run.choice.journeys,
        profile=choice_name(settings.run.profile),
        profile_description=settings.profile.description,
        contract=choice_name(settings.target.contract),
        target=run.environment.host or settings.target.base_url,
        random_seed=settings.run.random_seed,
        started_at=run.started_at,
        ended_at=ended_at,
        loaded_s=round(run.loaded_s, 3),
        clock_stepped_s=round(run.clock.stepped_s, 3),
        git_commit=run.commit,
        versions=package_versions(),
        settings=RecordedSettings.model_validate(recorded_settings(settings)),
        users_wanted=run.users.wanted,
        users_peak=run.users.peak,
        users_by_journey=dict(run.users.by_journey),
        questions_in_flight=max(
            settings.profile.load(journey).questions_in_flight for journey in run.choice.journeys
        ),
        questions=_questions(run) if run.questions.texts else None,
        houses=len(run.dealer),
        houses_shared=run.dealer.most_tenants > 1,
        users_per_house=run.dealer.most_tenants,
        tokens_renewed=run.dealer.renewed,
        server_step_labels={
            Operation(name): labels for name, labels in settings.contract.server_step_labels().items()
        },
        onboarded_before=sum(report.spent for report in reports),
        arrivals=_arrivals(run, reports),
        clock_ahead_s=_clock_ahead_s(reports),
        held_back=sum(report.held_back for report in reports),
        slowest=tuple(_slowest(report.slowest for report in reports)),
        halting=tuple(_slowest(report.halting for report in reports)),
        rate_limited=tuple(_rate_limited(reports)),
        vector_index=VectorIndexSeen(**asdict(run.vector_index)) if run.vector_index else None,
        pool=run.portal.pool(),
        processes=tuple(_processes(run.processes)),
        worker_changes=tuple(
            WorkerChanged(**asdict(noted.change), at=noted.at) for noted in attendance.noted
        ),
        asked_user_s=round(attendance.asked_user_s, 3),
        missing_user_s=round(attendance.missing_user_s, 3),
        steps=run.steps.until(ended_at),
        stopped_by=run.stopped_by,
        ended_by=run.ending.reason,
        problems=run.problems,
    )


def _questions(run: Run) -> QuestionsAsked:
    asked = run.choice.settings.run
    is_zipf = asked.question_mix is QuestionMix.ZIPF
    return QuestionsAsked(
        file=asked.questions.name if asked.questions else "",
        distinct=len(run.questions.texts),
        mix=f"{asked.question_mix} {asked.question_zipf:g}" if is_zipf else asked.question_mix,
        salt=run.question_salt,
    )


def _clock_ahead_s(reports: Iterable[Report]) -> float | None:
    """How far the clock is ahead of the portal's: the smallest reading, since an answer's time adds to each."""
    looks = [report.clock_ahead_s for report in reports if report.clock_ahead_s is not None]
    return round(min(looks), 1) if looks else None


def _processes(contributions: Mapping[str, Contribution]) -> Iterator[Process]:
    for process, contribution in contributions.items():
        yield Process(
            id=process,
            requests=contribution.received,
            lost=contribution.lost,
            open_files_limit=contribution.last.open_files_limit if contribution.last else None,
            lag_ms=_summary_ms(contribution.lag),
        )


def _rate_limited(reports: Sequence[Report]) -> Iterator[RateLimited]:
    for operation, refused, first_s, wait_s in rate_limits_of(report.rate_limits for report in reports):
        yield RateLimited(
            operation=operation,
            refused=refused,
            first_at=datetime.fromtimestamp(int(first_s), UTC),
            longest_wait_s=round(wait_s, 1),
        )


def _slowest(parts: Iterable[list[list[Any]]]) -> Iterator[SlowAnswer]:
    for operation, _, ended_s, trace_id, took_s, texts in slowest_of(parts):
        yield SlowAnswer(
            operation=operation,
            ms=round(took_s * 1000, 1),
            started_at=datetime.fromtimestamp(round(ended_s - took_s, 3), UTC),
            trace_id=trace_id,
            texts=tuple(Text(ms=round(at_s * 1000, 1), characters=length) for at_s, length in texts),
        )


def _arrivals(run: Run, reports: Sequence[Report]) -> ArrivalsMade | None:
    """Planned starts, and how many were made; None for a run without planned arrivals."""
    loads = [run.choice.settings.profile.load(journey) for journey in run.choice.journeys]
    rates = [load.arrival_rate for load in loads if load.arrival_rate is not None]
    if not rates:
        return None
    return ArrivalsMade(
        per_second=sum(rates),
        begun=sum(report.begun for report in reports),
        missed=sum(report.missed for report in reports),
    )


def _summary_ms(lag: HdrHistogram) -> LagSummary | None:
    if not lag.get_total_count():
        return None
    p50, p95, p99 = (lag.get_value_at_percentile(percent) / 1000 for percent in (50, 95, 99))
    return LagSummary(p50=p50, p95=p95, p99=p99, max=lag.get_max_value() / 1000)
