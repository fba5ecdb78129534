"""How a portal searches its vectors, as data of a contract."""

from __future__ import annotations

import string
from functools import cache
from typing import TYPE_CHECKING, Annotated, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from conf.template import Placeholder, placeholders_of

if TYPE_CHECKING:
    from collections.abc import Callable

OF_SEARCH, OF_SAMPLE = frozenset({"vector", "rows"}), frozenset({"sample"})
"""Placeholders beside the fields of a house: of the search, and of the query for a sample of vectors."""


class Statement(NamedTuple):
    """A statement with parameters in place of its placeholders."""

    text: str
    names: tuple[str, ...]
    """What fills the parameters, in their order."""


class VectorSearch(BaseModel):
    """The portal's own search: a query, or a call of a function."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sql: str = Field(description="The search: a query with {vector}, {rows} and fields of a house.")
    vectors: str = Field(description="A query for the vectors of at most {sample} chunks of a house.")
    rows: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=5, description="As many rows a search finds, where there are so many."
    )
    own: dict[str, Placeholder] = Field(
        default_factory=dict, description="Column of a row, and the field of the house that it must equal."
    )

    @model_validator(mode="after")
    def _has_its_places(self) -> Self:
        if "vector" not in placeholders_of(self.sql):
            raise ValueError("sql: does not name {vector}")
        if "sample" not in placeholders_of(self.vectors):
            raise ValueError("vectors: does not name {sample}")
        return self

    @property
    def house_fields(self) -> frozenset[str]:
        """The fields that a house must have."""
        searching = placeholders_of(self.sql) - OF_SEARCH
        return frozenset(searching | (placeholders_of(self.vectors) - OF_SAMPLE) | {*self.own.values()})

    @property
    def prepared(self) -> Statement:
        """The search as PostgreSQL prepares it, with ``$1`` for the first parameter."""
        return _prepared(self.sql)

    @property
    def sampling(self) -> Statement:
        """The query for vectors as the driver takes it, with ``%(name)s``."""
        return _with_parameters(self.vectors.replace("%", "%%"), lambda name, _: f"%({name})s")


DOC_CHUNKS = VectorSearch(
    sql="""
    SELECT tenant_id, development_id, embedding <=> {vector} AS distance
    FROM doc_chunks
    WHERE tenant_id = {tenant_id} AND development_id = {development_id}
    ORDER BY embedding <=> {vector}
    LIMIT {rows}
    """,
    vectors="""
    SELECT embedding FROM doc_chunks WHERE tenant_id = {tenant_id} AND development_id = {development_id}
    ORDER BY md5(id::text) LIMIT {sample}
    """,
    own={"tenant_id": "tenant_id", "development_id": "development_id"},
)
"""The search of the Phase 17 document's portal, for contracts that describe none."""


@cache
def _prepared(template: str) -> Statement:
    return _with_parameters(template, lambda _, number: f"${number}")


def _with_parameters(template: str, spell: Callable[[str, int], str]) -> Statement:
    names: dict[str, int] = {}
    parts = []
    for literal, name, _, _ in string.Formatter().parse(template):
        parts.append(literal)
        if name is not None:
            parts.append(spell(name, names.setdefault(name, len(names) + 1)))
    return Statement("".join(parts), tuple(names))
