"""
The suite's own measurements, in addition to Locust's statistics: each result once, by operation, outcome and step.

Locust's numbers keep two significant digits and mix failures into percentiles. Here every result goes into an
HdrHistogram (http://hdrhistogram.org; microseconds, three significant digits), one per tag and interval.
Histograms can be merged without loss, percentiles cannot: workers ship histograms, the owner adds them up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self
from weakref import proxy

from hdrh.histogram import HdrHistogram

from conf.operations import Operation, Outcome
from conf.stream_figures import Moment, Quantity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HIGHEST_US = 600_000_000
"""Ten minutes; longer results are recorded as this."""
SIGNIFICANT_DIGITS = 3
_PLACE_BITS = 11
"""Of a value's place within its bucket: 2,048 places keep so many digits."""

Snapshot = dict[str, bytes]
"""Tag → histogram in HdrHistogram's compressed base64 form; sent from worker to owner."""


WARM_UP = -1
"""Step of results that began during the warm-up; spelled ``warmup``."""

CAME = "came"
"""Split of the moments of a streamed answer that came, though the answer did not succeed."""

_SERVER, _SPLIT = "server-", "split-"
_FIGURES: dict[str, Moment | Quantity] = {figure.value: figure for figure in (*Moment, *Quantity)}


class Tag(NamedTuple):
    """
    What a histogram measures; written ``operation.outcome.step``, with its account of the results behind it.

    A result has one account without anything behind it, and others that measure the same result again: ``.planned``,
    ``.server-NAME``, ``.split-VALUE``, ``.first_content`` and other figures of a stream, ``.planned.first_content``.

    Args:
        operation: What was measured.
        outcome: How it ended.
        step: Step of the load in which it began; ``WARM_UP`` during the warm-up.
        planned: Whether durations are from the planned start of the flow instead of from sending. Such a histogram
            measures the same results a second time.
        server_step: Part of the target's work. The durations are then those that the target gave for it
            (``Server-Timing``): a part of the duration of each result.
        figure: Of a streamed answer. Numbers, such as those of heartbeats, stand where microseconds do.
        split: What a header of the answer said, by which the contract splits the results; of a figure, what kind it is of.
    """

    operation: Operation
    outcome: Outcome
    step: int
    planned: bool = False
    server_step: str = ""
    figure: Moment | Quantity | None = None
    split: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether each value is a whole result's, from sending or from its planned start, and not a part's."""
        return not (self.server_step or self.figure or self.split)

    @property
    def is_result(self) -> bool:
        """Whether each value is a result of its own, and not a second measurement of one."""
        return self.is_whole and not self.planned

    @property
    def is_judged(self) -> bool:
        """Whether the results are in the figures; those of the warm-up are not."""
        return self.step != WARM_UP

    def __str__(self) -> str:
        step = "warmup" if self.step == WARM_UP else self.step
        parts = [f"{self.operation}.{self.outcome}.{step}"]
        parts += ["planned"] * self.planned
        parts += [self.figure.value] if self.figure else []
        parts += [f"{_SERVER}{self.server_step}"] if self.server_step else []
        return ".".join([*parts, f"{_SPLIT}{self.split}"] if self.split else parts)

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read a tag back.

        Raises:
            ValueError: *text* is not a tag of this suite.
        """
        operation, outcome, step, *accounts = text.split(".")
        if step != "warmup" and not (step.isascii() and step.isdigit()):
            raise ValueError(f"{text!r} has no step")
        number = WARM_UP if step == "warmup" else int(step)
        planned = accounts[:1] == ["planned"]
        named: dict[str, Any] = {}
        for account in accounts[planned:]:
            if account in _FIGURES:
                named["figure"] = _FIGURES[account]
            elif server_step := account.removeprefix(_SERVER) * account.startswith(_SERVER):
                named["server_step"] = server_step
            elif split := account.removeprefix(_SPLIT) * account.startswith(_SPLIT):
                named["split"] = split
        tag = cls(Operation(operation), Outcome(outcome), number, planned, **named)
        if str(tag) != f"{operation}.{outcome}.{'.'.join([step if number < 0 else str(number), *accounts])}":
            raise ValueError(f"{text!r} is not a tag")
        return tag


class _Histogram(HdrHistogram):  # type: ignore[misc]  # hdrh has no types
    """
    A histogram without a reference cycle: its memory is free as soon as nothing refers to it.

    hdrh's own refers to an encoder that refers to the histogram. Its 170 kB stay until Python looks for reference cycles,
    which a load-generating process does rarely.
    """

    min_value: int
    max_value: int

    def __init__(self) -> None:
        super().__init__(1, HIGHEST_US, SIGNIFICANT_DIGITS)
        self.encoder.histogram = proxy(self)

    def record_all(self, values_us: Sequence[int]) -> None:
        """Record values from 1 to `HIGHEST_US`, each as hdrh's ``record_value`` does in thrice the time."""
        counts = self.counts
        for value in values_us:
            bucket = value.bit_length() - _PLACE_BITS
            if bucket > 0:
                counts[(bucket << _PLACE_BITS - 1) + (value >> bucket)] += 1
            else:
                counts[value] += 1
        self.total_count += len(values_us)
        self.min_value = min(self.min_value, *values_us)
        self.max_value = max(self.max_value, *values_us)

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
    """How often an operation was begun, and how many results it has; equal when a run is over."""

    begun: int = 0
    ended: int = 0


class Recorder:
    """Collects the results of one process until `take` hands them over."""

    def __init__(self) -> None:
        self._histograms: dict[Tag, _Histogram] = {}
        self.recorded = 0
        """Results since the start of the run, each once; never goes down."""
        self.attempts: dict[Operation, Attempts] = {}
        """Attempts by operation since the start of the run."""

    def begin(self, operation: Operation) -> None:
        """Count an attempt, whose result is not known yet."""
        self.attempts.setdefault(operation, Attempts()).begun += 1

    def record(self, tag: Tag, seconds: float) -> None:
        """Record one result; a duration below a microsecond counts as one microsecond."""
        self._of(tag).record_all((min(max(round(seconds * 1e6), 1), HIGHEST_US),))
        if tag.is_result:
            self.recorded += 1
            self.attempts.setdefault(tag.operation, Attempts()).ended += 1

    def record_figure(self, tag: Tag, values_s: Sequence[float]) -> None:
        """Record values of a result that has its own record, or of a part of one."""
        if values_s:
            self._of(tag).record_all([min(max(round(value_s * 1e6), 1), HIGHEST_US) for value_s in values_s])

    def _of(self, tag: Tag) -> _Histogram:
        histogram = self._histograms.get(tag)
        if histogram is None:
            histogram = self._histograms[tag] = _Histogram()
        return histogram

    def take(self) -> Snapshot:
        """Hand over the results since the last call."""
        taken = {str(tag): histogram.encode() for tag, histogram in self._histograms.items()}
        self._histograms = {}  # new histograms take an eighth of the time of a reset
        return taken


@dataclass(slots=True)
class Tally:
    """Running counts of a tag group, for progress and reconciliation."""

    requests: int = 0
    failures: int = 0


class TextSink(Protocol):
    """A file for text."""

    def write(self, text: str, /) -> int:
        """Write *text*, now or at the next flush."""

    def flush(self) -> None:
        """Write what has been kept."""


class MeasurementLog:
    """
    Merges snapshots and writes them as a standard HdrHistogram log with tags, one line per tag and interval.

    Args:
        file: Opened for writing text; the caller closes it.
        started_at: Start of the run; written as the log's StartTime.
    """

    def __init__(self, file: TextSink, started_at: datetime) -> None:
        self._file = file
        self._interval: dict[str, HdrHistogram] = {}
        self._interval_start_s = started_at.timestamp()
        self.merged = 0
        """Number of results added so far, each once."""
        self.written = 0
        """Number of results written so far, each once."""
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
            OSError: The file cannot be written; the results are kept for the next interval.
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
    """The wall clock, aware; the default wherever a clock is an argument."""
    return datetime.now(UTC)
