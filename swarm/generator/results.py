"""What came of the requests of one process: every result once, and what the answers tell beside their content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conf.operations import Operation, Outcome
from monitoring.measurement import Recorder, Tag
from monitoring.probing.portal_clock import UNAUTHORIZED, PortalClock
from swarm.failure import unexpected_failure
from swarm.generator.rate_limits import TOO_MANY, RateLimits
from swarm.generator.server_timing import parse_server_timing
from swarm.generator.slowest import Slowest

if TYPE_CHECKING:
    from conf.contract import Contract
    from swarm.failure import RequestFailed
    from swarm.generator.failure_log import FailureLog


class Results:
    """
    Those of one run, kept until they are reported to its owner.

    Each operation that a user begins is counted when it begins, and again when it ends.

    Args:
        contract: Of whose answers it says which steps of the portal's work they time.
        failures: Writes failed requests down.
        longest_s: No answer is waited for so long, and no step of the portal's work can have taken longer.
    """

    def __init__(self, contract: Contract, failures: FailureLog, longest_s: float) -> None:
        self._longest_s = longest_s
        self._server_steps = {
            operation: endpoint.server_timing for operation, endpoint in contract.endpoints.items()
        }
        self.recorder, self.slowest, self.rate_limits = Recorder(), Slowest(), RateLimits()
        self.portal_clock = PortalClock()
        self.failures = failures

    def begin(self, operation: Operation) -> None:
        """An attempt begins."""
        self.recorder.begin(operation)

    def end(
        self, operation: Operation, took_s: float, failed: RequestFailed | None, context: dict[str, Any]
    ) -> None:
        """
        An attempt has ended.

        Args:
            operation: What it was.
            took_s: Seconds, from its beginning.
            failed: How it failed; None if it succeeded.
            context: ``step``; ``late_s``, where its start was planned; ``trace_id``, where it asked the portal.
        """
        tag = Tag(operation, failed.outcome if failed else Outcome.SUCCESS, context["step"])
        self.recorder.record(tag, took_s)
        late_s = context.get("late_s")
        if late_s is not None:
            self.recorder.record(tag._replace(planned=True), took_s + late_s)

    def note(
        self,
        operation: Operation,
        took_s: float,
        failed: RequestFailed | None,
        context: dict[str, Any],
        response: Any,
    ) -> None:
        """
        Write down what there is to say of an attempt that has ended, beside its result.

        Args:
            operation: As in `end`, like the next three.
            took_s: Seconds.
            failed: How it failed.
            context: Of its flow.
            response: The portal's answer; None where there is none.
        """
        trace_id = context.get("trace_id")
        if failed is not None:
            self.failures.add(operation, failed, trace_id)
            failed.__cause__ = None  # Locust keeps the failure for its statistics: not with all that it held
        if trace_id is None:
            return
        tag = Tag(operation, failed.outcome if failed else Outcome.SUCCESS, context["step"])
        try:
            self._note_answer(tag, took_s, trace_id, response)
        except Exception as error:  # noqa: BLE001 - what an answer says beside its content is not its result
            self.failures.note_unexpected(unexpected_failure(error), operation)

    def _note_answer(self, tag: Tag, seconds: float, trace_id: str, response: Any) -> None:
        """What an answer of the portal tells beside its content: its steps, or why it is none."""
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
