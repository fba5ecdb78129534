"""Where the target's time went, step by step, as the target reports it with each answer (``Server-Timing``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.operations import Operation, Outcome
from conf.stream_figures import Moment
from conf.subject import Subject
from reports.judgement.selection import select_sample
from reports.rows import ServerStepRow
from reports.statistics.distribution import Latency
from reports.statistics.series import Series

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reports.manifest import Manifest
    from reports.reading.measurement_log import Measurements

REST = ""
"""The name of the time that belongs to no step."""


def build_server_step_rows(measurements: Measurements, manifest: Manifest | None) -> list[ServerStepRow]:
    """
    One row per operation and step, in the contract's order, and one for the rest; only successful requests count.

    A streamed answer's steps are parts of the time until its headers, which name them.

    Args:
        measurements: The measurements of the whole run; results of the warm-up are left out.
        manifest: Gives the labels of the steps.
    """
    named = manifest.server_step_labels if manifest else {}
    return [
        row
        for operation in Operation
        if (steps := _steps(measurements, operation))
        for row in _rows(operation, steps, named.get(operation, {}), measurements)
    ]


def _steps(measurements: Measurements, operation: Operation) -> dict[str, Series]:
    tags = [tag for tag in measurements if tag.operation is operation and tag.server_step and tag.is_judged]
    return {
        name: Series.merged(measurements[tag] for tag in tags if tag.server_step == name)
        for name in dict.fromkeys(tag.server_step for tag in tags)
    }


def _rows(
    operation: Operation, steps: dict[str, Series], labels: dict[str, str], measurements: Measurements
) -> Iterator[ServerStepRow]:
    sample = select_sample(measurements, Subject(operation), None)
    headers = sample.figures.get((Moment.HEADERS, False), {})
    total = (headers or sample.results).get(Outcome.SUCCESS, Series()).whole
    whole_ms = total.latency().mean_ms
    known = [name for name in labels if name in steps] + sorted(set(steps) - set(labels))
    spent_ms = 0.0
    for name in known:
        latency = steps[name].whole.latency()
        assert latency.mean_ms is not None
        # A step that only some answers name counts as zero in the others.
        per_answer_ms = latency.mean_ms * steps[name].count / max(total.count, 1)
        spent_ms += per_answer_ms
        share = per_answer_ms / whole_ms if whole_ms else None
        yield ServerStepRow(operation, name, labels.get(name, name), steps[name].count, latency, share)
    if whole_ms and max(series.count for series in steps.values()) == total.count:
        rest_ms = max(whole_ms - spent_ms, 0.0)
        label = "Network, and what the portal does not name" + (", until the headers" if headers else "")
        yield ServerStepRow(operation, REST, label, total.count, Latency(mean_ms=rest_ms), rest_ms / whole_ms)


def slowest_step(rows: Iterable[ServerStepRow], operation: Operation) -> ServerStepRow | None:
    """The step, or the rest, with the largest share of *operation*; None where the target reports no steps."""
    known = [row for row in rows if row.operation is operation and row.share is not None]
    return max(known, key=lambda row: row.share or 0.0, default=None)
