"""What the events of a streamed answer hold, as data of a contract."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from conf.json_path import JsonPath

if TYPE_CHECKING:
    from collections.abc import Iterator

EventKind = Annotated[str, Field(min_length=1, max_length=100)]


class Meaning(NamedTuple):
    """
    What an event of one kind holds: the field of each thing, None where it does not hold it.

    Args:
        content: Field of its text.
        sources: Field of its list of documents.
        tokens: Field of its number of tokens.
        is_last: Whether it ends the answer.
        reasons: Fields of the portal's words, where it says that it failed.
    """

    content: JsonPath | None
    sources: JsonPath | None
    tokens: JsonPath | None
    is_last: bool
    reasons: tuple[JsonPath, ...] | None


class Stream(BaseModel):
    """
    The events of a streamed answer: each holds a JSON object of some kind.

    A kind that is named nowhere here makes the answer one that the contract does not describe.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: JsonPath | None = Field(
        default=None,
        description="Field of an event's object that names its kind; by default the event's own name.",
    )
    content: dict[EventKind, JsonPath] = Field(
        min_length=1, description="Kind of an event, and the field of its text that a homeowner reads."
    )
    done: tuple[EventKind, ...] = Field(
        min_length=1,
        description='Kinds that end an answer; or all that such an event holds, as in "[DONE]".',
    )
    errors: dict[EventKind, tuple[JsonPath, ...]] = Field(
        default_factory=dict,
        description="Kind by which the portal says that it failed, and the fields of its reason: the first names the kind "
        "of fault, all of them are in the log.",
    )
    sources: dict[EventKind, JsonPath] = Field(
        default_factory=dict,
        description="Kind of an event, and its list of the documents that the answer rests on.",
    )
    tokens: dict[EventKind, JsonPath] = Field(
        default_factory=dict,
        description="Kind of an event, and its number of tokens of the whole answer so far.",
    )
    others: tuple[EventKind, ...] = Field(default=(), description="Kinds that hold nothing of this.")

    @model_validator(mode="after")
    def _one_meaning_each(self) -> Self:
        kinds = list(self._kinds())
        if twice := sorted({kind for kind in kinds if kinds.count(kind) > 1}):
            raise ValueError(
                f"kind {twice[0]!r} ends an answer, says that it failed, or is one of the others"
            )
        return self

    @cached_property
    def meanings(self) -> dict[EventKind, Meaning]:
        """What an event of each kind holds."""
        return {
            kind: Meaning(
                self.content.get(kind), self.sources.get(kind), self.tokens.get(kind), kind in self.done, self.errors.get(kind)
            )
            for kind in self._kinds()
        }  # fmt: skip

    def _kinds(self) -> Iterator[str]:
        """Each kind once for each meaning that excludes the others."""
        yield from self.content.keys() | self.sources.keys()
        yield from self.tokens.keys() - self.content.keys() - self.sources.keys() - set(self.done)
        yield from self.done
        yield from self.errors
        yield from self.others
