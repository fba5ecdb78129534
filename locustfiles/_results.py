"""What came of the requests of one process: every result once, and what the answers tell beside their content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conf.operations import Operation, Outcome
from locustfiles._failure import RequestFailed
from locustfiles._rate_limits import TOO_MANY, RateLimits
from locustfiles._server_timing import parse_server_timing
from locustfiles._slowest import Slowest
from monitoring.measurement import Recorder, Tag

if TYPE_CHECKING:
    from conf.contract import Contract
    from locustfiles._failure_log import FailureLog


class Results:
    """
    Those of one run after another, kept until they are reported to its owner.

    Args:
        contract: Of whose answers it says which steps of the portal's work they time.
        failures: Writes failed requests down.
    """

    def __init__(self, contract: Contract, failures: FailureLog) -> None:
        self._server_steps = {
            operation: endpoint.server_timing
            for operation in Operation
            if (endpoint := contract.endpoint(operation)) is not None
        }
        self.begin(failures)

    def begin(self, failures: FailureLog) -> None:
        """A run begins, and nothing has come of it yet."""
        self.recorder, self.slowest, self.rate_limits = Recorder(), Slowest(), RateLimits()
        self.failures = failures

    def on_request(
        self,
        name: str,
        response_time: float,
        exception: BaseException | None,
        context: dict[str, Any],
        response: Any = None,
        **_: object,
    ) -> None:
        """Listener of Locust's ``request`` event; *response_time* is in milliseconds."""
        step = context.get("step")
        if step is None:
            return  # not one of the suite's own requests
        outcome = Outcome.SUCCESS
        if exception is not None:
            outcome = exception.outcome if isinstance(exception, RequestFailed) else Outcome.CONNECTION
            self.failures.add(name, outcome, exception, context.get("trace_id"))
        tag = Tag(Operation(name), outcome, step)
        seconds = response_time / 1000
        self.recorder.record(tag, seconds)
        late_s = context.get("late_s")
        if late_s is not None:
            self.recorder.record(tag._replace(planned=True), seconds + late_s)
        if (trace_id := context.get("trace_id")) is not None:
            self._note_answer(tag, seconds, trace_id, response)

    def _note_answer(self, tag: Tag, seconds: float, trace_id: str, response: Any) -> None:
        """What an answer of the portal tells beside its content: its steps, or why it is none."""
        name = tag.operation.value
        self.slowest.add(name, seconds, trace_id)
        if tag.outcome is Outcome.SUCCESS:
            steps = self._server_steps.get(tag.operation)
            if steps and (header := response.headers.get("server-timing")):
                for server_step, took_s in parse_server_timing(header, steps).items():
                    self.recorder.record(
                        Tag(tag.operation, tag.outcome, tag.step, server_step=server_step), took_s
                    )
        elif response.status_code == TOO_MANY:
            self.rate_limits.refuse(name, response.headers)
