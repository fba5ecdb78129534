"""The record in the middle: everything a report says about a run. JSON, HTML and terminal are functions of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

from conf.metric import MetricKind
from conf.operations import Kind
from reports.cut_off import NOTHING_CUT_OFF
from reports.problem import ProblemCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conf.metric import Metric
    from conf.operations import Journey, Operation, Outcome
    from conf.thresholds import Limits
    from reports.course import Course
    from reports.cut_off import CutOff
    from reports.manifest import Manifest
    from reports.problem import Problem
    from reports.statistics.certainty import Interval
    from reports.statistics.distribution import Latency
    from reports.statistics.scalability import Scalability

ISOLATION = "isolation_failures"
"""A finding's metric that no threshold names: answers with somebody else's data, of which none is tolerated."""


class Undecided(StrEnum):
    """Why a criterion that is demanded could not be judged; the value is the code of the problem that it makes."""

    TOO_FEW = ProblemCode.TOO_FEW_REQUESTS
    """There are fewer results than the settings demand."""
    CUT_OFF = ProblemCode.CUT_OFF
    """What the end of the run cut off would decide it: judged better without than if all of that had failed."""
    TIMED_OUT = ProblemCode.TIMED_OUT
    """Timeouts would decide it: requests were given up before the limit of the criterion was reached."""


class State(IntEnum):
    """How a finding, or a whole run, is judged; the larger is the worse."""

    PASS = 0
    WARN = 1
    FAIL = 2
    NO_VERDICT = 3

    @property
    def word(self) -> str:
        """As people read it."""
        return self.name.replace("_", " ")

    @property
    def shape(self) -> str:
        """What tells the states apart without colour."""
        return "●▲■◇"[self]


class Source(StrEnum):
    """Where an operation's figures were read."""

    MEASUREMENTS = "measurements"
    """Our own histograms: three significant digits; quick failures are in no latency, slow ones are "at least"."""
    LOCUST_CSV = "locust_csv"
    """Locust's statistics: two significant digits, failures mixed in."""


@dataclass(frozen=True, slots=True)
class OperationRow:
    """
    One operation over the whole run.

    Args:
        name: The operation's value; in somebody else's CSV, the name given there.
        method: Locust's type: an HTTP method, SQL, FLOW or WAIT.
        operation: None where the name is none that this suite knows.
        requests: All results, successes, failures and what was cut off, but those of the warm-up.
        per_second: All results per second of the run; None where the length is unknown.
        latency: Of answers and of what was waited for in vain, or of all requests if *source* is a Locust CSV.
        isolation: Failures of the kind that is never tolerated, those of the warm-up included.
        warm_up: Results that began before the figures count, and how many of them failed.
        planned: Latency from the planned start of the flow; None where flows had none.
    """

    name: str
    method: str
    operation: Operation | None
    requests: int
    failures: int
    per_second: float | None
    latency: Latency
    source: Source
    isolation: int = 0
    warm_up: tuple[int, int] = (0, 0)
    planned: Latency | None = None
    cut_off: CutOff = NOTHING_CUT_OFF

    @property
    def attempts(self) -> int:
        """Requests that succeeded or failed."""
        return self.requests - self.cut_off.count

    @property
    def successes(self) -> int:
        """Requests that succeeded."""
        return self.attempts - self.failures

    @property
    def success_ratio(self) -> float | None:
        """Of the attempts, 0..1; None where there were none."""
        return self.successes / self.attempts if self.attempts else None


@dataclass(frozen=True, slots=True)
class StepRow:
    """
    One operation during one step of the load.

    Args:
        users: Concurrent users; None where the manifest does not list the step.
        length_s: How long the step lasted; None likewise.
        per_second: Successful requests that began in the step, per second of it.
        latency: Of answers and of what was waited for in vain.
        planned: Likewise, from the planned start; None where flows had none.
        state: By the criteria about the whole run, applied to this step; None where there are none.
        certain: Whether the intervals of the figures are judged as the figures are.
    """

    index: int
    operation: Operation
    users: int | None
    length_s: float | None
    requests: int
    failures: int
    per_second: float | None
    latency: Latency
    planned: Latency | None = None
    state: State | None = None
    certain: bool = True
    cut_off: CutOff = NOTHING_CUT_OFF

    @property
    def attempts(self) -> int:
        """Requests that succeeded or failed."""
        return self.requests - self.cut_off.count

    @property
    def successes(self) -> int:
        """Requests that succeeded."""
        return self.attempts - self.failures


@dataclass(frozen=True, slots=True)
class ServerStepRow:
    """
    Part of an operation's work, as the target itself timed it in its answers.

    Args:
        name: As the target spells it; empty for the rest, which no step accounts for.
        label: What people call it.
        requests: Successful requests that named it.
        latency: Of these; of the rest only the mean is known.
        share: Of the operation's mean latency, 0..1; None where that is not known.
    """

    operation: Operation
    name: str
    label: str
    requests: int
    latency: Latency
    share: float | None


@dataclass(frozen=True, slots=True)
class Capacity:
    """
    How far one operation carries, by the steps of the run.

    Args:
        holds_up_to: Most users at which, and at all fewer, every criterion certainly passes; None where not at the
            fewest.
        fails_from: Fewest users at which one certainly does not pass; None where that is so at none.
        tried: Numbers of users, ascending. One between the two above, or beyond the only one, is undecided.
        scalability: The law fitted to the steps' throughput; None where the steps are too few.
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
        outcome: None in another project's CSV, which does not say it.
        code: For machines: ``http_401``, ``sqlstate_42P05``, or a `conf.failures.Cause`; empty where the outcome says it
            all, and where the message tells nothing.
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
    Errors of one kind, route, step and message that the portal wrote down while the run went on.

    Args:
        kind: ``api``, ``llm`` or ``database``.
        route: Its template.
        step: Of its work, in which the error happened; empty where it is not told.
        status: That it was answered with; None where it is not told.
        last_at: When last, as ISO 8601.
    """

    kind: str
    route: str
    step: str
    message: str
    status: int | None
    count: int
    last_at: str


@dataclass(frozen=True, slots=True)
class Slope:
    """How quickly memory grows, in MB per hour, with its 95 % interval."""

    mb_per_hour: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """
    Resident memory of one process; MB are 10**6 bytes.

    Args:
        series_mb: The course of the run in at most 60 parts, the largest value of each.
        slope: MB per hour (Theil-Sen, 95 % interval); None with fewer than ten samples.
    """

    process: str
    samples: int
    first_mb: float
    last_mb: float
    peak_mb: float
    series_mb: tuple[float, ...]
    slope: Slope | None = None

    def value(self, metric: Metric) -> float | None:
        """In the metric's unit; None where it cannot be said."""
        if metric.kind is MetricKind.RSS_SLOPE:
            return self.slope.mb_per_hour if self.slope else None
        return self.peak_mb


@dataclass(frozen=True, slots=True)
class HealthRow:
    """
    A process that generated load: what it measured of itself.

    Args:
        cpu_mean_ratio: Share of one core over the run.
        cpu_peak_ratio: Largest share in one reading.
        open_files_peak: Files and sockets open at once, at most.
        open_files_limit: How many it may have; None where unknown.
        lag: How late its event loop was, in milliseconds: up to that much of a latency is the generator's own;
            None where it was never sampled.
    """

    process: str
    readings: int
    cpu_mean_ratio: float
    cpu_peak_ratio: float
    open_files_peak: int
    open_files_limit: int | None
    lag: Latency | None


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One criterion, judged.

    Args:
        subject: As the settings spell it; of ``ISOLATION`` the name of the operation.
        metric: A metric's name, or ``ISOLATION``.
        value: In the metric's unit; None where it was not measured, and where it has no end: see *at_least*.
        limits: None for ``ISOLATION``, and where not one request succeeded and no criterion asks.
        state: None where it was not judged: there was no way to look, and it then counts for nothing; or *undecided*
            says why.
        note: Why, where the value alone does not say it.
        count: Results that the value rests on; None where it is not one of results.
        interval: The 95 % interval of the value; None where there is none, or too few results for one.
        certain: Whether the whole interval is judged as the value is; None where certainty does not apply.
        at_least: Whether the value is a lower bound. Without a value: it lies among requests never answered.
        undecided: Why a criterion that is demanded was not judged. A run without a FAIL is then no verdict.
    """

    subject: str
    metric: str
    value: float | None
    limits: Limits | None
    state: State | None
    note: str = ""
    count: int | None = None
    interval: Interval | None = None
    certain: bool | None = None
    at_least: bool = False
    undecided: Undecided | None = None

    @property
    def is_measured(self) -> bool:
        """Whether anything is known of the value."""
        return self.value is not None or self.at_least

    @property
    def never_answered(self) -> bool:
        """Whether the value lies among requests that were never answered."""
        return self.value is None and self.at_least


def uncertain(findings: Iterable[Finding]) -> list[Finding]:
    """Findings that might as well be judged otherwise, going by their intervals; optional ones left out."""
    return [
        finding
        for finding in findings
        if finding.certain is False and not (finding.limits is not None and finding.limits.optional)
    ]


@dataclass(frozen=True, slots=True)
class Advice:
    """What was seen, what probably causes it, and what to do; *commands* are ready to paste."""

    code: str
    title: str
    evidence: str
    cause: str
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FigureBeside:
    """
    A figure of the run beside that of a baseline.

    Args:
        subject: An operation, or one with its number of users.
        metric: A metric's name; the values are in its unit.
        ratio: New to old, with its 95 % interval; None of a share, and where a figure has no interval.
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
    The run beside the baseline that its settings name; changes no verdict.

    Args:
        baseline: Its name.
        change: Of the whole; ``NOT COMPARABLE`` with the reasons.
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
        manifest: How the run was made; None for somebody else's CSV, or where it cannot be read.
        journeys: What the run set out to do, or was seen to do where no manifest says it.
        judged_by: Where the limits come from, in words.
        problems: Each makes the state NO VERDICT.
        notes: What a reader must know to read the figures rightly; they change no state.
        course: What the charts are drawn from; None for somebody else's CSV, and where nothing was measured.
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
        """What was asked of the target: requests and failures; flows and waits are made of these."""
        asked = [
            row for row in self.operations if row.operation is None or row.operation.kind is Kind.REQUEST
        ]
        return (
            sum(row.requests + row.warm_up[0] for row in asked),
            sum(row.failures + row.warm_up[1] for row in asked),
        )
