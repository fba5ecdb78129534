"""
Own measurements, beside Locust's statistics: each result once, by operation, outcome and step.

Locust's numbers keep two significant digits and mix failures into percentiles. Here every result goes into an
HdrHistogram (http://hdrhistogram.org; microseconds, three significant digits), one per tag and interval.
Histograms can be merged without loss, percentiles cannot: workers ship histograms, the owner adds them up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self
from weakref import proxy

from hdrh.histogram import HdrHistogram

from conf.operations import Operation, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

HIGHEST_US = 600_000_000
"""Ten minutes; longer results are recorded as this."""
SIGNIFICANT_DIGITS = 3

Snapshot = dict[str, bytes]
"""Tag → histogram in HdrHistogram's compressed base64 form; what travels from worker to owner."""


WARM_UP = -1
"""The step of results that began before the figures count; spelled ``warmup``."""

_SERVER = "server-"


class Tag(NamedTuple):
    """
    What a histogram is about; written ``operation.outcome.step``, with ``.planned`` or ``.server-NAME`` behind it.

    Args:
        operation: What was measured.
        outcome: How it ended.
        step: In which stretch of the run it began; ``WARM_UP`` before the figures count.
        planned: Whether durations are from the planned start of the flow rather than from sending. Such a
            histogram is a second account of the same results.
        server_step: Of which part of its work the target said how long it took; durations are then the target's
            own (``Server-Timing``), and part of those of the results.
    """

    operation: Operation
    outcome: Outcome
    step: int
    planned: bool = False
    server_step: str = ""

    @property
    def is_result(self) -> bool:
        """Whether each value is a result of its own, and not a further account of one."""
        return not self.planned and not self.server_step

    @property
    def is_judged(self) -> bool:
        """Whether the results belong to the figures; those of the warm-up do not."""
        return self.step != WARM_UP

    def __str__(self) -> str:
        step = "warmup" if self.step == WARM_UP else self.step
        account = f".{_SERVER}{self.server_step}" if self.server_step else ".planned" if self.planned else ""
        return f"{self.operation}.{self.outcome}.{step}{account}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read a tag back.

        Raises:
            ValueError: *text* is not a tag of this suite.
        """
        operation, outcome, step, *accounts = text.split(".")
        account = "".join(accounts)
        server_step = account.removeprefix(_SERVER) if account.startswith(_SERVER) else ""
        if len(accounts) > 1 or not (account in {"", "planned"} or server_step):
            raise ValueError(f"{text!r} is not a tag")
        if step != "warmup" and not (step.isascii() and step.isdigit()):
            raise ValueError(f"{text!r} has no step")
        number = WARM_UP if step == "warmup" else int(step)
        return cls(Operation(operation), Outcome(outcome), number, account == "planned", server_step)


class _Histogram(HdrHistogram):  # type: ignore[misc]  # hdrh has no types
    """
    A histogram whose memory is free as soon as nobody holds it.

    hdrh's own holds an encoder, which holds the histogram: its 170 kB stay until Python looks for reference cycles, which
    a load-generating process does rarely.
    """

    def __init__(self) -> None:
        super().__init__(1, HIGHEST_US, SIGNIFICANT_DIGITS)
        self.encoder.histogram = proxy(self)

    def decode_and_add(self, encoded_histogram: str | bytes) -> None:
        """Add a histogram in compressed base64 form; raises as hdrh does."""
        other = HdrHistogram.decode(encoded_histogram)
        self.add(other)
        del other.encoder


def new_histogram() -> HdrHistogram:
    """An empty histogram: microseconds, 1 to ten minutes, 3 significant digits."""
    return _Histogram()


@dataclass(slots=True)
class Attempts:
    """How many times an operation was begun, and how many results it has; equal once a run is over."""

    begun: int = 0
    ended: int = 0


class Recorder:
    """Collects the results of one process until they are taken."""

    def __init__(self) -> None:
        self._histograms: dict[Tag, HdrHistogram] = {}
        self.recorded = 0
        """Results since the start of the run, each once; never goes down."""
        self.attempts: dict[Operation, Attempts] = {}
        """Since the start of the run."""

    def begin(self, operation: Operation) -> None:
        """Count an attempt, whose result is not known yet."""
        self.attempts.setdefault(operation, Attempts()).begun += 1

    def record(self, tag: Tag, seconds: float) -> None:
        """Record one result; shorter than a microsecond counts as one."""
        histogram = self._histograms.get(tag)
        if histogram is None:
            histogram = self._histograms[tag] = new_histogram()
        histogram.record_value(min(max(round(seconds * 1e6), 1), HIGHEST_US))
        if tag.is_result:
            self.recorded += 1
            self.attempts.setdefault(tag.operation, Attempts()).ended += 1

    def take(self) -> Snapshot:
        """Hand over what was recorded since the last call, and start anew."""
        taken = {str(tag): histogram.encode() for tag, histogram in self._histograms.items()}
        self._histograms = {}  # a new histogram costs an eighth of what resetting one does
        return taken


@dataclass(slots=True)
class Tally:
    """Running counts of a tag group, for progress and reconciliation."""

    requests: int = 0
    failures: int = 0


class TextSink(Protocol):
    """What text is written to."""

    def write(self, text: str, /) -> int:
        """Keep it, or write it."""

    def flush(self) -> None:
        """What was kept is written."""


class MeasurementLog:
    """
    Merges snapshots and writes them as a standard HdrHistogram log with tags, one line per tag and interval.

    Args:
        file: Opened for writing text; stays the caller's to close.
        started_at: Start of the run; written as the log's StartTime.
    """

    def __init__(self, file: TextSink, started_at: datetime) -> None:
        self._file = file
        self._interval: dict[str, HdrHistogram] = {}
        self._interval_start_s = started_at.timestamp()
        self.merged = 0
        """Results added so far, each once."""
        self.written = 0
        """Results written so far, each once."""
        self.tallies: dict[Operation, Tally] = {}
        file.write("#[Histogram log format version 1.3]\n")
        file.write(
            f"#[StartTime: {started_at.timestamp():.3f} (seconds since epoch), {started_at.isoformat()}]\n"
        )
        file.write('"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n')

    def add(self, snapshot: Mapping[str, bytes]) -> int:
        """Merge a process's snapshot into the current interval; returns how many results it held."""
        before = self.merged
        for text, encoded in snapshot.items():
            tag = Tag.parse(text)
            histogram = self._interval.get(text)
            if histogram is None:
                histogram = self._interval[text] = new_histogram()
            had = histogram.get_total_count()
            histogram.decode_and_add(encoded)
            count = histogram.get_total_count() - had
            if tag.is_result:
                tally = self.tallies.setdefault(tag.operation, Tally())
                tally.requests += count
                tally.failures += count if tag.outcome.is_failure else 0
                self.merged += count
        return self.merged - before

    def write_interval(self, until: datetime) -> None:
        """
        Write what was merged since the last call as one interval, and flush it to the file.

        Raises:
            OSError: The file does not take it; it is kept, and belongs to the next interval.
        """
        end_s, written = until.timestamp(), 0
        for text, histogram in sorted(self._interval.items()):
            count = histogram.get_total_count()
            start_s, length_s = self._interval_start_s, end_s - self._interval_start_s
            longest_ms = histogram.get_max_value() / 1000
            payload = histogram.encode().decode("ascii")
            self._file.write(f"Tag={text},{start_s:.3f},{length_s:.3f},{longest_ms:.3f},{payload}\n")
            written += count if Tag.parse(text).is_result else 0
        self._file.flush()
        self._interval, self._interval_start_s = {}, end_s
        self.written += written


def utc_now() -> datetime:
    """The wall clock, aware; the default of everything that takes a clock."""
    return datetime.now(UTC)
