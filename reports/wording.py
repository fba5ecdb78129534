"""The sentences that renderers share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.operations import Journey
from reports.figures import finding_value, metric_label, subject_label
from reports.record import State

if TYPE_CHECKING:
    from reports.record import Verdict

_JOURNEYS = {
    Journey.RAG: "Vector search",
    Journey.CHAT: "Chat",
    Journey.ONBOARDING: "Onboarding",
}

_CONSEQUENCES = {"too_few_requests", "never_measured"}
"""Problems that something else has caused."""


def journey_label(journey: Journey) -> str:
    """The name of a journey as people read it."""
    return _JOURNEYS[journey]


def journeys_text(verdict: Verdict) -> str:
    """What was tested, e.g. ``Chat and Onboarding``."""
    labels = [journey_label(journey) for journey in verdict.journeys]
    return (
        " and ".join([", ".join(labels[:-1]), labels[-1]] if len(labels) > 1 else labels)
        or "Unknown requests"
    )


def headline(verdict: Verdict) -> str:
    """The answer to "may we deploy?", in one sentence."""
    judged = [finding for finding in verdict.findings if finding.state is not None]
    concerned = sum(finding.state is verdict.state for finding in judged)
    share = f"{concerned} of {len(judged)} criteria"
    match verdict.state:
        case State.PASS:
            return f"Nothing here speaks against deploying: {share} hold."
        case State.WARN:
            return f"Acceptable, but look into it: {share} {'warns' if concerned == 1 else 'warn'}."
        case State.FAIL:
            return f"Do not deploy: {share} failed."
        case State.NO_VERDICT:
            return "No answer: the test itself is not valid."


def reason(verdict: Verdict) -> str:
    """What decided the verdict, in a few words; empty for a PASS."""
    if verdict.state is State.PASS:
        return ""
    causes = [problem.message for problem in verdict.problems if problem.code not in _CONSEQUENCES]
    consequences = [problem.message for problem in verdict.problems]
    worst = [
        f"{subject_label(finding.subject)}: {metric_label(finding.metric)} {finding_value(finding)}"
        for finding in verdict.findings
        if finding.state is verdict.state
    ]
    return next(iter([*causes, *(advice.title for advice in verdict.advice), *consequences, *worst]), "")


def made_by(verdict: Verdict) -> list[tuple[str, str]]:
    """How the run was made, as pairs of what and how; times are UTC."""
    manifest = verdict.manifest
    if manifest is None:
        return [("Run", verdict.run_id), ("Judged by", verdict.judged_by)]
    started, ended = (f"{at:%Y-%m-%d %H:%M:%S} UTC" for at in (manifest.started_at, manifest.ended_at))
    return [
        ("Run", manifest.run_id),
        ("Target", manifest.target),
        ("Contract", manifest.contract),
        ("Profile", f"{manifest.profile}: {manifest.profile_description}"),
        ("Started", started),
        ("Ended", f"{ended}, by {manifest.ended_by}"),
        ("Users", f"{manifest.users_peak:,} at most, {manifest.users_wanted:,} wanted"),
        (
            "Houses",
            f"{manifest.houses:,}, {'shared by users' if manifest.houses_shared else 'one user each'}",
        ),
        ("Random seed", str(manifest.random_seed)),
        ("Commit", manifest.git_commit or "not in a Git checkout"),
        ("Versions", ", ".join(f"{name} {version}" for name, version in manifest.versions.items())),
        ("Judged by", verdict.judged_by),
    ]
