"""Which of a run's results a criterion is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.operations import Outcome
from conf.subject import Subject
from reports.judgement.measured_sample import MeasuredSample
from reports.statistics.series import Series

if TYPE_CHECKING:
    from collections.abc import Collection

    from conf.operations import Operation
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
    chosen = {
        tag: series
        for tag, series in measurements.items()
        if tag.operation is subject.operation
        and tag.is_judged
        and not tag.server_step
        and (steps is None or tag.step in steps)
    }
    return MeasuredSample(
        subject, _by_outcome(chosen, planned=False), _by_outcome(chosen, planned=True), length_s
    )


def _by_outcome(chosen: Measurements, *, planned: bool) -> dict[Outcome, Series]:
    found = {
        outcome: [
            series for tag, series in chosen.items() if tag.outcome is outcome and tag.planned is planned
        ]
        for outcome in Outcome
    }
    return {outcome: Series.merged(parts) for outcome, parts in found.items() if parts}
