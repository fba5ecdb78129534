"""An attempt of a user: a request, a wait or a flow, from its beginning to its one result."""

from __future__ import annotations

from time import perf_counter, time
from typing import TYPE_CHECKING, Any, Self

from gevent import GreenletExit

from conf.operations import Outcome
from swarm.failure import CountedApart, RequestFailed, unexpected_failure
from swarm.users.stream_figures import stream_figures

if TYPE_CHECKING:
    from locust.env import Environment

    from types import TracebackType

    from conf.operations import Operation
    from swarm.generator.results import Results
    from swarm.users.streamed_answer import StreamedAnswer

CUT_OFF = RequestFailed(Outcome.CUT_OFF, "in flight when its user was stopped, and not finished in time")
_LOCUSTS_OWN = "locust.exception"
"""Module of exceptions such as ``StopUser``: such an exception fails the attempt, and goes on to Locust."""


class Attempt:
    """
    Counted as begun before its first byte, and ended by exactly one result, even after an exception.

    Used as a ``with`` block. A `RequestFailed` raised in it fails the attempt; a `CountedApart` makes it neither success
    nor failure; any other exception fails it as unexpected; none of them leaves the block. Where the user is killed, the attempt is cut off, and the user ends.

    Args:
        environment: Locust's; its statistics count the result too.
        results: The process's; they count the result.
        request_type: Type in Locust's statistics: an HTTP method, SQL, WAIT or FLOW.
        operation: What is attempted.
        context: The flow's: ``step``, and ``late_s`` where its start was planned.
        url: Passed on in Locust's event.
    """

    __slots__ = (
        "_began_at",
        "_began_s",
        "_context",
        "_ended_s",
        "_environment",
        "_operation",
        "_request_type",
        "_results",
        "_url",
        "failed",
        "given",
        "outcome",
        "response",
        "stream",
        "trace_id",
    )

    def __init__(  # noqa: PLR0913 - the receivers of a result, and its properties
        self,
        environment: Environment,
        results: Results,
        request_type: str,
        operation: Operation,
        context: dict[str, Any],
        *,
        url: str | None = None,
    ) -> None:
        self._environment, self._results = environment, results
        self._request_type, self._operation, self._context, self._url = request_type, operation, context, url
        self._ended_s: float | None = None
        self.failed: RequestFailed | None = None
        """How the attempt failed; None where it succeeded."""
        self.outcome = Outcome.SUCCESS
        self.stream: StreamedAnswer | None = None
        """What came of a streamed answer; None where none is expected."""
        self.response: Any = None
        """The answer; None where none came."""
        self.given: dict[str, str] = {}
        """Values for later requests of the flow: placeholder of the contract → value."""
        self.trace_id: str | None = None

    def __enter__(self) -> Self:
        self._results.begin(self._operation)
        self._began_at, self._began_s = time(), perf_counter()
        return self

    def answered(self, response: Any) -> None:
        """Stop the clock, since the answer is complete: the suite's own work that follows is not timed."""
        self.response, self._ended_s = response, perf_counter()

    def require(self) -> Self:
        """
        Return this attempt if it succeeded.

        Raises:
            RequestFailed: The attempt failed; its flow fails with the same failure.
        """
        if self.failed is not None:
            raise self.failed
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        took_s = (self._ended_s or perf_counter()) - self._began_s
        self._judge(error)
        context = self._context if self.trace_id is None else self._context | {"trace_id": self.trace_id}
        tag = self._results.end(self._operation, took_s, self.outcome, context)
        self._environment.events.request.fire(
            request_type=self._request_type,
            name=self._operation.value,
            response_time=took_s * 1000,
            response_length=len(getattr(self.response, "content", None) or b""),
            response=self.response,
            context=context,
            exception=self.failed,
            start_time=self._began_at,
            url=self._url,
        )
        figures = None
        if self.stream is not None:
            figures = stream_figures(self.stream, self._began_s, took_s, self.outcome)
        self._results.note(tag, took_s, self.failed, context, self.response, figures=figures)
        return isinstance(error, Exception) and type(error).__module__ != _LOCUSTS_OWN

    def _judge(self, error: BaseException | None) -> None:
        if isinstance(error, CountedApart):
            self.outcome = error.outcome
            return
        failed = self._failure(error)
        if failed is not None:
            self.failed = self._results.known(failed)
            self.outcome = failed.outcome

    def _failure(self, error: BaseException | None) -> RequestFailed | None:
        if isinstance(error, RequestFailed):
            error.__context__ = None  # a parser's error, for example, holds the whole text
        if error is None or isinstance(error, RequestFailed):
            # Locust keeps the first failure of each kind, and would keep its stack's objects with it.
            return error and error.with_traceback(None)
        return CUT_OFF if isinstance(error, GreenletExit) else unexpected_failure(error)
