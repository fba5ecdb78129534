"""
Contracts: the requests and answers of a portal under test, as data. One file per contract in ``conf/contracts/``.

A request is a template whose ``{placeholders}`` are filled from a house of the fixture, from the question asked, and from
what an earlier answer of the same flow gave; an answer is described by what counts as success.
"""

from __future__ import annotations

import re
import string
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from conf.errors import LoadTestError
from conf.operations import Operation
from conf.stream import JsonPath, Stream
from conf.table_model import with_field_per

if TYPE_CHECKING:
    from collections.abc import Iterator

ServerStep = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
Placeholder = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]

PLACEHOLDERS = frozenset(
    {"tenant_id", "tenant_slug", "development_id", "house_id", "house_type", "qr_token", "jwt", "question"}
)
"""Names that a template may use: the fields of a house, and the question."""


_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_TEXT = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_FRAMING = frozenset(
    {"connection", "content-length", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)


class AnswerFormat(StrEnum):
    """Format of an answer's body."""

    ANY = "any"
    JSON = "json"
    EVENTS = "events"


class Answer(BaseModel):
    """What counts as a successful answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    statuses: tuple[int, ...] = Field(min_length=1, description="Accepted HTTP statuses; all others fail.")
    format: AnswerFormat = AnswerFormat.ANY
    spent: tuple[int, ...] = Field(
        default=(), description="Of these, the statuses that say: a token was used before."
    )
    body_from: tuple[int, ...] = Field(default=(), description="Statuses whose body is checked; empty: all.")
    not_empty: tuple[str, ...] = Field(
        default=(), description="JSON fields that must be there and not empty."
    )
    gives: dict[Placeholder, JsonPath] = Field(
        default_factory=dict,
        description="Placeholder for the later requests of the flow, and the JSON field that fills it, as in "
        '"documents.id"; of a list, any element.',
    )
    sources: str = Field(default="", description="JSON field that lists the documents an answer rests on.")
    source_development: str = Field(
        default="", description="Field of a source: the development it belongs to."
    )
    stream: Stream | None = Field(default=None, description="What the events of a streamed answer hold.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.format is AnswerFormat.EVENTS) is not (self.stream is not None):
            raise ValueError('a stream needs format = "events", and that a stream')
        if self.format is not AnswerFormat.JSON and (self.not_empty or self.sources or self.gives):
            raise ValueError('not_empty, sources and gives need format = "json"')
        if taken := PLACEHOLDERS & self.gives.keys():
            raise ValueError(f"gives names {min(taken)!r}, which is the fixture's or the question's")
        if self.source_development and not (self.sources or (self.stream and self.stream.sources)):
            raise ValueError("source_development needs sources")
        if foreign := set(self.body_from) - set(self.statuses):
            raise ValueError(f"body_from names statuses that are not accepted: {sorted(foreign)}")
        if self.gives and self.body_from and (unread := set(self.statuses) - set(self.body_from)):
            raise ValueError(
                f"gives needs the body of every accepted status; body_from leaves out {sorted(unread)}"
            )
        if foreign := set(self.spent) - set(self.statuses):
            raise ValueError(f"spent names statuses that are not accepted: {sorted(foreign)}")
        return self

    def reads_body_of(self, status: int) -> bool:
        """Whether the body under *status* must be the described answer."""
        return not self.body_from or status in self.body_from


class Endpoint(BaseModel):
    """One request of the contract."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str = Field(pattern="^(GET|POST|PUT|PATCH|DELETE)$")
    path: str = Field(pattern="^/")
    headers: dict[str, str] = Field(default_factory=dict)
    body: dict[str, str] = Field(default_factory=dict, description="Sent as JSON; empty: no body.")
    server_timing: dict[ServerStep, str] = Field(
        default_factory=dict,
        description="Steps that the answer's Server-Timing header names, and what people call them.",
    )
    limit: str = Field(
        default="", max_length=200, description="Above how much load the portal answers 429, in words."
    )
    answer: Answer

    @field_validator("headers")
    @classmethod
    def _can_be_sent(cls, headers: dict[str, str]) -> dict[str, str]:
        small = [name.lower() for name in headers]
        for name, template in headers.items():
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a header")
            if name.lower() in _FRAMING:
                raise ValueError(f"header {name} is not the contract's: it says where a request ends")
            if small.count(name.lower()) > 1:
                raise ValueError(f"header {name} stands there twice, in capitals and small letters")
            if not _HEADER_TEXT.fullmatch(template):
                raise ValueError(f"header {name} holds a line end or a letter that no header may")
        return headers

    @model_validator(mode="after")
    def _readable_templates(self) -> Self:
        self.placeholders()
        return self

    def placeholders(self) -> dict[str, str]:
        """What its templates name, and a template that does."""
        templates = (self.path, *self.headers.values(), *self.body.values())
        return {name: template for template in templates for name in _placeholders(template)}


def _placeholders(template: str) -> set[str]:
    try:
        fields = [field for field in string.Formatter().parse(template) if field[1] is not None]
    except ValueError as error:
        raise ValueError(f"{template!r} cannot be filled in: {error}") from None
    if any(spec or conversion for _, _, spec, conversion in fields):
        raise ValueError(f"{template!r}: a placeholder is a name in braces, without a format")
    return {str(name) for _, name, _, _ in fields}


@with_field_per((operation for operation in Operation if operation.is_portal_request), Endpoint)
class Contract(BaseModel):
    """The requests the journeys send, by operation; a portal may not have all of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str
    health: str = Field(pattern="^/", description="Path that answers 200 when the portal is up.")
    health_db: str = Field(
        default="", pattern="^(/.*)?$", description="Path that tells how the portal's pool of connections is."
    )
    token_check: Endpoint | None = Field(
        default=None, description="A request that changes nothing and needs a JWT; for loadtest check."
    )

    @property
    def endpoints(self) -> dict[Operation, Endpoint]:
        """The requests that the portal has, in the order of the table."""
        found = ((operation, getattr(self, operation.value, None)) for operation in Operation)
        return {operation: endpoint for operation, endpoint in found if endpoint is not None}

    def endpoint(self, operation: Operation) -> Endpoint:
        """
        The request that *operation* is.

        Raises:
            LoadTestError: The contract does not describe it.
        """
        endpoint: Endpoint | None = getattr(self, operation.value, None)
        if endpoint is None:
            raise LoadTestError(f"contract: {operation} is not described", f"Describe it: [{operation}]")
        return endpoint

    def server_step_labels(self) -> dict[str, dict[str, str]]:
        """Request → step in its answer's ``Server-Timing`` → name of the step for people."""
        return {op.value: found.server_timing for op, found in self.endpoints.items() if found.server_timing}

    @model_validator(mode="after")
    def _known_placeholders(self) -> Self:
        mistakes = list(self._unknown_placeholders())
        if mistakes:
            raise ValidationError.from_exception_data("Contract", mistakes)
        return self

    def _unknown_placeholders(self) -> Iterator[InitErrorDetails]:
        """Of each request what neither the fixture nor an earlier answer of its flow fills."""
        given: dict[str, set[str]] = {}
        requests = [(op.value, op.journey.value, found) for op, found in self.endpoints.items()]
        if self.token_check is not None:
            requests.append(("token_check", "", self.token_check))
        for name, journey, endpoint in requests:
            allowed = PLACEHOLDERS | given.setdefault(journey, set())
            for unknown, template in endpoint.placeholders().items():
                if unknown not in allowed:
                    words = f"unknown placeholder {unknown!r} in {template!r}; allowed: {', '.join(sorted(allowed))}"
                    said = PydanticCustomError("value_error", "{words}", {"words": words})
                    yield InitErrorDetails(type=said, loc=(name,), input=template)
            given[journey] |= endpoint.answer.gives.keys()
