"""Criteria that end a run early: they fail over the last seconds, so the rest of the run is not needed."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conf.measurable import stopping_criteria
from conf.subject import parse_subject
from monitoring.measurement import Tag
from reports.judgement.assessment import assess_demand
from reports.judgement.selection import build_sample
from reports.state import State
from reports.statistics.distribution import Distribution
from reports.statistics.series import Series

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from conf.settings import Settings
    from conf.thresholds import Limits


@dataclass(frozen=True, slots=True)
class BrokenCriterion:
    """
    The criterion that ended a run, and its value over the window.

    Args:
        value: None where the percentile lies among attempts that were never answered.
        at_least: Whether the value is a lower bound.
    """

    subject: str
    metric: str
    value: float | None
    window_s: float
    at_least: bool = False


@dataclass(slots=True)
class _Span:
    """A part of the run whose figures count, in seconds since its start."""

    step: int
    begins_s: float
    ends_s: float = math.inf


class EarlyStop:
    """
    Judges the results of the last seconds by the criteria that may end a run.

    Args:
        settings: Window, grace, criteria, and how many results a judgement needs.
        step_users: Users of each step, for criteria about a step.
    """

    def __init__(self, settings: Settings, step_users: Sequence[int]) -> None:
        self._criteria = stopping_criteria(settings.thresholds)
        self._operations = {parse_subject(subject).operation for subject, _, _ in self._criteria}
        self._window_s = settings.run.early_stop_window_s
        self._grace_s = settings.run.early_stop_grace_s
        self._least = settings.run.minimum_requests
        self._step_users = step_users
        self._parts: deque[tuple[float, dict[Tag, Distribution]]] = deque()
        self._spans: list[_Span] = []

    def begin_step(self, index: int, elapsed_s: float) -> None:
        """Count figures from now on: the warm-up of a step, or of the run, is over."""
        self._spans.append(_Span(index, elapsed_s))

    def end_step(self, elapsed_s: float) -> None:
        """End the step that has begun."""
        self._spans[-1].ends_s = elapsed_s

    def add(self, elapsed_s: float, snapshot: Mapping[str, bytes]) -> None:
        """Add the measurements of a process up to *elapsed_s*, in seconds since the start of the run."""
        part: dict[Tag, Distribution] = {}
        for text, encoded in snapshot.items():
            tag = Tag.parse(text)
            if tag.operation in self._operations:
                part[tag] = Distribution()
                part[tag].add_encoded(encoded)
        if part:
            self._parts.append((elapsed_s, part))

    def failed(self, elapsed_s: float) -> BrokenCriterion | None:
        """The first criterion that fails over the window ending now; None where none fails."""
        while self._parts and self._parts[0][0] <= elapsed_s - self._window_s:
            self._parts.popleft()
        if elapsed_s < self._grace_s:
            return None
        measurements: dict[Tag, Series] = {}
        for at_s, part in self._parts:
            for tag, distribution in part.items():
                measurements.setdefault(tag, Series()).add(at_s, distribution)
        return next((stop for c in self._criteria if (stop := self._stop(*c, measurements, elapsed_s))), None)

    def _stop(
        self,
        text: str,
        name: str,
        limits: Limits,
        measurements: Mapping[Tag, Series],
        elapsed_s: float,
    ) -> BrokenCriterion | None:
        subject = parse_subject(text)
        steps = None
        if subject.users is not None:
            steps = {index for index, users in enumerate(self._step_users) if users == subject.users}
        sample = build_sample(dict(measurements), subject, steps, self._judged_s(steps, elapsed_s))
        finding = assess_demand(text, [sample], name, limits, self._least)
        if finding.state is not State.FAIL:
            return None
        return BrokenCriterion(text, name, finding.value, min(self._window_s, elapsed_s), finding.at_least)

    def _judged_s(self, steps: Collection[int] | None, now_s: float) -> float:
        """Seconds of the window whose figures count: those in these steps, without any warm-up."""
        from_s = max(now_s - self._window_s, 0.0)
        return sum(
            max(min(span.ends_s, now_s) - max(span.begins_s, from_s), 0.0)
            for span in self._spans or [_Span(0, 0.0)]
            if steps is None or span.step in steps
        )
