"""Results of one process's requests: each is counted once, and timings and limits in the answers are noted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from conf.operations import Operation, Outcome
from conf.stream_figures import Moment, Quantity
from conf.subject import parse_subject
from monitoring.measurement import CAME, Recorder, Tag
from monitoring.probing.portal_clock import UNAUTHORIZED, PortalClock
from swarm.failure import RequestFailed, unexpected_failure
from swarm.generator.rate_limits import TOO_MANY, RateLimits
from swarm.generator.server_timing import parse_server_timing
from swarm.generator.slowest import Slowest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conf.contract import Contract
    from conf.thresholds import Thresholds, Within
    from swarm.generator.failure_log import FailureLog


_MOST_REASONS = 200
"""Of failures, in one process."""


_NO_NAME = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_SPLIT, _MOST_SPLITS = 20, 8
_YES, _NO = 1e-6, 2e-6


class StreamFigures(NamedTuple):
    """
    The figures of one streamed answer.

    Args:
        moments_s: How long each moment took; where the answer did not succeed, how long what never came was waited for.
        came_s: Where it did not succeed, how long what came took.
        quantities: The other figures of a success, in seconds; a number stands for so many microseconds.
        texts: When each text came, in seconds from sending, and of how many characters.
    """

    moments_s: dict[Moment, float]
    came_s: dict[Moment, float]
    quantities: tuple[tuple[Quantity, Sequence[float]], ...]
    texts: tuple[tuple[float, int], ...]

    def keep(self, within: Within) -> bool:
        """Whether a successful answer keeps all limits."""
        limits = zip((Moment.DONE, Moment.FIRST_CONTENT, Moment.LARGEST_GAP), within, strict=True)
        return all(
            limit_ms is None or self.moments_s[moment] * 1000 <= limit_ms for moment, limit_ms in limits
        )


class Results:
    """
    The results of one run, kept until they are reported to its owner.

    Each attempt is counted when it begins, and again when it ends.

    Args:
        contract: Says which steps of the portal's work its answers time.
        failures: Writes failed requests.
        longest_s: Upper bound of an answer's time, and so of any step of the portal's work.
        thresholds: Say what a good streamed answer is.
    """

    def __init__(
        self, contract: Contract, failures: FailureLog, longest_s: float, thresholds: Thresholds | None = None
    ) -> None:
        self._longest_s = longest_s
        self._withins = {
            subject.operation: {limits.within for limits in demands.values() if limits.within is not None}
            for text, demands in (thresholds or {}).items()
            if (subject := parse_subject(text)).operation is not None
        }
        self._server_steps = {
            operation: endpoint.server_timing for operation, endpoint in contract.endpoints.items()
        }
        self._splits = {operation: endpoint.split_by for operation, endpoint in contract.endpoints.items()}
        self._split_values: dict[Operation, set[str]] = {}
        self.recorder, self.rate_limits = Recorder(), RateLimits()
        self.slowest, self.halting = Slowest(), Slowest()
        self.portal_clock = PortalClock()
        self.failures = failures
        self._reasons: set[str] = set()

    def known(self, failed: RequestFailed) -> RequestFailed:
        """*failed* itself; or where the target chose its words, and has chosen many, one for all further words. Locust keeps each."""
        if failed.detail and failed.message not in self._reasons:
            if len(self._reasons) >= _MOST_REASONS:
                return RequestFailed(failed.outcome, "another reason; it is in the log", failed.detail)
            self._reasons.add(failed.message)
        return failed

    def begin(self, operation: Operation) -> None:
        """Count an attempt that begins."""
        self.recorder.begin(operation)

    def end(self, operation: Operation, took_s: float, outcome: Outcome, context: dict[str, Any]) -> Tag:
        """
        Record the result of an attempt.

        Args:
            operation: What was attempted.
            took_s: Seconds since its beginning.
            outcome: How it ended.
            context: ``step``; ``late_s``, where its start was planned; ``trace_id``, where it asked the portal.

        Returns:
            What the result is counted by.
        """
        tag = Tag(operation, outcome, context["step"])
        self.recorder.record(tag, took_s)
        late_s = context.get("late_s")
        if late_s is not None:
            self.recorder.record(tag._replace(planned=True), took_s + late_s)
        return tag

    def note(  # noqa: PLR0913 - what an attempt may say
        self,
        tag: Tag,
        took_s: float,
        failed: RequestFailed | None,
        context: dict[str, Any],
        response: Any,
        *,
        figures: StreamFigures | None = None,
    ) -> None:
        """
        Note what an ended attempt says apart from its result: its failure, slowness, timings, moments and limits.

        Args:
            tag: Of its result.
            took_s: Seconds since its beginning.
            failed: How it failed; None if it did not.
            context: As in `end`.
            response: The portal's answer; None where none came.
            figures: Of a streamed answer.
        """
        trace_id = context.get("trace_id")
        if failed is not None:
            self.failures.add(tag.operation, failed, trace_id)
            failed.__cause__ = None  # Locust keeps the failure, which would keep the whole exception
        if trace_id is None:
            return
        try:
            self._note_answer(tag, response)
            self._note_split(tag, took_s, response)
            if tag.outcome.is_apart:
                return
            self.slowest.add(tag.operation.value, took_s, trace_id, texts=figures.texts if figures else ())
            if figures is not None:
                self._note_stream(tag, figures, context.get("late_s"))
                gap_s = figures.moments_s.get(Moment.LARGEST_GAP)
                if gap_s:
                    self.halting.add(tag.operation.value, gap_s, trace_id, took_s, figures.texts)
        except Exception as error:  # noqa: BLE001 - a mistake in these notes must not change the result
            self.failures.note_unexpected(unexpected_failure(error), tag.operation)

    def _note_stream(self, tag: Tag, figures: StreamFigures, late_s: float | None) -> None:
        for split, moments_s in (("", figures.moments_s), (CAME, figures.came_s)):
            for moment, moment_s in moments_s.items():
                self.recorder.record(tag._replace(figure=moment, split=split), moment_s)
                if late_s is not None and moment is not Moment.LARGEST_GAP:
                    planned = tag._replace(figure=moment, split=split, planned=True)
                    self.recorder.record(planned, moment_s + late_s)
        for quantity, values in figures.quantities:
            self.recorder.record_figure(tag._replace(figure=quantity), values)
        if tag.outcome is Outcome.SUCCESS:
            for within in self._withins.get(tag.operation, ()):
                good = tag._replace(figure=Quantity.GOOD, split=str(within))
                self.recorder.record(good, _YES if figures.keep(within) else _NO)

    def _note_split(self, tag: Tag, took_s: float, response: Any) -> None:
        """Record a success again by what the contract's header says of it, such as a hit of a cache."""
        header = self._splits.get(tag.operation)
        if not header or tag.outcome is not Outcome.SUCCESS:
            return
        said = _NO_NAME.sub("", response.headers.get(header, "")).lower()[:_LONGEST_SPLIT] or "without"
        known = self._split_values.setdefault(tag.operation, set())
        if said not in known and len(known) >= _MOST_SPLITS:
            said = "others"
        known.add(said)
        name = _NO_NAME.sub("", header).lower()
        self.recorder.record(tag._replace(split=f"{name}-{said}"), took_s)

    def _note_answer(self, tag: Tag, response: Any) -> None:
        """Note an answer's step times, or the rate limit or expired JWT for which it was refused."""
        name = tag.operation.value
        if tag.outcome is Outcome.SUCCESS:
            steps = self._server_steps.get(tag.operation)
            if steps and (header := response.headers.get("server-timing")):
                for server_step, took_s in parse_server_timing(header, steps, self._longest_s).items():
                    self.recorder.record(
                        Tag(tag.operation, tag.outcome, tag.step, server_step=server_step), took_s
                    )
        elif getattr(response, "status_code", 0) == TOO_MANY:
            self.rate_limits.refuse(name, response.headers)
        elif getattr(response, "status_code", 0) == UNAUTHORIZED:
            self.portal_clock.look(response.headers)
