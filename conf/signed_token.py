"""Tokens that the portal signs with SESSION_SECRET, and may remember in a table: what a contract says of them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from conf.template import placeholders_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

SqlName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}(\.[a-z_][a-z0-9_]{0,62})?$")]
"""A name that needs no quotes in SQL; of a table, perhaps with its schema."""

MADE = frozenset({"timestamp_ms", "nonce"})
"""Placeholders of a part: when the token was signed, in milliseconds since 1970, and random letters."""
REMEMBERED = frozenset({"timestamp_ms", "sha256", "expires_at"})
"""Placeholders of a column: of the token its moment, its SHA-256 in hex, and when it expires, in UTC."""
BATCH = "{expires_at}"
"""The same for all tokens that are registered together: by it their rows are found again."""


class SignatureEncoding(StrEnum):
    """How the bytes of a signature are written."""

    BASE64URL = "base64url"
    """The alphabet for addresses, without padding."""
    HEX = "hex"


class Registration(BaseModel):
    """The row by which the portal knows a token that it has signed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: SqlName
    columns: dict[SqlName, str] = Field(description="Column, and the template of its value.")

    @model_validator(mode="after")
    def _can_be_taken_back(self) -> Self:
        self.placeholders()
        if BATCH not in self.columns.values():
            raise ValueError(f'no column is "{BATCH}": the rows could not be found again, to remove them')
        return self

    def placeholders(self) -> dict[str, str]:
        """What its templates name, and a template that does."""
        return {name: template for template in self.columns.values() for name in placeholders_of(template)}

    @property
    def batch_column(self) -> str:
        """The column that all tokens registered together have in common."""
        return next(column for column, template in self.columns.items() if template == BATCH)


class SignedToken(BaseModel):
    """A token that is made of parts and of their signature, HMAC-SHA256 with SESSION_SECRET."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parts: tuple[str, ...] = Field(min_length=1, description="Templates; the signature is the last part.")
    joint: str = Field(min_length=1, max_length=8, description="Between the parts, and before the signature.")
    encoding: SignatureEncoding = SignatureEncoding.BASE64URL
    lifetime_s: int = Field(ge=60, description="How long the portal takes it, from {timestamp_ms} on.")
    registration: Registration | None = Field(
        default=None, description="The row that `loadtest houses --register` writes for each token."
    )

    @model_validator(mode="after")
    def _has_its_moment(self) -> Self:
        self.placeholders()
        if "{timestamp_ms}" not in self.parts:
            raise ValueError('no part is "{timestamp_ms}": when it expires could not be said')
        return self

    def placeholders(self) -> dict[str, str]:
        """What its parts name, and a part that does."""
        return {name: template for template in self.parts for name in placeholders_of(template)}


def token_mistakes(
    tokens: Mapping[str, SignedToken], fields: AbstractSet[str]
) -> Iterator[tuple[str, str, AbstractSet[str]]]:
    """
    What is wrong with the tokens of a contract whose houses have *fields*.

    Yields:
        The key, what is wrong there, and what is allowed.
    """
    known = fields - {"question", "jwt"} - tokens.keys()
    for name, token in tokens.items():
        if name not in fields - {"question", "jwt"}:
            yield f"tokens.{name}", "fills no field of a house", fields - {"question", "jwt"}
        named = [("parts", token.placeholders(), known | MADE)]
        if token.registration is not None:
            named.append(("registration.columns", token.registration.placeholders(), known | REMEMBERED))
        for key, placeholders, allowed in named:
            for unknown in sorted(placeholders.keys() - allowed):
                words = f"unknown placeholder {unknown!r} in {placeholders[unknown]!r}"
                yield f"tokens.{name}.{key}", words, allowed
