"""The table of journeys and operations, from which everything else derives, and how a single request can end."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

ALL = "all"
"""The word for every journey there is, where one may be named."""


class Destination(StrEnum):
    """Where the requests of a journey go."""

    PORTAL = "portal"
    """By HTTP, as the contract describes them."""
    DATABASE = "database"
    """Straight to the portal's PostgreSQL."""


class Kind(StrEnum):
    """How an operation relates to what the target counts."""

    REQUEST = "request"
    """One request that the target serves."""
    FLOW = "flow"
    """Made of several operations, as its user experiences them; the target counts the parts."""
    WAIT = "wait"
    """Time in the load generator, before a request is sent."""


class Journey(StrEnum):
    """
    The task of one kind of user.

    A row: its name in settings, commands and run directories; where its requests go; its name for people. In the
    order in which ``all`` runs them.
    """

    RAG = "rag", Destination.DATABASE, "Vector search"
    CHAT = "chat", Destination.PORTAL, "Chat"
    ONBOARDING = "onboarding", Destination.PORTAL, "Onboarding"
    DOCUMENTS = "documents", Destination.PORTAL, "Documents"

    destination: Destination
    label: str

    def __new__(cls, value: str, *row: Any) -> Self:
        """A member for a row."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.destination, member.label = row
        return member

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What is measured in it, in the order in which it is shown."""
        return tuple(operation for operation in Operation if operation.journey is self)


class Operation(StrEnum):
    """
    Everything the suite measures.

    A row: its name in settings, statistics and reports, and of its request in the contract; its journey; what it is; its
    name for people; and whether it begins a flow. In the order in which they are shown; the requests of a flow stand
    in the order in which they are sent.
    """

    CHAT = "chat", Journey.CHAT, Kind.REQUEST, "Chat answer", True
    ONBOARDING_PAGE = "onboarding_page", Journey.ONBOARDING, Kind.REQUEST, "Onboarding: page load", False
    ONBOARDING_RESOLVE = (
        "onboarding_resolve",
        Journey.ONBOARDING,
        Kind.REQUEST,
        "Onboarding: token resolution",
        False,
    )
    ONBOARDING_FLOW = "onboarding_flow", Journey.ONBOARDING, Kind.FLOW, "Onboarding: whole flow", True
    RAG_CONNECTION = "rag_connection", Journey.RAG, Kind.WAIT, "Vector search: connection wait", False
    RAG_QUERY = "rag_query", Journey.RAG, Kind.REQUEST, "Vector search: query", False
    RAG_SEARCH = "rag_search", Journey.RAG, Kind.FLOW, "Vector search: as the portal sees it", True
    DOCUMENTS_LIST = "documents_list", Journey.DOCUMENTS, Kind.REQUEST, "Documents: list", False
    DOCUMENTS_OPEN = "documents_open", Journey.DOCUMENTS, Kind.REQUEST, "Documents: one opened", False
    DOCUMENTS_FLOW = "documents_flow", Journey.DOCUMENTS, Kind.FLOW, "Documents: list, and one opened", True

    journey: Journey
    kind: Kind
    label: str
    begins_flow: bool
    """Whether its results begin when their flow does, so that they can be late against a planned start."""

    def __new__(cls, value: str, *row: Any) -> Self:
        """A member for a row."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.journey, member.kind, member.label, member.begins_flow = row
        return member

    @property
    def is_portal_request(self) -> bool:
        """Whether the contract describes it."""
        return self.kind is Kind.REQUEST and self.journey.destination is Destination.PORTAL

    @property
    def portal_requests(self) -> tuple[Operation, ...]:
        """The portal's requests that it is made of: those of its flow, or itself."""
        parts = self.journey.operations if self.kind is Kind.FLOW else (self,)
        return tuple(operation for operation in parts if operation.is_portal_request)


class Outcome(StrEnum):
    """How one request ended: a success, cut off, apart from both successes and failures, or else a failure."""

    SUCCESS = "success"
    STATUS = "status"
    """The target answered, with a status the contract does not accept."""
    TIMEOUT = "timeout"
    """No connection within ``target.connect_timeout_s``, or no complete answer within ``target.request_timeout_s``."""
    CONNECTION = "connection"
    """No answer: refused, reset, or closed half-way."""
    VALIDATION = "validation"
    """An accepted status, but not the answer that the contract describes."""
    TRUNCATED = "truncated"
    """A streamed answer that broke off before the event that ends it."""
    STREAM_ERROR = "stream_error"
    """A streamed answer in which the portal says that it failed, under an accepted status."""
    NO_CONTENT = "no_content"
    """A streamed answer that ended without a text."""
    IDLE = "idle"
    """A streamed answer that fell silent, for longer than ``streams.idle_s``."""
    ISOLATION = "isolation"
    """The answer has data of another development or tenant: never tolerated, at any success rate."""
    UNEXPECTED = "unexpected"
    """The suite itself raised an exception that it does not know; its traceback is in the run's log."""
    INTERCEPTED = "intercepted"
    """Answered without the model, as the contract tells: apart, since a quick answer of another kind flatters all figures."""
    ABANDONED = "abandoned"
    """Its homeowner closed the page before the end, as the profile wants it: apart."""
    CUT_OFF = "cut_off"
    """In flight when the run ended, and not finished within ``run.stop_timeout_s``: neither success nor failure."""

    @property
    def is_failure(self) -> bool:
        """Whether a result with this outcome failed."""
        return self not in {Outcome.SUCCESS, Outcome.CUT_OFF} and not self.is_apart

    @property
    def is_apart(self) -> bool:
        """Whether a result with this outcome is in no latency and no success rate, and counted by itself."""
        return self in {Outcome.INTERCEPTED, Outcome.ABANDONED}

    @property
    def is_slow(self) -> bool:
        """Whether a result with this outcome was waited for in vain: its duration is a lower bound of a latency."""
        return self in {Outcome.TIMEOUT, Outcome.IDLE, Outcome.CUT_OFF}
