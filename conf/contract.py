"""
Contracts: the requests and answers of a portal under test, as data. One file per contract in ``conf/contracts/``.

A request is a template whose ``{placeholders}`` are filled from a house of the fixture, from the question asked, and from
what an earlier answer of the same flow gave; an answer is described by what counts as success.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from conf.endpoint import Endpoint
from conf.errors import LoadTestError
from conf.house_source import HouseSource
from conf.operations import Destination, Operation
from conf.signed_token import MADE, REMEMBERED, SignedToken, token_mistakes
from conf.table_model import with_field_per
from conf.template import PLACEHOLDERS, Placeholder
from conf.vector_search import DOC_CHUNKS, OF_SAMPLE, OF_SEARCH, VectorSearch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from conf.operations import Journey

_OTHER_MEANINGS = OF_SEARCH | OF_SAMPLE | MADE | REMEMBERED | {"own"}
"""What else a template may name, and the key of a house under which the contract's own fields are."""


@with_field_per((operation for operation in Operation if operation.is_portal_request), Endpoint)
class Contract(BaseModel):
    """The requests the journeys send, by operation; a portal may not have all of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str
    based_on: str = Field(
        default="",
        description="Contract of the suite that has the keys and tables which this one does not have itself.",
    )
    health: str = Field(pattern="^/", description="Path that answers 200 when the portal is up.")
    health_is_cached: bool = Field(
        default=False, description="Whether it answers 200 also while the portal does not work."
    )
    health_db: str = Field(
        default="", pattern="^(/.*)?$", description="Path that tells how the portal's pool of connections is."
    )
    token_check: Endpoint | None = Field(
        default=None, description="A request that changes nothing and needs a JWT; for loadtest check."
    )

    house_check: Endpoint | None = Field(
        default=None,
        description="A request that changes nothing and tells a house that the portal has from one that it has not, where the "
        "onboarding page does not; for loadtest check.",
    )
    house_fields: tuple[Placeholder, ...] = Field(
        default=(), description="Fields of a house beyond those that every portal has; placeholders as these."
    )

    search: VectorSearch | None = Field(
        default=None,
        description="The portal's vector search; by default the chunks of the house's development.",
    )
    tokens: dict[str, SignedToken] = Field(
        default_factory=dict, description="Field of a house, and how the portal signs what stands in it."
    )
    houses: HouseSource | None = Field(default=None, description="Where the portal's own houses are.")

    @field_validator("house_fields")
    @classmethod
    def _new_fields(cls, fields: tuple[str, ...]) -> tuple[str, ...]:
        if taken := PLACEHOLDERS & set(fields):
            raise ValueError(f"{min(taken)!r} is a field that every house has")
        if taken := _OTHER_MEANINGS & set(fields):
            raise ValueError(
                f"{min(taken)!r} means something else in a contract; give the column another name"
            )
        return fields

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

    def fields_of(self, journeys: Iterable[Journey]) -> dict[str, str]:
        """Field of a house that *journeys* cannot do without, and a request that names it."""
        needed: dict[str, str] = {}
        for journey in journeys:
            if journey.destination is Destination.DATABASE:
                needed |= dict.fromkeys(sorted(self.vector_search.house_fields), journey.value)
            for operation in journey.operations:
                endpoint = self.endpoints.get(operation)
                names = endpoint.house_fields & self._fields if endpoint else ()
                needed |= dict.fromkeys(sorted(names), operation.value)
        return needed

    @property
    def signed(self) -> dict[str, SignedToken]:
        """The tokens that a request names; the others need not be signed."""
        checks = (self.token_check, self.house_check)
        of_checks = {name for check in checks if check is not None for name in check.placeholders()}
        named = of_checks.union(*(endpoint.placeholders() for endpoint in self.endpoints.values()))
        return {name: token for name, token in self.tokens.items() if name in named}

    @property
    def _fields(self) -> frozenset[str]:
        return PLACEHOLDERS.union(self.house_fields)

    @property
    def vector_search(self) -> VectorSearch:
        """How the portal searches its vectors."""
        return self.search or DOC_CHUNKS

    @property
    def streamed(self) -> frozenset[Operation]:
        """The requests whose answers are streamed."""
        return frozenset(op for op, found in self.endpoints.items() if found.streamed is not None)

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
        """What neither the fixture nor an earlier answer of a request's flow fills, of requests and of signed tokens."""
        given: dict[str, set[str]] = {}
        requests: list[tuple[str, str, Endpoint]] = [
            (op.value, op.journey.value, found) for op, found in self.endpoints.items()
        ]
        checks = (("token_check", "", self.token_check), ("house_check", "", self.house_check))
        requests += [(name, flow, endpoint) for name, flow, endpoint in checks if endpoint is not None]
        for name, journey, endpoint in requests:
            allowed = self._fields | given.setdefault(journey, set())
            for unknown, template in endpoint.placeholders().items():
                if unknown not in allowed:
                    yield _mistake(name, f"unknown placeholder {unknown!r} in {template!r}", allowed)
            for unknown in sorted(endpoint.compared - (self._fields - {"question"})):
                yield _mistake(name, f"{unknown!r} is no field of a house", self._fields - {"question"})
            given[journey] |= endpoint.gives
        for name in ("token_check", "house_check"):
            if (asked := getattr(self, name)) is not None and asked.python:
                yield _mistake(name, "python is for the requests of journeys", self.endpoints.keys())
        of_a_house = self._fields - {"question"}
        for unknown in sorted(self.vector_search.house_fields - of_a_house):
            yield _mistake(
                "search", f"{unknown!r} is no field of a house", of_a_house | OF_SEARCH | OF_SAMPLE
            )
        yield from (_mistake(*mistake) for mistake in token_mistakes(self.tokens, self._fields))


def _mistake(key: str, words: str, allowed: AbstractSet[str]) -> InitErrorDetails:
    said = {"words": f"{words}; allowed: {', '.join(sorted(allowed))}"}
    custom = PydanticCustomError("value_error", "{words}", said)
    return InitErrorDetails(type=custom, loc=tuple(key.split(".")), input=words)
