"""``manifest.json``: how a run was made, as its owner knows it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from conf.loading import choice_name
from swarm.generator.rate_limits import rate_limits_of
from swarm.generator.slowest import slowest_of
from swarm.provenance import package_versions, recorded_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hdrh.histogram import HdrHistogram

    from swarm.messages import Report
    from swarm.owner.run import Run
    from swarm.owner.workers import Contribution


def build_manifest(run: Run, ended_at: datetime) -> dict[str, Any]:
    """What the file holds; of a run under way, what it would hold if the run ended at *ended_at*."""
    settings = run.choice.settings
    reports = [contribution.last for contribution in run.processes.values() if contribution.last]
    return {
        "format": 1,
        "run_id": run.directory.name,
        "journeys": list(run.choice.journeys),
        "profile": choice_name(settings.run.profile),
        "profile_description": settings.profile.description,
        "contract": choice_name(settings.target.contract),
        "target": run.environment.host or settings.target.base_url,
        "random_seed": settings.run.random_seed,
        "started_at": run.started_at.isoformat(),
        "ended_at": ended_at.isoformat(),
        "loaded_s": round(run.loaded_s, 3),
        "clock_stepped_s": round(run.clock.stepped_s, 3),
        "git_commit": run.commit,
        "versions": package_versions(),
        "settings": recorded_settings(settings),
        "users_wanted": run.users_wanted,
        "users_peak": run.users_peak,
        "users_by_journey": run.users_by_journey,
        "questions_in_flight": max(
            settings.profile.load(journey).questions_in_flight for journey in run.choice.journeys
        ),
        "houses": len(run.dealer),
        "houses_shared": run.dealer.most_tenants > 1,
        "users_per_house": run.dealer.most_tenants,
        "tokens_renewed": run.dealer.renewed,
        "server_step_labels": settings.contract.server_step_labels(),
        "onboarded_before": sum(report.spent for report in reports),
        "arrivals": _arrivals(run, reports),
        "held_back": sum(report.held_back for report in reports),
        "slowest": _slowest(reports),
        "clock_ahead_s": _clock_ahead_s(reports),
        "rate_limited": rate_limits_of(report.rate_limits for report in reports),
        "vector_index": asdict(run.vector_index) if run.vector_index else None,
        "pool": run.portal.pool(),
        "processes": _processes(run.processes),
        "worker_changes": [
            asdict(noted.change) | {"at": noted.at.isoformat()} for noted in run.attendance.noted
        ],
        "asked_user_s": round(run.attendance.asked_user_s, 3),
        "missing_user_s": round(run.attendance.missing_user_s, 3),
        "steps": _steps(run, ended_at),
        "stopped_by": run.stopped_by,
        "ended_by": run.ended_by,
        "problems": list(run.problems.values()),
    }


def _clock_ahead_s(reports: Iterable[Report]) -> float | None:
    """Of the process whose answer took least."""
    looks = [report.clock_ahead_s for report in reports if report.clock_ahead_s is not None]
    return round(min(looks), 1) if looks else None


def _processes(contributions: Mapping[str, Contribution]) -> list[dict[str, Any]]:
    return [
        {
            "id": process,
            "requests": contribution.received,
            "lost": contribution.lost,
            "open_files_limit": contribution.last.open_files_limit if contribution.last else None,
            "lag_ms": _summary_ms(contribution.lag),
        }
        for process, contribution in contributions.items()
    ]


def _slowest(reports: Sequence[Report]) -> list[dict[str, Any]]:
    return [
        {
            "operation": operation,
            "ms": round(seconds * 1000, 1),
            "started_at": datetime.fromtimestamp(ended_s - seconds, UTC).isoformat(timespec="milliseconds"),
            "trace_id": trace_id,
        }
        for operation, seconds, ended_s, trace_id in slowest_of(report.slowest for report in reports)
    ]


def _steps(run: Run, now: datetime) -> list[dict[str, Any]]:
    """One that goes on lasts until now."""
    return [
        step | {"ended_at": now.isoformat()} if step["ended_at"] == step["started_at"] else step
        for step in run.steps
    ]


def _arrivals(run: Run, reports: Sequence[Report]) -> dict[str, float] | None:
    """What was planned and what became of it; None where users waited for their answers."""
    loads = [run.choice.settings.profile.load(journey) for journey in run.choice.journeys]
    rates = [load.arrival_rate for load in loads if load.arrival_rate is not None]
    if not rates:
        return None
    return {
        "per_second": sum(rates),
        "begun": sum(report.begun for report in reports),
        "missed": sum(report.missed for report in reports),
    }


def _summary_ms(lag: HdrHistogram) -> dict[str, float] | None:
    if not lag.get_total_count():
        return None
    percentiles = {f"p{percent}": lag.get_value_at_percentile(percent) / 1000 for percent in (50, 95, 99)}
    return percentiles | {"max": lag.get_max_value() / 1000}
