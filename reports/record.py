"""The record in the middle: everything that a report says about a run. JSON, HTML and terminal are functions of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conf.operations import Kind

if TYPE_CHECKING:
    from conf.operations import Journey, Operation, Outcome
    from reports.course import Course
    from reports.finding import Finding
    from reports.manifest import Manifest
    from reports.problem import Problem
    from reports.processes import HealthRow, MemoryRow
    from reports.rows import OperationRow, ServerStepRow, StepRow, StreamRow
    from reports.state import State
    from reports.statistics.scalability import Scalability


@dataclass(frozen=True, slots=True)
class Capacity:
    """
    How many users one operation carries, by the steps of the run.

    Args:
        holds_up_to: Largest number of users up to which every criterion certainly passes; None where one does not at
            the smallest number.
        fails_from: Smallest number of users at which a criterion certainly does not pass; None where there is none.
        tried: All numbers of users, ascending. A number is undecided if it is above ``holds_up_to`` and below
            ``fails_from``.
        scalability: The law fitted to the throughput of the steps; None where the steps are too few.
    """

    operation: Operation
    holds_up_to: int | None
    fails_from: int | None
    tried: tuple[int, ...]
    scalability: Scalability | None


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """
    Failures of one operation with the same message.

    Args:
        outcome: None in another project's CSV, which has no outcomes.
        code: For machines: ``http_401``, ``sqlstate_42P05``, or a `conf.failures.Cause`; empty where the outcome says
            enough, and where the message shows no cause.
    """

    name: str
    method: str
    operation: Operation | None
    outcome: Outcome | None
    message: str
    count: int
    code: str = ""


@dataclass(frozen=True, slots=True)
class TrackedErrors:
    """
    Errors of one kind, route, step and message that the portal logged during the run.

    Args:
        kind: ``api``, ``llm`` or ``database``.
        route: Template of the route.
        step: Step of the portal's work in which the error happened; empty where it is not known.
        status: Status of the answer; None where it is not known.
        last_at: Time of the last error, as ISO 8601.
    """

    kind: str
    route: str
    step: str
    message: str
    status: int | None
    count: int
    last_at: str


@dataclass(frozen=True, slots=True)
class Advice:
    """What was seen, its probable cause, and what to do; *commands* are ready to paste."""

    code: str
    title: str
    evidence: str
    cause: str
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FigureBeside:
    """
    A figure of the run, and the same figure of a baseline.

    Args:
        subject: An operation, or one with its number of users.
        metric: A metric's name; the values are in its unit.
        ratio: New divided by old, with its 95 % interval; None for a share, and where a figure has no interval.
        at_least: Which of ``baseline`` and ``value`` are lower bounds.
        change: ``NO CHANGE``, ``IMPROVED``, ``REGRESSED`` or ``NOT DECIDABLE``.
    """

    subject: str
    metric: str
    baseline: float | None
    value: float | None
    ratio: float | None
    low: float | None
    high: float | None
    change: str
    at_least: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Beside:
    """
    The run compared with the baseline that its settings name; the comparison changes no verdict.

    Args:
        baseline: Name of the baseline.
        change: Change of the whole; ``NOT COMPARABLE`` with the reasons.
        made: How the baseline was made, in words.
    """

    baseline: str
    change: str
    reasons: tuple[str, ...]
    made: str
    figures: tuple[FigureBeside, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    A run, judged.

    Args:
        manifest: How the run was made; None for another project's CSV, or where it cannot be read.
        journeys: Journeys of the manifest; without a manifest, the journeys that were seen.
        judged_by: Where the limits come from, in words.
        problems: Each makes the state NO VERDICT.
        notes: What a reader must know to read the figures rightly; they change no state.
        course: What the charts are drawn from; None for another project's CSV, and where nothing was measured.
        own: Whether this suite made the run.
    """

    state: State
    run_id: str
    manifest: Manifest | None
    journeys: tuple[Journey, ...]
    judged_by: str
    findings: tuple[Finding, ...]
    operations: tuple[OperationRow, ...]
    steps: tuple[StepRow, ...]
    server_steps: tuple[ServerStepRow, ...]
    streams: tuple[StreamRow, ...]
    capacities: tuple[Capacity, ...]
    failures: tuple[FailureGroup, ...]
    tracked: tuple[TrackedErrors, ...]
    memory: tuple[MemoryRow, ...]
    health: tuple[HealthRow, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    advice: tuple[Advice, ...] = ()
    beside: Beside | None = None
    course: Course | None = None
    own: bool = True

    @property
    def asked(self) -> tuple[int, int]:
        """Requests to the target, and how many failed; flows and waits do not count, since they are no requests."""
        asked = [
            row for row in self.operations if row.operation is None or row.operation.kind is Kind.REQUEST
        ]
        return (
            sum(row.requests + row.warm_up[0] for row in asked),
            sum(row.failures + row.warm_up[1] for row in asked),
        )
