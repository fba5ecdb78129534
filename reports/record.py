"""The record in the middle: everything a report says about a run. JSON, HTML and terminal are functions of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

from conf.operations import Kind
from conf.thresholds import Metric

if TYPE_CHECKING:
    from conf.operations import Journey, Operation, Outcome
    from conf.thresholds import Limits
    from reports.manifest import Manifest

ISOLATION = "isolation_failures"
"""A finding's metric that no threshold names: answers with somebody else's data, of which none is tolerated."""


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


class Source(StrEnum):
    """Where an operation's figures were read."""

    MEASUREMENTS = "measurements"
    """Our own histograms: three significant digits, percentiles of successful requests only."""
    LOCUST_CSV = "locust_csv"
    """Locust's statistics: two significant digits, failures mixed in."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds; None where the source does not say."""

    min_ms: float | None = None
    mean_ms: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None


@dataclass(frozen=True, slots=True)
class OperationRow:
    """
    One operation over the whole run.

    Args:
        name: The operation's value; in somebody else's CSV, the name given there.
        method: Locust's type: an HTTP method, SQL, FLOW or WAIT.
        operation: None where the name is none that this suite knows.
        requests: All results, successes and failures.
        per_second: All results per second of the run; None where the length is unknown.
        latency: Of successful requests, or of all if *source* is a Locust CSV.
        isolation: Failures of the kind that is never tolerated; part of *failures*.
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

    @property
    def successes(self) -> int:
        """Requests that succeeded."""
        return self.requests - self.failures

    @property
    def success_ratio(self) -> float | None:
        """0..1; None where nothing was asked."""
        return self.successes / self.requests if self.requests else None

    def value(self, metric: Metric) -> float | None:
        """The measured value of *metric*, in its unit; None where there is none."""
        if metric is Metric.SUCCESS_RATIO:
            return self.success_ratio
        value: float | None = getattr(self.latency, metric.value, None)
        return value


@dataclass(frozen=True, slots=True)
class StepRow:
    """
    One operation during one step of the load.

    Args:
        users: Concurrent users; None where the manifest does not list the step.
        length_s: How long the step lasted; None likewise.
        per_second: Successful requests that began in the step, per second of it.
        latency: Of successful requests.
    """

    index: int
    operation: Operation
    users: int | None
    length_s: float | None
    requests: int
    failures: int
    per_second: float | None
    latency: Latency


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failures of one operation with the same message; *outcome* is None in somebody else's CSV."""

    name: str
    method: str
    operation: Operation | None
    outcome: Outcome | None
    message: str
    count: int


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """
    Resident memory of one process; MB are 10**6 bytes.

    Args:
        series_mb: The course of the run in at most 60 parts, the largest value of each.
    """

    process: str
    samples: int
    first_mb: float
    last_mb: float
    peak_mb: float
    series_mb: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One criterion, judged.

    Args:
        subject: An operation's value, or ``portal``.
        metric: A ``Metric``, or ``ISOLATION``.
        value: In the metric's unit; None where it was not measured.
        limits: None for ``ISOLATION``.
        state: None where the criterion does not apply because nobody could look; it then counts for nothing.
        note: Why, where the value alone does not say it.
    """

    subject: str
    metric: str
    value: float | None
    limits: Limits | None
    state: State | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """
    Something that makes the test itself invalid.

    Args:
        code: For machines, e.g. ``worker_lost``.
        message: One sentence; begins with the place where there is one.
        next_step: What to do about it, as a command where one exists.
        at: When, as ISO 8601; empty where no moment can be named.
    """

    code: str
    message: str
    next_step: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class Advice:
    """What was seen, what probably causes it, and what to do; *commands* are ready to paste."""

    code: str
    title: str
    evidence: str
    cause: str
    commands: tuple[str, ...]


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
    """

    state: State
    run_id: str
    manifest: Manifest | None
    journeys: tuple[Journey, ...]
    judged_by: str
    findings: tuple[Finding, ...]
    operations: tuple[OperationRow, ...]
    steps: tuple[StepRow, ...]
    failures: tuple[FailureGroup, ...]
    memory: tuple[MemoryRow, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    advice: tuple[Advice, ...] = ()

    @property
    def asked(self) -> tuple[int, int]:
        """What was asked of the target: requests and failures; flows and waits are made of these."""
        asked = [
            row for row in self.operations if row.operation is None or row.operation.kind is Kind.REQUEST
        ]
        return sum(row.requests for row in asked), sum(row.failures for row in asked)
