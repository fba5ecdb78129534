"""The base of the two users that speak HTTP to the portal."""

from __future__ import annotations

from locust import FastHttpUser
from locust.exception import StopTest

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import gevent

from conf.operations import Operation, Outcome
from locustfiles._answer import assess_answer
from locustfiles._failure import RequestFailed
from locustfiles._journey_user import JourneyUser
from locustfiles._session import generator_of
from seed.request import build_request

if TYPE_CHECKING:
    from locust.contrib.fasthttp import FastResponse
    from locust.env import Environment

    from conf.contract import Endpoint
    from seed.fixture import House

_READ_MARGIN_S = 1.0
"""geventhttpclient's timeout is per read; it only stands behind the one for the whole answer."""


class PortalUser(JourneyUser, FastHttpUser):
    """Sends the contract's requests, and says of each whether the answer was a success."""

    abstract = True
    max_redirects = 0
    """
    A redirect is an answer and never followed. Locust's ``allow_redirects`` alone does not hold: it is a switch on
    the client, which the first of several answers in flight turns back.
    """

    def __init__(self, environment: Environment) -> None:
        settings = generator_of(environment).settings
        # Before FastHttpUser builds its client from them.
        self.connection_timeout = settings.target.connect_timeout_s
        self.network_timeout = settings.target.request_timeout_s + _READ_MARGIN_S
        self.concurrency = settings.profile.load(self.journey).questions_in_flight
        super().__init__(environment)
        self._refuse_foreign_host()

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
        request = build_request(endpoint, house, question)
        trace = self.generator.tracing.begin(operation.value)
        ended = "broken off"  # unless an answer comes first: the user was killed
        status = 0
        timeout = gevent.Timeout.start_new(self.settings.target.request_timeout_s)
        try:
            with self.client.request(
                request.method,
                request.path,
                name=operation.value,
                data=request.body,
                headers=request.headers | {"traceparent": trace.traceparent},
                allow_redirects=False,
                catch_response=True,
                context=context | {"trace_id": trace.trace_id},
            ) as response:
                status = response.status_code or 0
                failed = self._assess(endpoint, response, house, timed_out=not timeout.pending)
                ended = repr(failed) if failed else ""
                if failed is None:
                    response.success()
                else:
                    response.failure(failed)
                return failed
        finally:
            timeout.close()
            trace.end(ended, status)

    def _assess(
        self, endpoint: Endpoint, response: FastResponse, house: House, *, timed_out: bool
    ) -> RequestFailed | None:
        if response.status_code:
            self.generator.spent += response.status_code in endpoint.answer.spent
            return assess_answer(endpoint.answer, response.status_code, response.content or b"", house)
        if timed_out:
            limit_s = self.settings.target.request_timeout_s
            return RequestFailed(Outcome.TIMEOUT, f"no complete answer within {limit_s:g} s")
        return RequestFailed(Outcome.CONNECTION, _reason(getattr(response, "error", None)))

    def _refuse_foreign_host(self) -> None:
        host = urlsplit(self.host or "").hostname or ""
        allowed = self.settings.target.allowed_hosts
        if host not in allowed:
            raise StopTest(
                f"Error: host {host!r} is not in target.allowed_hosts {list(allowed)}: nothing was sent to it"
            )


def _reason(error: BaseException | None) -> str:
    """The same words for the same cause; addresses and numbers that vary stay out."""
    while (cause := getattr(error, "__cause__", None) or getattr(error, "original", None)) is not None:
        error = cause
    match error:
        case ConnectionRefusedError():
            return "refused"
        case ConnectionResetError() | BrokenPipeError():
            return "reset"
        case OSError(strerror=str(words)):
            return words.lower()
        case None:
            return "closed without an answer"
    return type(error).__name__
