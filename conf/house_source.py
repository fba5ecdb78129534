"""Where the houses of a portal are that has its own: what a contract says of them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_BEGINNING = re.compile(r"(\s|--[^\n]*\n|/\*.*?\*/)*(select|with|values|table)\b", re.IGNORECASE | re.DOTALL)


def _one_query(text: str) -> str:
    """
    Refuse what is more than one statement: the second would run outside of the read-only transaction.

    PostgreSQL itself refuses a query that writes, in the transaction in which this one runs.
    """
    query = text.strip().removesuffix(";").rstrip()
    if ";" in query:
        raise ValueError("holds a semicolon; it must be one statement, and may have one at its end alone")
    if not _BEGINNING.match(query):
        raise ValueError("is no query: it begins with SELECT, WITH, VALUES or TABLE")
    return query


class HouseSource(BaseModel):
    """The portal's own houses, in its database."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: Annotated[str, AfterValidator(_one_query)] = Field(
        description="Its columns have the names of a house's fields; one row per house."
    )
