"""One request of a contract, and its answer."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from conf.answer import Answer, AnswerFormat
from conf.layers import MOMENT
from conf.template import placeholders_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ServerStep = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
MediaType = Annotated[str, Field(pattern=r"^[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+$", max_length=100)]
"""In small letters, without parameters."""
EVENT_STREAM = "text/event-stream"

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_TEXT = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_FRAMING = frozenset(
    {"connection", "content-length", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)


class Endpoint(BaseModel):
    """One request of the contract."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str = Field(pattern="^(GET|POST|PUT|PATCH|DELETE)$")
    path: str = Field(pattern="^/")
    query: dict[str, str] = Field(default_factory=dict, description="Parameters that follow the path.")
    headers: dict[str, str] = Field(default_factory=dict)
    body: dict[str, JsonValue] = Field(
        default_factory=dict, description="Sent as JSON, its texts being templates; empty: no body."
    )
    server_timing: dict[ServerStep, str] = Field(
        default_factory=dict,
        description="Steps that the answer's Server-Timing header names, and what people call them.",
    )
    limit: str = Field(
        default="", max_length=200, description="Above how much load the portal answers 429, in words."
    )
    split_by: str = Field(
        default="",
        pattern=rf"^({_HEADER_NAME.pattern})?$",
        description="Header of the answer by whose value results are also shown apart.",
    )
    python: str = Field(
        default="",
        pattern=r"^([A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*)?$",
        description="Class of your own, `package.module:Class`, that writes the request and judges the answer further.",
    )
    answer: Answer | None = Field(default=None, description="What counts as success.")
    answers: dict[MediaType, Answer] = Field(
        default_factory=dict, description="The same by the answer's content type, in place of `answer`."
    )

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

    @field_validator("body")
    @classmethod
    def _is_json(cls, body: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if json.dumps(MOMENT) in json.dumps(body, allow_nan=False):
            raise ValueError("holds a date or time, which JSON has not; write it as a text, in quotes")
        return body

    @model_validator(mode="after")
    def _one_kind_of_answer(self) -> Self:
        if self.answer is None and not self.answers:
            raise ValueError("does not say what counts as success: in answer, or by content type in answers")
        if self.answer is not None and self.answers:
            raise ValueError("says what counts as success in answer and in answers; it must be one of them")
        for media_type, answer in self.answers.items():
            if (media_type == EVENT_STREAM) is not (answer.format is AnswerFormat.EVENTS):
                raise ValueError(f'answers of {EVENT_STREAM}, and no others, have format = "events"')
        return self

    @model_validator(mode="after")
    def _readable_templates(self) -> Self:
        self.placeholders()
        return self

    def placeholders(self) -> dict[str, str]:
        """What its templates name, and a template that does."""
        templates = (self.path, *self.query.values(), *self.headers.values(), *_texts(self.body))
        return {name: template for template in templates for name in placeholders_of(template)}

    @property
    def compared(self) -> frozenset[str]:
        """The fields of a house with which its answers are compared."""
        return frozenset(name for answer in self.accepted for name in answer.house_fields)

    @property
    def house_fields(self) -> frozenset[str]:
        """The fields that a house must have: what templates name, beside the question, and answers are compared with."""
        return self.compared.union(self.placeholders()) - {"question", "house_type"}

    @property
    def accepted(self) -> tuple[Answer, ...]:
        """What counts as success, of whatever content type."""
        return tuple(self.answers.values()) if self.answer is None else (self.answer,)

    @property
    def streamed(self) -> Answer | None:
        """The answer that is a stream; None where none is."""
        return next((answer for answer in self.accepted if answer.stream is not None), None)

    @property
    def statuses(self) -> frozenset[int]:
        """Those that count as success, under whatever content type."""
        return frozenset(status for answer in self.accepted for status in answer.statuses)

    @property
    def gives(self) -> frozenset[str]:
        """Placeholders that each of its answers fills for later requests."""
        return frozenset.intersection(*(frozenset(answer.gives) for answer in self.accepted))

    @property
    def accepts(self) -> str:
        """The content types that it can read, for the header ``Accept``."""
        types = (*self.answers, *([EVENT_STREAM] if self.answer and self.answer.stream else []))
        return ", ".join(types) or ("application/json" if self.body else "")

    def answer_of(self, content_type: str) -> Answer | None:
        """What counts as success in an answer with this header ``Content-Type``; None: the contract knows no such answer."""
        media_type = content_type.split(";", maxsplit=1)[0].strip().lower()
        if self.answer is None:
            return self.answers.get(media_type)
        return self.answer if self.answer.stream is None or media_type == EVENT_STREAM else None


def _texts(value: Any) -> Iterator[str]:
    """The templates in a body."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
