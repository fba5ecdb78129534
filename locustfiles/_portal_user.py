"""The base of the two users that speak HTTP to the portal."""

from __future__ import annotations

from locust.contrib.fasthttp import FAILURE_EXCEPTIONS, FastResponse
from locust.exception import StopTest

import ssl
from typing import TYPE_CHECKING, Any

import gevent
from geventhttpclient.response import HTTPConnectionClosed

from conf.address import parse_origin
from conf.operations import Outcome
from conf.trust import tls_fault
from locustfiles._answer import assess_answer
from locustfiles._connections import Connections
from locustfiles._cookies import Cookies
from locustfiles._failure import RequestFailed
from locustfiles._journey_user import JourneyUser
from locustfiles._request_writer import RequestWriter

if TYPE_CHECKING:
    from locust.env import Environment

    from conf.address import Address
    from conf.contract import Endpoint
    from conf.operations import Operation
    from locustfiles._attempt import Attempt
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
        target, address = self.settings.target, self._allowed_address()
        self.host = str(address)
        self.cookies = Cookies()
        self._connections = Connections(address, target.trust, target.connect_timeout_s)
        self._writer = RequestWriter(address, self.cookies)

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
    ) -> Attempt:
        """
        Make one request and record its result.

        Redirects are an answer, not followed: nothing goes to a host that was not asked for.
        """
        url = f"{self.host}{endpoint.path}"
        self.generator.ceiling.wait()
        with self.attempt(endpoint.method, operation, context, url) as attempt:
            trace = self.generator.tracing.begin(operation.value)
            attempt.trace_id = trace.trace_id
            status, ended = 0, "broken off"  # unless an answer comes first: the user was killed
            try:
                request = self._writer.write(operation, endpoint, house, question, trace.traceparent)
                response = self._exchange(endpoint.method, request)
                attempt.answered(response)
                status = response.status_code
                self._require(endpoint, response, house)
                self.cookies.keep(url, response)
                ended = ""
            except Exception as error:
                ended = repr(error) if isinstance(error, RequestFailed) else type(error).__name__
                raise
            finally:
                trace.end(ended, status)
        return attempt

    def _exchange(self, method: str, request: bytes) -> FastResponse:
        """The answer with all of its content; raises `RequestFailed` where there is none."""
        timeout = gevent.Timeout.start_new(self.settings.target.request_timeout_s)
        try:
            response = FastResponse(self._connections.exchange(method, request))
            response.content  # noqa: B018 - reads it
        except FAILURE_EXCEPTIONS as error:
            if error is timeout:
                limit_s = self.settings.target.request_timeout_s
                raise RequestFailed(Outcome.TIMEOUT, f"no complete answer within {limit_s:g} s") from None
            raise RequestFailed(Outcome.CONNECTION, _reason(error)) from None
        finally:
            timeout.close()
        return response

    def _require(self, endpoint: Endpoint, response: FastResponse, house: House) -> None:
        """Raise `RequestFailed` where the answer is not what the contract says."""
        self.generator.spent += response.status_code in endpoint.answer.spent
        failed = assess_answer(endpoint.answer, response.status_code, response.content or b"", house)
        if failed is not None:
            raise failed

    def _allowed_address(self) -> Address:
        """Settings hold an address that was looked at; a user class may name another one."""
        try:
            address = parse_origin(self.host or "")
            self.settings.target.admit(address)
        except ValueError as error:
            raise StopTest(f"Error: {error}: nothing was sent to it") from None
        return address


def _reason(error: BaseException) -> str:
    """The same words for the same cause; addresses and numbers that vary stay out."""
    match error:
        case ConnectionRefusedError():
            return "refused"
        case ConnectionResetError() | BrokenPipeError():
            return "reset"
        case HTTPConnectionClosed():
            return "closed without an answer"
        case ssl.SSLError():
            return tls_fault(error).words
        case OSError(strerror=str(words)):
            return words.lower()
    return type(error).__name__
