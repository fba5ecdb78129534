"""What counts as a successful answer, as data of a contract."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from conf.json_path import PATH, JsonPath
from conf.stream import Stream
from conf.template import PLACEHOLDERS, Placeholder

Scalar = bool | int | float | str


def _as_values(given: Any) -> tuple[Scalar, ...]:
    values = tuple(given) if isinstance(given, list | tuple) else (given,)
    if not values or not all(isinstance(value, Scalar) for value in values):
        raise ValueError("is no text, number, true or false, and no list of these")
    return values


def _as_interception(given: Any) -> bool | dict[str, tuple[Scalar, ...]]:
    if isinstance(given, bool):
        return given
    if not isinstance(given, dict) or not all(re.match(PATH, path) for path in given):
        raise ValueError("is neither true or false, nor a table of JSON fields and their values")
    return {path: _as_values(values) for path, values in given.items()}


Values = Annotated[Any, AfterValidator(_as_values)]
"""Allowed values of a JSON field, one or a list: always a tuple here."""


class AnswerFormat(StrEnum):
    """Format of an answer's body."""

    ANY = "any"
    JSON = "json"
    EVENTS = "events"


class Answer(BaseModel):
    """What counts as a successful answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    statuses: tuple[Annotated[int, Field(ge=200, le=599)], ...] = Field(
        min_length=1, description="Accepted HTTP statuses; all others fail."
    )
    format: AnswerFormat = AnswerFormat.ANY
    spent: tuple[int, ...] = Field(
        default=(), description="Of these, the statuses that say: a token was used before."
    )
    body_from: tuple[int, ...] = Field(default=(), description="Statuses whose body is checked; empty: all.")
    not_empty: tuple[JsonPath, ...] = Field(
        default=(), description="JSON fields that must be there and not empty."
    )
    equals: dict[JsonPath, Values] = Field(
        default_factory=dict, description="JSON field, and the values that it may have."
    )
    own: dict[JsonPath, Placeholder] = Field(
        default_factory=dict, description="JSON field, and the field of the house that it must equal."
    )
    gives: dict[Placeholder, JsonPath] = Field(
        default_factory=dict,
        description="Placeholder for the later requests of the flow, and the JSON field that fills it, as in "
        '"documents.id"; of a list, any element.',
    )
    sources: JsonPath | None = Field(
        default=None, description="JSON field that lists the documents an answer rests on."
    )
    source_own: dict[JsonPath, Placeholder] = Field(
        default_factory=dict,
        description="Field of each source, and the field of the house that it must equal.",
    )
    source_foreign: dict[JsonPath, Values] = Field(
        default_factory=dict, description="Field of a source, and the values by which it is another house's."
    )
    intercepted: Annotated[Any, AfterValidator(_as_interception)] = Field(
        default=False,
        description="Whether no model gave this answer; or a JSON field, and the values that say so.",
    )
    stream: Stream | None = Field(default=None, description="What the events of a streamed answer hold.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.format is AnswerFormat.EVENTS) is not (self.stream is not None):
            raise ValueError('a stream needs format = "events", and that a stream')
        if self.format is not AnswerFormat.JSON and (self.not_empty or self.sources or self.gives):
            raise ValueError('not_empty, sources and gives need format = "json"')
        if self.format is AnswerFormat.ANY and (self.equals or self.own or self.intercepted_values):
            raise ValueError('equals, own and the values of intercepted need format = "json" or "events"')
        if taken := PLACEHOLDERS & self.gives.keys():
            raise ValueError(f"gives names {min(taken)!r}, which is the fixture's or the question's")
        if (self.source_own or self.source_foreign) and not (
            self.sources or (self.stream and self.stream.sources)
        ):
            raise ValueError("source_own and source_foreign need sources")
        if foreign := set(self.body_from) - set(self.statuses):
            raise ValueError(f"body_from names statuses that are not accepted: {sorted(foreign)}")
        if self.gives and self.body_from and (unread := set(self.statuses) - set(self.body_from)):
            raise ValueError(
                f"gives needs the body of every accepted status; body_from leaves out {sorted(unread)}"
            )
        if foreign := set(self.spent) - set(self.statuses):
            raise ValueError(f"spent names statuses that are not accepted: {sorted(foreign)}")
        return self

    @property
    def intercepted_values(self) -> dict[str, tuple[Scalar, ...]]:
        """JSON field, and the values by which it says that no model gave the answer."""
        return self.intercepted if isinstance(self.intercepted, dict) else {}

    @property
    def house_fields(self) -> set[str]:
        """The fields of a house with which the answer is compared."""
        return {*self.own.values(), *self.source_own.values()}

    def reads_body_of(self, status: int) -> bool:
        """Whether the body under *status* must be the described answer."""
        return not self.body_from or status in self.body_from
