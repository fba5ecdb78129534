"""A target that answered, fell silent, and had not come back when the load ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from conf.operations import Operation, Outcome
from conf.subject import parse_subject
from reports.finding import Finding
from reports.limits import assess_metric
from reports.manifest import EndedBy
from reports.state import State
from reports.statistics.distribution import upper_edges_ms
from reports.statistics.series import Series

if TYPE_CHECKING:
    from conf.thresholds import Thresholds
    from reports.manifest import Manifest
    from reports.reading.measurement_log import Measurements

_METRIC = "success_ratio"
_MS_PER_S = 1000
_LEAST_S = 5.0
"""The shortest silence; also how exactly it is known when a result came."""
_LEAST_GAPS = 10
"""A silence is longer than so many of the usual gaps between two successes."""
_LEAST_FAILURES = 3
_LEAST_RATIO = 0.25
"""A silence is broad if so much of what the users can ask at once was asked after the last success, and failed."""
_LEAST_TOGETHER_RATIO = 0.5
"""
A silence is also broad if so much of it was asked at about the time of the last success, and failed. A smaller share
may be some users of a round that wait in vain while the others think until the end of the load: nothing is silent then.
"""


class _Silence(NamedTuple):
    """
    Args:
        length_s: From the last success to the end of the load.
        together: Failed attempts that ended in the silence and began at about the time of the last success or later.
        later: Failed attempts that began after the last success.
    """

    length_s: float
    together: int
    later: int

    def is_broad(self, at_once: float) -> bool:
        """Whether enough of the *at_once* requests failed that the users can have in flight."""
        return any(
            count >= max(_LEAST_FAILURES, ratio * at_once)
            for count, ratio in ((self.later, _LEAST_RATIO), (self.together, _LEAST_TOGETHER_RATIO))
        )


def assess_silence(
    measurements: Measurements, manifest: Manifest | None, thresholds: Thresholds
) -> list[Finding]:
    """
    Judge each operation that failed from some moment to the end of the load by its success rate over that time.

    Users that wait in vain ask rarely: over the whole run, many quick answers outweigh a minute of silence. A run that
    its iterations end has no such finding: each user makes all of its attempts, and nothing is outweighed.

    Returns:
        A FAIL for each such operation, or a WARN where the criterion can only warn.
    """
    if manifest is None or manifest.ended_by is EndedBy.ITERATIONS:
        return []
    until_s = manifest.started_at.timestamp() + (
        manifest.length_s if manifest.loaded_s is None else manifest.loaded_s
    )
    found = []
    for text, demands in thresholds.items():
        subject, limits = parse_subject(text), demands.get(_METRIC)
        if limits is None or subject.operation is None or subject.outcome or subject.users:
            continue
        silence = _find_silence(measurements, subject.operation, until_s)
        if silence is None or not silence.is_broad(
            _most_at_once(manifest, subject.operation, silence.length_s)
        ):
            continue
        state = assess_metric(0.0, limits)
        if limits.optional:
            state = min(state, State.WARN)
        if state is State.PASS:
            continue
        note = (
            f"nothing succeeded in the last {silence.length_s:.0f} s of the load: this is its value over them"
        )
        found.append(Finding(text, _METRIC, 0.0, limits, state, note, count=silence.together))
    return found


def _most_at_once(manifest: Manifest, operation: Operation, length_s: float) -> float:
    """
    Requests that the operation's users can have in flight.

    In an open workload users are only a ceiling: there are no more requests than starts are planned in *length_s*.
    """
    journeys = max(len(manifest.journeys), 1)
    users = manifest.users_by_journey.get(operation.journey, manifest.users_wanted / journeys)
    if manifest.arrivals:
        users = min(users, manifest.arrivals.per_second * length_s / journeys)
    return users * (manifest.questions_in_flight if operation is Operation.CHAT else 1)


def _find_silence(measurements: Measurements, operation: Operation, until_s: float) -> _Silence | None:
    results = {tag: one for tag, one in measurements.items() if tag.operation is operation and tag.is_result}
    successes = Series.merged(one for tag, one in results.items() if tag.outcome is Outcome.SUCCESS)
    failures = Series.merged(
        one for tag, one in results.items() if tag.outcome is not Outcome.SUCCESS and not tag.outcome.is_apart
    )
    if not successes.count or not failures.count:
        return None
    width_s = max(successes.width_s, failures.width_s)
    spans_s = successes.spans_s(width_s)
    began_s, ended_s = min(begin for begin, _ in spans_s.values()), max(end for _, end in spans_s.values())
    length_s, gap_s = until_s - ended_s, (ended_s - began_s) / successes.count
    if length_s < max(_LEAST_S, _LEAST_GAPS * gap_s):
        return None
    ends_s = failures.spans_s(width_s)
    together = later = 0
    for number, window in failures.counts(width_s).items():
        if number <= max(spans_s):
            continue
        begun_s = ends_s[number][1] - upper_edges_ms(window.buckets) / _MS_PER_S
        together += int(window.counts[begun_s >= ended_s - _LEAST_S].sum())
        later += int(window.counts[begun_s >= ended_s].sum())
    return _Silence(length_s, together, later)
