"""Metrics that a criterion may name; the unit is the last word of the name."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from conf.stream_figures import Moment

_LATENCY = re.compile(
    rf"(?P<planned>planned_)?(?:(?P<moment>{'|'.join(Moment)})_)?"
    r"(?:(?P<attempt>attempt_)?p(?P<percent>\d{1,2}(?:_\d{1,3})?)|(?P<figure>mean|max))_ms"
)


class MetricKind(StrEnum):
    """What is computed. The value is the metric's name; NN stands for the number of a percentile."""

    SUCCESS_RATIO = "success_ratio"
    RATIO = "ratio"
    GOODPUT_RATIO = "goodput_ratio"
    KEEPS_READING_RATIO = "keeps_reading_ratio"
    BROKEN_STREAM_RATIO = "broken_stream_ratio"
    FAKE_STREAM_RATIO = "fake_stream_ratio"
    PER_SECOND = "per_second"
    PERCENTILE = "pNN_ms"
    MEAN = "mean_ms"
    MAX = "max_ms"
    RSS = "rss_mb"
    RSS_SLOPE = "rss_mb_per_hour"


OF_STREAMS = frozenset(
    {MetricKind.KEEPS_READING_RATIO, MetricKind.BROKEN_STREAM_RATIO, MetricKind.FAKE_STREAM_RATIO}
)
"""Shares of streamed answers."""
LATENCIES = frozenset({MetricKind.PERCENTILE, MetricKind.MEAN, MetricKind.MAX})
OF_PROCESSES = frozenset({MetricKind.RSS, MetricKind.RSS_SLOPE})
OF_OUTCOMES = frozenset({*LATENCIES, MetricKind.RATIO, MetricKind.PER_SECOND})
"""Metrics of the results with one outcome."""
OF_ROWS = frozenset({*LATENCIES, MetricKind.SUCCESS_RATIO, MetricKind.PER_SECOND})
"""Metrics of one row of Locust's statistics."""
OF_OPERATIONS = frozenset({*MetricKind} - OF_PROCESSES - {MetricKind.RATIO})


class Metric(NamedTuple):
    """
    One metric.

    Args:
        kind: What is computed.
        percent: Number of a percentile, 0 < percent < 100; written with ``_`` for the decimal point: ``p99_9_ms``.
        planned: Whether a latency counts from the planned start of its flow instead of from sending.
        attempt: Whether a percentile is of all attempts, where each failure counts as never answered.
        moment: Of a streamed answer, what a latency is of; None: the whole answer.
    """

    kind: MetricKind
    percent: float | None = None
    planned: bool = False
    attempt: bool = False
    moment: Moment | None = None

    @property
    def is_of_stream(self) -> bool:
        """Whether only streamed answers have it."""
        return self.moment is not None or self.kind in OF_STREAMS

    @property
    def is_latency(self) -> bool:
        """Whether the value is a duration of results."""
        return self.kind in LATENCIES


@cache
def parse_metric(name: str) -> Metric:
    """
    Read a metric's name.

    Raises:
        ValueError: There is no such metric; the text lists the known ones.
    """
    if match := _LATENCY.fullmatch(name):
        planned, attempt = match["planned"] is not None, match["attempt"] is not None
        moment = Moment(match["moment"]) if match["moment"] else None
        if planned and moment is Moment.LARGEST_GAP:
            raise ValueError(f"{name!r} is not a metric: a gap between two texts has no planned start")
        if match["figure"]:
            return Metric(MetricKind(f"{match['figure']}_ms"), planned=planned, moment=moment)
        if percent := float(match["percent"].replace("_", ".")):
            return Metric(MetricKind.PERCENTILE, percent, planned, attempt, moment)
    if name in {*MetricKind} - LATENCIES:
        return Metric(MetricKind(name))
    raise ValueError(
        f"{name!r} is not a metric; allowed: {', '.join(MetricKind)}, planned_… before a latency, "
        f"attempt_… before pNN_ms; of streamed answers also {', '.join(Moment)} before a latency, as in first_content_p95_ms"
    )
