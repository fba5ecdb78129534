"""The tables that the suite fills: their names, and how those that are missing are made."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg2 import errors

from conf.errors import LoadTestError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - the class has a small letter

KNOWN_TABLES = frozenset(
    {
        "tenants",
        "developments",
        "homeowners",
        "documents",
        "doc_chunks",
        "messages",
        "rate_limits",
        "qr_tokens",
    }
)
KNOWN_VIEWS = frozenset({"units", "document_sections"})
KNOWN_FUNCTIONS = frozenset({"match_document_sections"})
MARK = "made by loadtest seed"
"""The comment of each view and function that the suite makes: without it, it is another application's."""

_SQL = Path(__file__).parent
_SCHEMA = _SQL / "schema.sql"
_OF_CONTRACT = {
    "portal-2025-12": ("units.sql", "qr_tokens.sql"),
    "portal-2026": ("units.sql", "document_sections.sql"),
}
"""What a contract needs beyond ``schema.sql``, in order."""
_TABLE = re.compile(r"^CREATE TABLE IF NOT EXISTS (\w+) \((.*?)^\);", re.MULTILINE | re.DOTALL)
_COLUMN = re.compile(r"^    ([a-z_]+) +([a-z]+(?:\([\d, ]+\))?)", re.MULTILINE)


def known_columns() -> dict[str, dict[str, str]]:
    """Table → column → type, as the scripts write them."""
    text = "".join((_SQL / name).read_text(encoding="utf-8") for name in ("schema.sql", "qr_tokens.sql"))
    return {table: dict(_COLUMN.findall(body)) for table, body in _TABLE.findall(text)}


def create_tables(cursor: Cursor) -> None:
    """
    Make the tables of ``schema.sql`` that are missing; existing tables stay as they are.

    Raises:
        LoadTestError: The server has no pgvector, or this user may not install it.
    """
    try:
        cursor.execute(_SCHEMA.read_text(encoding="utf-8"))
    except (errors.UndefinedFile, errors.FeatureNotSupported):
        raise LoadTestError(
            "database: the server has no pgvector",
            "Install it on the server (Debian: apt-get install postgresql-NN-pgvector), or run embedded: "
            "loadtest run all --embedded",
        ) from None
    except errors.InsufficientPrivilege:
        raise LoadTestError(
            "database: this user may not create the tables or the vector extension",
            "Have its owner run: psql DBNAME -c 'CREATE EXTENSION vector; GRANT CREATE ON SCHEMA public TO …'",
        ) from None


def create_tables_of_contract(cursor: Cursor, names: Iterable[str]) -> None:
    """
    Show the seeded houses and chunks as a portal of another contract keeps them.

    Args:
        cursor: Of one transaction, after everything else was seeded.
        names: Of the contract and its base; where neither needs tables of its own, none are made.
    """
    for script in next((_OF_CONTRACT[name] for name in names if name in _OF_CONTRACT), ()):
        cursor.execute((_SQL / script).read_text(encoding="utf-8"))
