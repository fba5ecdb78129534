"""The tables: checks that the database is the suite's, and makes the tables that are missing."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from psycopg2 import errors

from conf.errors import LoadTestError

if TYPE_CHECKING:
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
"""Where one of these is a table, it is another application's: a portal of a later contract has such tables."""

_SQL = Path(__file__).parent
_SCHEMA = _SQL / "schema.sql"
_OF_CONTRACT = {
    "portal-2025-12": ("units.sql", "qr_tokens.sql"),
    "portal-2026": ("units.sql", "document_sections.sql"),
}
"""What a contract needs beyond ``schema.sql``, in order."""
_SHOWN = 3

# Extensions bring tables of their own (PostGIS: spatial_ref_sys), which hold no data of a user.
_TABLES = """
    SELECT format(CASE WHEN n.nspname = 'public' THEN '%2$s' ELSE '%1$s.%2$s' END, n.nspname, c.relname),
           c.relkind IN ('v', 'm')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm')
      AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                      AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY 1
"""


def refuse_foreign_database(cursor: Cursor, adopt: str | None) -> None:
    """
    Refuse a database that belongs to another application.

    Args:
        cursor: Of the database.
        adopt: The database's own name allows tables that the suite does not know; None does not.

    Raises:
        LoadTestError: There are tables the suite does not know and *adopt* is None, or *adopt* is another name.
    """
    cursor.execute("SELECT current_database()")
    (name,) = cursor.fetchone() or ("",)
    if adopt is not None:
        if adopt != name:
            raise LoadTestError(
                f"--adopt {adopt}: DATABASE_URL leads to a database of another name; nothing was written",
                "Look up which one is meant: psql $DATABASE_URL -c 'SELECT current_database()'",
            )
        return
    cursor.execute(_TABLES)
    foreign = [
        name for name, is_view in cursor.fetchall() if name not in (KNOWN_VIEWS if is_view else KNOWN_TABLES)
    ]
    if foreign:
        more = f" and {len(foreign) - _SHOWN} more" if len(foreign) > _SHOWN else ""
        raise LoadTestError(
            f"DATABASE_URL: the database holds tables that are not the suite's: "
            f"{', '.join(foreign[:_SHOWN])}{more}; nothing was written",
            "Seed an empty database, or, if this one is meant, type its name: loadtest seed --adopt NAME",
        )


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


def create_tables_of_contract(cursor: Cursor, contract: str) -> None:
    """
    Show the seeded houses and chunks as a portal of another contract keeps them.

    Args:
        cursor: Of one transaction, after everything else was seeded.
        contract: Its name, or the path of a file of that name. One that needs nothing of its own is given nothing.
    """
    for script in _OF_CONTRACT.get(PurePath(contract).stem, ()):
        cursor.execute((_SQL / script).read_text(encoding="utf-8"))
