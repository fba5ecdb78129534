"""Results of one process's requests: each is counted once, and timings and limits in the answers are noted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conf.operations import Operation, Outcome
from conf.stream_figures import Moment, Quantity
from conf.subject import parse_subject
from monitoring.measurement import Recorder, Tag
from monitoring.probing.portal_clock import UNAUTHORIZED, PortalClock
from swarm.failure import RequestFailed, unexpected_failure
from swarm.generator.rate_limits import TOO_MANY, RateLimits
from swarm.generator.server_timing import parse_server_timing
from swarm.generator.slowest import Slowest
from swarm.generator.stream_figures import is_fake, keeps, moments_s, quantities, withins

if TYPE_CHECKING:
    from conf.contract import Contract
    from conf.thresholds import Thresholds
    from swarm.generator.failure_log import FailureLog
    from swarm.users.attempt import Attempt
    from swarm.users.streamed_answer import StreamedAnswer


_MOST_REASONS = 200
"""Of failures, in one process."""


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
            subject.operation: withins(limits.within for limits in demands.values())
            for text, demands in (thresholds or {}).items()
            if (subject := parse_subject(text)).operation is not None
        }
        self._server_steps = {
            operation: endpoint.server_timing for operation, endpoint in contract.endpoints.items()
        }
        self.recorder, self.slowest, self.rate_limits = Recorder(), Slowest(), RateLimits()
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

    def end(self, operation: Operation, took_s: float, outcome: Outcome, context: dict[str, Any]) -> None:
        """
        Record the result of an attempt.

        Args:
            operation: What was attempted.
            took_s: Seconds since its beginning.
            outcome: How it ended.
            context: ``step``; ``late_s``, where its start was planned; ``trace_id``, where it asked the portal.
        """
        tag = Tag(operation, outcome, context["step"])
        self.recorder.record(tag, took_s)
        late_s = context.get("late_s")
        if late_s is not None:
            self.recorder.record(tag._replace(planned=True), took_s + late_s)

    def note(self, operation: Operation, took_s: float, attempt: Attempt, context: dict[str, Any]) -> None:
        """
        Note what an ended attempt says apart from its result: its failure, slowness, timings, moments and limits.

        Args:
            operation: What was attempted.
            took_s: Seconds since its beginning.
            attempt: The attempt, which has ended.
            context: As in `end`.
        """
        trace_id, failed = context.get("trace_id"), attempt.failed
        if failed is not None:
            self.failures.add(operation, failed, trace_id)
            failed.__cause__ = None  # Locust keeps the failure, which would keep the whole exception
        if trace_id is None:
            return
        tag = Tag(operation, attempt.outcome, context["step"])
        try:
            self._note_answer(tag, took_s, trace_id, attempt.response)
            if attempt.stream is not None and not tag.outcome.is_apart:
                self._note_stream(tag, attempt.stream, attempt.began_s, took_s, context.get("late_s"))
        except Exception as error:  # noqa: BLE001 - a mistake in these notes must not change the result
            self.failures.note_unexpected(unexpected_failure(error), operation)

    def _note_stream(
        self, tag: Tag, stream: StreamedAnswer, began_s: float, took_s: float, late_s: float | None
    ) -> None:
        found = moments_s(stream, began_s, took_s, tag.outcome)
        for moment, moment_s in found.items():
            self.recorder.record(tag._replace(figure=moment), moment_s)
            if late_s is not None and moment is not Moment.LARGEST_GAP:
                self.recorder.record(tag._replace(figure=moment, planned=True), moment_s + late_s)
        if tag.outcome is not Outcome.SUCCESS:
            return
        for quantity, value in quantities(stream):
            self.recorder.record(tag._replace(figure=quantity), value)
        if is_fake(stream, found):
            self.recorder.record(tag._replace(figure=Quantity.FAKE), 0.0)
        for within in self._withins.get(tag.operation, ()):
            good = tag._replace(figure=Quantity.GOOD, split=str(within))
            self.recorder.record(good, 1e-6 if keeps(found, within) else 2e-6)

    def _note_answer(self, tag: Tag, seconds: float, trace_id: str, response: Any) -> None:
        """Note an answer's step times, or the rate limit or expired JWT for which it was refused."""
        name = tag.operation.value
        self.slowest.add(name, seconds, trace_id)
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
