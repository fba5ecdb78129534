"""One request of a contract, and its answer."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from conf.answer import Answer
from conf.template import placeholders_of

ServerStep = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]

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
        return {name: template for template in templates for name in placeholders_of(template)}
