"""The words of a run: its journeys, their operations, and how a single request can end."""

from __future__ import annotations

from enum import StrEnum


class Journey(StrEnum):
    """The task of one kind of user."""

    RAG = "rag"
    CHAT = "chat"
    ONBOARDING = "onboarding"


class Kind(StrEnum):
    """How an operation relates to what the target counts."""

    REQUEST = "request"
    """One request that the target serves."""
    FLOW = "flow"
    """Made of several operations, as its user experiences them; the target counts the parts."""
    WAIT = "wait"
    """Time in the load generator, before a request is sent."""


class Operation(StrEnum):
    """Everything the suite measures; the value is its name in settings, statistics and reports."""

    CHAT = "chat"
    ONBOARDING_PAGE = "onboarding_page"
    ONBOARDING_RESOLVE = "onboarding_resolve"
    ONBOARDING_FLOW = "onboarding_flow"
    RAG_CONNECTION = "rag_connection"
    RAG_QUERY = "rag_query"
    RAG_SEARCH = "rag_search"

    @property
    def journey(self) -> Journey:
        """The journey this operation is part of."""
        return Journey(self.value.partition("_")[0])

    @property
    def kind(self) -> Kind:
        """Whether the target counts this operation."""
        if self in {Operation.ONBOARDING_FLOW, Operation.RAG_SEARCH}:
            return Kind.FLOW
        return Kind.WAIT if self is Operation.RAG_CONNECTION else Kind.REQUEST

    @property
    def begins_flow(self) -> bool:
        """Whether its results begin together with their flow, so that they can be late against a planned start."""
        return self in {Operation.CHAT, Operation.ONBOARDING_FLOW, Operation.RAG_SEARCH}

    @property
    def label(self) -> str:
        """The name for people."""
        return _LABELS[self]


_LABELS = {
    Operation.CHAT: "Chat answer",
    Operation.ONBOARDING_PAGE: "Onboarding: page load",
    Operation.ONBOARDING_RESOLVE: "Onboarding: token resolution",
    Operation.ONBOARDING_FLOW: "Onboarding: whole flow",
    Operation.RAG_CONNECTION: "Vector search: connection wait",
    Operation.RAG_QUERY: "Vector search: query",
    Operation.RAG_SEARCH: "Vector search: as the portal sees it",
}


class Outcome(StrEnum):
    """How one request ended; everything but SUCCESS and CUT_OFF is a failure."""

    SUCCESS = "success"
    STATUS = "status"
    """The target answered, with a status the contract does not accept."""
    TIMEOUT = "timeout"
    """No connection within ``target.connect_timeout_s``, or no complete answer within ``target.request_timeout_s``."""
    CONNECTION = "connection"
    """No answer: refused, reset, or closed half-way."""
    VALIDATION = "validation"
    """An accepted status, but not the answer that the contract describes."""
    ISOLATION = "isolation"
    """The answer has data of another house or tenant: never tolerated, at any success rate."""
    UNEXPECTED = "unexpected"
    """The suite itself raised an exception that it does not know; its traceback is in the run's log."""
    CUT_OFF = "cut_off"
    """In flight when the run ended, and not finished within ``run.stop_timeout_s``: neither success nor failure."""

    @property
    def is_failure(self) -> bool:
        """Whether a result with this outcome failed."""
        return self not in {Outcome.SUCCESS, Outcome.CUT_OFF}

    @property
    def is_slow(self) -> bool:
        """Whether a result with this outcome was waited for in vain: its duration is a lower bound of a latency."""
        return self in {Outcome.TIMEOUT, Outcome.CUT_OFF}
