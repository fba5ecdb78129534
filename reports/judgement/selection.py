"""Which of a run's results a criterion is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.operations import Outcome
from conf.stream_figures import Quantity
from conf.subject import Subject
from monitoring.measurement import CAME
from reports.judgement.measured_sample import MeasuredSample
from reports.statistics.series import Series

if TYPE_CHECKING:
    from collections.abc import Collection

    from conf.operations import Operation
    from conf.stream_figures import Moment
    from reports.manifest import Manifest, StepSpan
    from reports.reading.measurement_log import Measurements


def select_sample(measurements: Measurements, subject: Subject, manifest: Manifest | None) -> MeasuredSample:
    """
    The results of *subject*; those of the warm-up are never among them.

    A step is named by its number of users; several steps with the same number are taken together.
    """
    spans = [span for span in manifest.steps if subject.users in {None, span.users}] if manifest else []
    steps = None if subject.users is None else {span.index for span in spans}
    length_s = (
        None if manifest is None else sum(span.length_s for span in spans) if spans else manifest.judged_s
    )
    return build_sample(measurements, subject, steps, length_s)


def select_step(
    measurements: Measurements, operation: Operation, index: int, span: StepSpan | None
) -> MeasuredSample:
    """The results of one operation in one step."""
    return build_sample(measurements, Subject(operation), {index}, span.length_s if span else None)


def build_sample(
    measurements: Measurements, subject: Subject, steps: Collection[int] | None, length_s: float | None
) -> MeasuredSample:
    """
    The results of a subject's operation.

    Args:
        measurements: The measurements to select from.
        subject: Its operation and outcome count; its users do not, since *steps* stands for them.
        steps: The steps that count; None for everything outside of the warm-up.
        length_s: How long these steps were together.
    """
    results: dict[bool, dict[Outcome, list[Series]]] = {False: {}, True: {}}
    figures: dict[tuple[Moment | Quantity, bool], dict[Outcome, list[Series]]] = {}
    came: dict[tuple[Moment | Quantity, bool], dict[Outcome, list[Series]]] = {}
    good: dict[str, list[Series]] = {}
    split: dict[str, list[Series]] = {}
    for tag, series in measurements.items():
        if (
            tag.operation is not subject.operation
            or not tag.is_judged
            or (steps is not None and tag.step not in steps)
        ):
            continue
        if tag.is_whole:
            results[tag.planned].setdefault(tag.outcome, []).append(series)
        elif tag.figure is Quantity.GOOD:
            good.setdefault(tag.split, []).append(series)
        elif tag.split == CAME and tag.figure is not None:
            came.setdefault((tag.figure, tag.planned), {}).setdefault(tag.outcome, []).append(series)
        elif tag.figure is not None:
            figures.setdefault((tag.figure, tag.planned), {}).setdefault(tag.outcome, []).append(series)
        elif tag.split:
            split.setdefault(tag.split, []).append(series)
    return MeasuredSample(
        subject,
        _merged(results[False]),
        _merged(results[True]),
        length_s,
        {key: _merged(found) for key, found in figures.items()},
        {key: _merged(found) for key, found in came.items()},
        {limits: Series.merged(parts) for limits, parts in good.items()},
        {value: Series.merged(parts) for value, parts in sorted(split.items())},
    )


def _merged(found: dict[Outcome, list[Series]]) -> dict[Outcome, Series]:
    return {outcome: Series.merged(found[outcome]) for outcome in Outcome if outcome in found}
