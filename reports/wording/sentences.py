"""The sentences that renderers share."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from reports.finding import uncertain
from reports.problem import ProblemCode
from reports.state import State
from reports.wording.figures import Column, count, figure, finding_value, metric_label, subject_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.manifest import ArrivalsMade, Manifest, QuestionsAsked
    from reports.record import Beside, Capacity, FailureGroup, Verdict
    from reports.rows import OperationRow
    from reports.statistics.scalability import Scalability

CONSEQUENCES = {ProblemCode.TOO_FEW_REQUESTS, ProblemCode.NEVER_MEASURED}
"""Problems that are a consequence of something else."""


def journeys_text(verdict: Verdict) -> str:
    """What was tested, e.g. ``Chat and Onboarding``."""
    labels = [journey.label for journey in verdict.journeys]
    return (
        " and ".join([", ".join(labels[:-1]), labels[-1]] if len(labels) > 1 else labels)
        or "Unknown requests"
    )


UNJUDGED_COLUMNS = ("Requests", "Success rate", "p50, ms", "p95, ms", "p99, ms")
"""Columns of figures that are measured and not judged; a column with the name stands before them."""
MOST_UNJUDGED = 20


def is_judged(verdict: Verdict) -> bool:
    """Whether the criteria show the figures; another project's run without criteria shows all of its figures."""
    return verdict.own or any(finding.limits for finding in verdict.findings)


def row_label(row: OperationRow | FailureGroup) -> str:
    """The label of an operation; for a name that is no operation, the method and the name."""
    if row.operation and row.name == row.operation:
        return row.operation.label
    return f"{row.method} {row.name}".strip()


def unjudged_cells(row: OperationRow, rows: Sequence[OperationRow]) -> tuple[str, ...]:
    """The figures of a row for `UNJUDGED_COLUMNS`; *rows* of one table have the same decimals."""
    column = Column([other.latency.p50_ms for other in rows])
    latency = row.latency
    return (
        count(row.requests),
        figure("success_ratio", row.success_ratio),
        *(column.text(ms) for ms in (latency.p50_ms, latency.p95_ms, latency.p99_ms)),
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
    causes = [problem.message for problem in verdict.problems if problem.code not in CONSEQUENCES]
    consequences = [problem.message for problem in verdict.problems]
    worst = [
        f"{subject_label(finding.subject)}: {metric_label(finding.metric)} {finding_value(finding)}"
        for finding in verdict.findings
        if finding.state is verdict.state
    ]
    return next(iter([*causes, *(advice.title for advice in verdict.advice), *consequences, *worst]), "")


def beside_text(beside: Beside) -> str:
    """How the run compares with its baseline, in one sentence."""
    if beside.reasons:
        return f"{beside.baseline}: not comparable: {'; '.join(beside.reasons)}."
    return f"{beside.baseline}: {beside.change.lower()} (recorded {beside.made})."


def strict_text(verdict: Verdict) -> str:
    """Why ``--strict`` does not let a PASS pass; empty where it does."""
    doubtful = uncertain(verdict.findings)
    if verdict.state is not State.PASS or not doubtful:
        return ""
    names = [f"{subject_label(f.subject)}: {metric_label(f.metric, f.limits)}" for f in doubtful]
    return (
        f"--strict demands certainty, and this is not certain: {'; '.join(names)}. More requests make it so."
    )


def made_by(verdict: Verdict) -> list[tuple[str, str]]:
    """How the run was made, as pairs of a label and a text; times are UTC."""
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
        ("Users", _users_text(manifest)),
        ("Houses", _houses_text(manifest)),
        *([("Questions", _questions_text(manifest.questions))] if manifest.questions else []),
        *([("Planned starts", _arrivals_text(manifest.arrivals))] if manifest.arrivals else []),
        ("Random seed", str(manifest.random_seed)),
        ("Commit", manifest.git_commit or "not in a Git checkout"),
        ("Versions", ", ".join(f"{name} {version}" for name, version in manifest.versions.items())),
        ("Judged by", verdict.judged_by),
    ]


def _users_text(manifest: Manifest) -> str:
    text = f"{manifest.users_peak:,} at most, {manifest.users_wanted:,} wanted"
    if len(manifest.users_by_journey) > 1:
        of = (f"{journey} {users:,}" for journey, users in manifest.users_by_journey.items())
        text += f": {', '.join(of)}"
    return text


def capacity_text(capacity: Capacity) -> str:
    """Up to how many users at once the criteria certainly hold, in one sentence."""
    holds, fails, tried = capacity.holds_up_to, capacity.fails_from, capacity.tried
    if holds is None and fails is None:
        said = f"undecided at every level, from {tried[0]:,} users at once; more requests per step decide it"
    elif holds is None and fails == tried[0]:
        said = f"not even with {fails:,} users at once do all criteria hold"
    elif holds is None:
        said = f"fails at {fails:,} users at once, below that undecided"
    elif fails is not None:
        said = f"at least {holds:,} users at once (certain), fails at {fails:,}, between them undecided"
    elif holds == tried[-1]:
        said = f"at least {holds:,} users at once (certain), the most that were tried"
    else:
        said = f"at least {holds:,} users at once (certain), above that undecided"
    return f"{capacity.operation.label}: {said}."


def server_steps_text(verdict: Verdict) -> list[str]:
    """Where the time of the answers went, as the portal reports it, the largest share first; a line per operation."""
    lines = []
    for operation, found in groupby(verdict.server_steps, key=lambda row: row.operation):
        rows = sorted((row for row in found if row.share is not None), key=lambda row: -(row.share or 0.0))
        if rows:
            parts = [f"{row.label} {figure('share_ratio', row.share)}" for row in rows]
            lines.append(f"{operation.label}: {', '.join(parts)}.")
    return lines


def scalability_text(scalability: Scalability) -> str:
    """What the Universal Scalability Law says about the steps, in a few sentences."""
    contention, coherency = scalability.contention, scalability.coherency
    law = (
        f"Universal Scalability Law: {scalability.per_user.value:,.4g} per second of a user who is alone, contention "
        f"{contention.value:.3g} (95 %: {contention.low:.3g} to {contention.high:.3g}), coherency {coherency.value:.3g} "
        f"({coherency.low:.3g} to {coherency.high:.3g}); it is off by {scalability.residual_ratio:.0%} on average."
    )
    ends = scalability.peak_users_interval
    if scalability.peak_users is None or scalability.peak_per_second is None or ends is None:
        return f"{law} No peak of the throughput can be told from what was tried."
    return (
        f"{law} Throughput is largest at about {scalability.peak_users:,.0f} users (95 %: {ends[0]:,.0f} to "
        f"{ends[1]:,.0f}), with {scalability.peak_per_second:,.4g} per second."
    )


def _houses_text(manifest: Manifest) -> str:
    if not manifest.houses_shared:
        return f"{manifest.houses:,}, one user each"
    most = manifest.users_per_house
    return f"{manifest.houses:,}, " + (f"up to {most:,} users each" if most else "shared by users")


def _questions_text(questions: QuestionsAsked) -> str:
    return questions.words + (f" with {questions.salt}" if questions.salt else "")


def _arrivals_text(arrivals: ArrivalsMade) -> str:
    return f"{arrivals.per_second:g} per second; {arrivals.begun:,} were made, {arrivals.missed:,} were not"
