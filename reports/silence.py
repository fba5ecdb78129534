"""A target that answered, fell silent, and had not come back when the load ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from conf.operations import Outcome
from conf.subject import parse_subject
from reports.record import Finding, State
from reports.series import Series

if TYPE_CHECKING:
    from conf.operations import Operation
    from conf.thresholds import Thresholds
    from reports.manifest import Manifest
    from reports.measurement_log import Measurements

_METRIC = "success_ratio"
_LEAST_S = 5.0
_LEAST_GAPS = 10
"""A silence is longer than so many of the usual gaps between two successes."""
_LEAST_USERS_RATIO = 0.25
"""So many of the journey's users must have failed in it, each once: what a few wait for is no silence."""


class _Silence(NamedTuple):
    length_s: float
    failures: int


def assess_silence(
    measurements: Measurements, manifest: Manifest | None, thresholds: Thresholds
) -> list[Finding]:
    """
    A FAIL for each operation that failed from some moment to the end of the load, by its success rate over that time.

    Users that wait for an answer in vain ask rarely: over the whole run, many quick answers outweigh a minute of silence.
    Where iterations end the run each user makes as many attempts as ever, and nothing is outweighed.
    """
    if manifest is None or manifest.ended_by == "iterations":
        return []
    load_s = manifest.length_s if manifest.loaded_s is None else manifest.loaded_s
    until_s = manifest.started_at.timestamp() + load_s
    least = _LEAST_USERS_RATIO * manifest.users_wanted / max(len(manifest.journeys), 1)
    found = []
    for text, demands in thresholds.items():
        subject, limits = parse_subject(text), demands.get(_METRIC)
        if limits is None or subject.operation is None or subject.outcome or subject.users:
            continue
        silence = _find_silence(measurements, subject.operation, until_s)
        if silence is not None and silence.failures >= max(least, 1):
            note = f"nothing succeeded in the last {silence.length_s:.0f} s of the load: this is its value over them"
            found.append(Finding(text, _METRIC, 0.0, limits, State.FAIL, note, count=silence.failures))
    return found


def _find_silence(measurements: Measurements, operation: Operation, until_s: float) -> _Silence | None:
    results = {tag: one for tag, one in measurements.items() if tag.operation is operation and tag.is_result}
    successes = Series.merged(one for tag, one in results.items() if tag.outcome is Outcome.SUCCESS)
    failures = Series.merged(one for tag, one in results.items() if tag.outcome is not Outcome.SUCCESS)
    if not successes.count or not failures.count:
        return None
    width_s = max(successes.width_s, failures.width_s)
    spans_s = successes.spans_s(width_s)
    began_s, ended_s = min(begin for begin, _ in spans_s.values()), max(end for _, end in spans_s.values())
    length_s, gap_s = until_s - ended_s, (ended_s - began_s) / successes.count
    if length_s < max(_LEAST_S, _LEAST_GAPS * gap_s):
        return None
    later = [window for number, window in failures.counts(width_s).items() if number > max(spans_s)]
    return _Silence(length_s, sum(int(window.counts.sum()) for window in later))
