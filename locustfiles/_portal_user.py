"""The base of the two users that speak HTTP to the portal."""

from __future__ import annotations

from locust.contrib.fasthttp import FAILURE_EXCEPTIONS, ErrorResponse, FastResponse
from locust.exception import StopTest

from time import perf_counter, time
from typing import TYPE_CHECKING, Any

import gevent
from geventhttpclient.response import HTTPConnectionClosed
from geventhttpclient.url import URL

from conf.operations import Outcome
from locustfiles._answer import assess_answer
from locustfiles._connections import Connections
from locustfiles._cookies import Cookies
from locustfiles._failure import RequestFailed
from locustfiles._journey_user import JourneyUser
from locustfiles._request_writer import RequestWriter

if TYPE_CHECKING:
    from locust.env import Environment

    from conf.contract import Endpoint
    from conf.operations import Operation
    from seed.fixture import House


class PortalUser(JourneyUser):
    """
    Sends the contract's requests, and says of each whether the answer was a success.

    Not one of Locust's HTTP users: what they do for every request about redirects, cookies and addresses costs as much
    as all that a test wants to know of the answer. Answers are of Locust's own class for them.
    """

    abstract = True

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        url = self._allowed_url()
        self.cookies = Cookies()
        self._connections = Connections(url, self.settings.target.connect_timeout_s)
        self._writer = RequestWriter(str(url), self.cookies)

    def on_stop(self) -> None:
        """Hang up."""
        super().on_stop()
        self._connections.close()

    def send(
        self,
        operation: Operation,
        endpoint: Endpoint,
        house: House,
        context: dict[str, Any],
        *,
        question: str = "",
    ) -> RequestFailed | None:
        """
        Make one request and record its result; None if it succeeded.

        Redirects are an answer, not followed: nothing goes to a host that was not asked for.
        """
        url = f"{self.host}{endpoint.path}"
        self.generator.ceiling.wait()
        trace = self.generator.tracing.begin(operation.value)
        ended = "broken off"  # unless an answer comes first: the user was killed
        status = 0
        try:
            request = self._writer.write(operation, endpoint, house, question, trace.traceparent)
            started_at, started = time(), perf_counter()
            response, failed = self._exchange(endpoint.method, request)
            took_s = perf_counter() - started
            status = response.status_code
            if failed is None:
                failed = self._assess(endpoint, response, house)
                self.cookies.keep(url, response)
            ended = repr(failed) if failed else ""
            self.environment.events.request.fire(
                request_type=endpoint.method,
                name=operation.value,
                response_time=took_s * 1000,
                response_length=len(response.content or b""),
                response=response,
                context=context | {"trace_id": trace.trace_id},
                exception=failed,
                start_time=started_at,
                url=url,
            )
            return failed
        finally:
            trace.end(ended, status)

    def _exchange(self, method: str, request: bytes) -> tuple[FastResponse, RequestFailed | None]:
        """The answer with all of its content, or why there is none."""
        timeout = gevent.Timeout.start_new(self.settings.target.request_timeout_s)
        try:
            response = FastResponse(self._connections.exchange(method, request))
            response.content  # noqa: B018 - reads it
        except FAILURE_EXCEPTIONS as error:
            if error is timeout:
                limit_s = self.settings.target.request_timeout_s
                failed = RequestFailed(Outcome.TIMEOUT, f"no complete answer within {limit_s:g} s")
            else:
                failed = RequestFailed(Outcome.CONNECTION, _reason(error))
            return ErrorResponse(None, error), failed  # type: ignore[arg-type]
        finally:
            timeout.close()
        return response, None

    def _assess(self, endpoint: Endpoint, response: FastResponse, house: House) -> RequestFailed | None:
        self.generator.spent += response.status_code in endpoint.answer.spent
        return assess_answer(endpoint.answer, response.status_code, response.content or b"", house)

    def _allowed_url(self) -> URL:
        url = URL(self.host or "")
        allowed = self.settings.target.allowed_hosts
        if url.host not in allowed:
            raise StopTest(
                f"Error: host {url.host!r} is not in target.allowed_hosts {list(allowed)}: nothing was sent to it"
            )
        return url


def _reason(error: BaseException) -> str:
    """The same words for the same cause; addresses and numbers that vary stay out."""
    match error:
        case ConnectionRefusedError():
            return "refused"
        case ConnectionResetError() | BrokenPipeError():
            return "reset"
        case HTTPConnectionClosed():
            return "closed without an answer"
        case OSError(strerror=str(words)):
            return words.lower()
    return type(error).__name__
