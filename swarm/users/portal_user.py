"""The base of the users that speak HTTP to the portal."""

from __future__ import annotations

from locust.exception import StopTest, StopUser

from typing import TYPE_CHECKING, Any

from conf.address import parse_origin
from conf.operations import Outcome
from swarm.failure import CountedApart, RequestFailed
from swarm.http.connections import Connections
from swarm.http.cookies import Cookies
from swarm.http.own_endpoint import load_own_endpoint
from swarm.http.request_writer import RequestWriter
from swarm.users.answer import find_expected, read_given, require_answer
from swarm.users.followed_stream import FollowedStream
from swarm.users.journey_user import JourneyUser

if TYPE_CHECKING:
    from locust.env import Environment

    from conf.address import Address
    from conf.answer import Answer
    from conf.endpoint import Endpoint
    from conf.operations import Operation
    from seed.fixture import House
    from swarm.http.response import Response
    from swarm.users.attempt import Attempt


class PortalUser(JourneyUser):
    """
    Sends the contract's requests, and judges whether each answer is a success.

    It is not one of Locust's HTTP users: their work on redirects, cookies and addresses for every request costs as
    much as the whole judgement of an answer.
    """

    abstract = True

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        target, address = self.settings.target, self._allowed_address()
        self.host = str(address)
        self.cookies = Cookies(self.settings.answers)
        self._connections = Connections(address, target, self.settings.answers)
        self._writer = RequestWriter(address, self.cookies)

    def on_stop(self) -> None:
        """Close the connections."""
        super().on_stop()
        self._connections.close()

    def fresh_house(self) -> House:
        """
        A house that has not been scanned before.

        Raises:
            StopUser: The run ended while the user waited for it.
        """
        house = self.part.houses.take_fresh()
        if house is None:
            raise StopUser
        return house

    def send(self, operation: Operation, house: House, flow: dict[str, Any], /, **words: str) -> Attempt:
        """
        Make one request and record its result.

        A redirect is an answer, and is not followed: no request goes to a host that was not named.

        Args:
            operation: Names the request in the contract.
            house: The house that asks; its values fill the contract's placeholders.
            flow: The context of the request's flow.
            words: Values of the other placeholders: the question, and values from earlier answers of the flow.
        """
        endpoint = self.settings.contract.endpoint(operation)
        url = f"{self.host}{endpoint.path}"
        leaves_s = self._leaving_s(endpoint)
        self.part.ceiling.wait()
        with self.attempt(endpoint.method, operation, flow, url) as attempt:
            trace = self.generator.tracing.begin(operation.value)
            attempt.trace_id = trace.trace_id
            status, ended = 0, "broken off"  # stays so where the user is killed before the answer
            try:
                request = self._writer.write(operation, endpoint, house, words, trace.traceparent)
                response = self._exchange(endpoint, request, house, attempt, leaves_s)
                status = response.status_code
                expected = self._require(endpoint, url, response, house)
                attempt.given = read_given(expected, response, self.random)
                ended = ""
            except CountedApart:
                ended = ""
                raise
            except Exception as error:
                ended = repr(error) if isinstance(error, RequestFailed) else type(error).__name__
                if (
                    leaves_s is not None
                    and isinstance(error, RequestFailed)
                    and error.outcome is not Outcome.ISOLATION
                ):
                    raise CountedApart(Outcome.ABANDONED) from None
                raise
            finally:
                trace.end(ended, status)
            # Answers that came before the page was closed, too: else only slow ones would be missing from the figures.
            if leaves_s is not None:
                raise CountedApart(Outcome.ABANDONED)
        return attempt

    def _leaving_s(self, endpoint: Endpoint) -> float | None:
        """When the homeowner closes the page, in seconds from sending; None: not before the answer has ended."""
        ratio = self.load.abandon_ratio
        if endpoint.streamed is None or not ratio or self.random.random() >= ratio:
            return None
        return self.random.uniform(0.0, self.load.abandon_within_s)

    def _exchange(
        self, endpoint: Endpoint, request: bytes, house: House, attempt: Attempt, leaves_s: float | None
    ) -> Response:
        """The whole answer; raises `RequestFailed` where there is none, or where a stream is not what the contract says."""
        streamed = endpoint.streamed
        if streamed is None:
            response = self._connections.exchange(endpoint.method, request)
            attempt.answered(response)
            return response
        patience = self.settings.streams
        answers = self.settings.answers
        with FollowedStream(streamed, house, patience, answers, leaves_after_s=leaves_s) as stream:
            attempt.stream = stream.answer
            try:
                response = self._connections.exchange(endpoint.method, request, stream, patience.whole_s)
            except RequestFailed as failed:
                raise stream.failure(failed) from None
        attempt.answered(response)
        if not stream.has_begun and response.status_code in endpoint.statuses:
            attempt.stream = None  # another kind of answer, which the contract may accept
        stream.end()
        return response

    def _require(self, endpoint: Endpoint, url: str, response: Response, house: House) -> Answer:
        """
        Keep the cookies; returns what the contract says about this answer.

        Raises:
            RequestFailed: The answer does not fit the contract.
            CountedApart: It does, and is neither success nor failure.
        """
        not_kept = self.cookies.keep(url, response.headers)
        expected = find_expected(endpoint, response)
        if response.status_code in expected.spent:
            self.part.note_spent()
        require_answer(expected, response, house)
        if endpoint.python:
            load_own_endpoint(endpoint.python).judge_answer(response, house)
        if not_kept is not None:
            raise not_kept
        return expected

    def _allowed_address(self) -> Address:
        """Check the address again: the settings' address was checked, but a user class may name another one."""
        try:
            address = parse_origin(self.host or "")
            self.settings.target.admit(address)
        except ValueError as error:
            raise StopTest(f"Error: {error}: nothing was sent to it") from None
        return address
