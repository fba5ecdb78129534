"""Request bodies: JSON with the fields a route needs, or 400."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from portal.refusal import Refusal

if TYPE_CHECKING:
    from fastapi import Request


class Body(BaseModel):
    """Base of the bodies: blanks around a text are removed; unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)

    @field_validator("*")
    @classmethod
    def _storable(cls, text: str) -> str:
        if "\0" in text:
            raise ValueError("PostgreSQL stores no NUL")
        return text


BodyT = TypeVar("BodyT", bound=Body)


async def read_body(request: Request, kind: type[BodyT]) -> BodyT:
    """
    Read the body of *request*. Routes call this after authentication, so that strangers learn nothing about the body.

    Raises:
        Refusal: 400, naming the first field that is missing, empty or not a text that can be stored.
    """
    try:
        return kind.model_validate_json(await request.body())
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        raise Refusal(400, f"{where} is required" if where else "The body must be a JSON object") from None
