"""The record's figures of operations: over the whole run, in one step of the load, and by the target's own steps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from reports.cut_off import NOTHING_CUT_OFF

if TYPE_CHECKING:
    from conf.operations import Operation
    from conf.stream_figures import Moment
    from reports.cut_off import CutOff
    from reports.state import State
    from reports.statistics.distribution import Latency


class Source(StrEnum):
    """Where an operation's figures come from."""

    MEASUREMENTS = "measurements"
    """Our own histograms: three significant digits; quick failures are in no latency, slow ones are lower bounds."""
    LOCUST_CSV = "locust_csv"
    """Locust's statistics: two significant digits, failures mixed in."""


class CountedRequests:
    """Requests of one row: each succeeded, failed, was cut off by the end of the run, or is counted apart."""

    __slots__ = ()
    requests: int
    failures: int
    cut_off: CutOff
    intercepted: int
    abandoned: int

    @property
    def attempts(self) -> int:
        """Requests that succeeded or failed."""
        return self.requests - self.cut_off.count - self.intercepted - self.abandoned

    @property
    def successes(self) -> int:
        """Requests that succeeded."""
        return self.attempts - self.failures


@dataclass(frozen=True, slots=True)
class SplitRow:
    """Successes of an operation of which a header of the answer said the same: ``x-cache-hit``."""

    value: str
    answers: int
    latency: Latency


@dataclass(frozen=True, slots=True)
class OperationRow(CountedRequests):
    """
    One operation over the whole run.

    Args:
        name: The operation's value; in another project's CSV, the name given there.
        method: Locust's type: an HTTP method, SQL, FLOW or WAIT.
        operation: None where this suite does not know the name.
        requests: All results outside of the warm-up: successes, failures, and requests that were cut off.
        per_second: All results per second of the run; None where the length is unknown.
        latency: Of answers and requests waited for in vain; of all requests if *source* is a Locust CSV.
        isolation: Failures of isolation, which are never tolerated; those of the warm-up are included.
        warm_up: Results of the warm-up, which are in no figure, and how many of them failed.
        planned: Latency from the planned start of the flow; None where flows had none.
        intercepted: Answers without the model: apart, neither successes nor failures.
        abandoned: Answers whose homeowner closed the page: apart likewise.
        split: Its successes, where the contract names a header that tells them apart.
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
    intercepted: int = 0
    abandoned: int = 0
    split: tuple[SplitRow, ...] = ()

    @property
    def success_ratio(self) -> float | None:
        """Share of the attempts that succeeded, 0..1; None without attempts."""
        return self.successes / self.attempts if self.attempts else None


@dataclass(frozen=True, slots=True)
class StepRow(CountedRequests):
    """
    One operation during one step of the load.

    Args:
        users: Concurrent users; None where the manifest does not list the step.
        length_s: How long the step lasted; None where the manifest does not list the step.
        per_second: Successful requests that began in the step, per second of it.
        latency: Of answers and requests waited for in vain.
        planned: Latency from the planned start; None where flows had none.
        state: By the criteria about the whole run, applied to this step; None where there are no criteria.
        certain: Whether the intervals of the figures are judged as the figures are.
        first_content: Time to the first text of streamed answers; None where answers are whole.
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
    intercepted: int = 0
    abandoned: int = 0
    first_content: Latency | None = None


@dataclass(frozen=True, slots=True)
class ServerStepRow:
    """
    Part of an operation's work, as the target itself timed it in its answers.

    Args:
        name: As the target spells it; empty for the rest, which belongs to no step.
        label: The name that people read.
        requests: Successful requests that named the part.
        latency: Latency of the part in these requests; of the rest only the mean is known.
        share: Share of the operation's mean latency, or of the mean time until the headers of a streamed answer, 0..1;
            None where that mean is not known.
    """

    operation: Operation
    name: str
    label: str
    requests: int
    latency: Latency
    share: float | None


@dataclass(frozen=True, slots=True)
class MomentRow:
    """How long a moment of the streamed answers took: of those that came, and of those that were waited for in vain."""

    moment: Moment
    answers: int
    latency: Latency


@dataclass(frozen=True, slots=True)
class StreamRow:
    """
    The streamed answers of one operation.

    Args:
        answers: Successes.
        moments: In the order in which they come.
        gaps: Each time between two texts of an answer.
        stalls: Gaps of more than `conf.stream_figures.STALL_S`.
        stalled_s: What these gaps had beyond that, together.
        read: Answers whose text kept up with a homeowner who reads.
        fake: Answers whose text came all at once.
        contents: Texts per answer; like all that follow, the mean.
        heartbeats: Comments per answer.
        tokens: Tokens per answer, as the portal counts them; None where it does not.
    """

    operation: Operation
    answers: int
    moments: tuple[MomentRow, ...]
    gaps: Latency
    stalls: int
    stalled_s: float
    read: int
    fake: int
    contents: float
    characters: float
    words: float
    heartbeats: float
    tokens: float | None
