"""
Which charts a report has.

Each line of `_of_journey` is one chart. A new chart is a function that makes a `Drawing`, and a line there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from conf.metric import parse_metric
from conf.operations import Journey, Kind
from conf.subject import Subject, parse_subject
from reports.charts.spread_charts import draw_distribution, draw_percentiles
from reports.charts.stream_charts import draw_gaps, draw_stages, draw_texts
from reports.charts.time_charts import (
    build_timeline,
    draw_latency,
    draw_server_steps,
    draw_throughput,
    draw_users,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from conf.operations import Operation
    from conf.thresholds import Limits
    from reports.charts.canvas import Drawing
    from reports.charts.time_charts import Timeline
    from reports.course import Course, OperationCourse
    from reports.manifest import Manifest, SlowAnswer
    from reports.record import Verdict


class Gallery(NamedTuple):
    """The charts of one journey; *subject* is the operation that a chart is about, unless it names another."""

    subject: str
    drawings: tuple[Drawing, ...]


def draw_charts(verdict: Verdict) -> list[Gallery]:
    """The charts of each journey of the run; none where the record holds nothing to draw."""
    course = verdict.course
    if course is None:
        return []
    limits, timeline = _latency_limits(verdict), build_timeline(verdict, course)
    return [*_galleries(verdict, course, timeline, limits)]


def _galleries(
    verdict: Verdict, course: Course, timeline: Timeline, limits: dict[Operation, dict[str, Limits]]
) -> Iterable[Gallery]:
    users = draw_users(course, timeline)
    for journey in Journey:
        if rows := [row for row in course.operations if row.operation.journey is journey]:
            streams, drawings = [*_of_streams(rows, verdict)], [*_of_journey(rows, timeline, limits)]
            subject = drawings[0].subject
            drawings[2:2] = _present(users)
            drawings[:0] = streams
            yield Gallery(subject, tuple(drawings))
            users = None  # the chart is the run's: it is shown once


def _of_streams(rows: Sequence[OperationCourse], verdict: Verdict) -> Iterable[Drawing]:
    """Charts of streamed answers, which say more of them than the charts of whole answers."""
    courses = {row.operation: row for row in rows}
    for stream in verdict.streams:
        if course := courses.get(stream.operation):
            yield from _present(draw_stages(stream))
            yield from _present(draw_gaps(course))
            for title, answers in _standing_out(verdict.manifest, stream.operation):
                yield from _present(draw_texts(title, answers))


def _standing_out(manifest: Manifest | None, operation: Operation) -> Iterable[tuple[str, list[SlowAnswer]]]:
    found = {} if manifest is None else {"Slowest": manifest.slowest, "Most halting": manifest.halting}
    for words, answers in found.items():
        yield f"{words} answers, text by text", [one for one in answers if one.operation is operation]


def _of_journey(
    rows: Sequence[OperationCourse], timeline: Timeline, limits: dict[Operation, dict[str, Limits]]
) -> Iterable[Drawing]:
    main, *others = sorted(
        rows, key=lambda row: (row.operation not in limits, row.operation.kind is not Kind.FLOW)
    )
    demanded = limits.get(main.operation, {})
    yield from _present(draw_latency(main, timeline, demanded.get("p95_ms")))
    yield draw_throughput(main, timeline)
    for row in rows:
        yield from _present(draw_server_steps(row, timeline))
    yield from _present(draw_percentiles(main, others, demanded))
    yield from _present(draw_distribution(main))
    for row in others:
        if row.operation in limits:
            yield from _present(draw_latency(row, timeline, limits[row.operation].get("p95_ms")))


def _present(drawing: Drawing | None) -> Iterable[Drawing]:
    return [] if drawing is None else [drawing]


def _latency_limits(verdict: Verdict) -> dict[Operation, dict[str, Limits]]:
    """Operation → metric → limits, of the criteria about a latency of a whole operation."""
    found: dict[Operation, dict[str, Limits]] = {}
    for finding in verdict.findings:
        if finding.limits is None:  # not a criterion of the settings
            continue
        subject = parse_subject(finding.subject)
        operation = subject.operation
        if operation is None or subject != Subject(operation):
            continue
        metric = parse_metric(finding.metric)
        if metric.is_latency and metric.moment is None:
            found.setdefault(operation, {})[finding.metric] = finding.limits
    return found
