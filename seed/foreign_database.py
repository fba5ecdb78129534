"""Whether a database is the suite's to fill: looked at before anything is written, so that a refusal leaves nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.errors import LoadTestError
from seed.tables import KNOWN_FUNCTIONS, KNOWN_TABLES, KNOWN_VIEWS, MARK, known_columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - the class has a small letter

_SHOWN = 3

# Extensions bring tables of their own (PostGIS: spatial_ref_sys), which hold no data of a user.
_RELATIONS = """
    SELECT format(CASE WHEN n.nspname = 'public' THEN '%%2$s' ELSE '%%1$s.%%2$s' END, n.nspname, c.relname),
           c.relkind IN ('v', 'm'),
           obj_description(c.oid, 'pg_class') IS NOT DISTINCT FROM %s,
           (SELECT jsonb_object_agg(a.attname, format_type(a.atttypid, a.atttypmod))
            FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm')
      AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                      AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY 1
"""
_FUNCTIONS = """
    SELECT p.proname FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND p.proname = ANY (%s)
      AND obj_description(p.oid, 'pg_proc') IS DISTINCT FROM %s
"""


def refuse_foreign_database(cursor: Cursor, adopt: str | None) -> None:
    """
    Refuse a database that belongs to another application.

    Args:
        cursor: Of the database.
        adopt: The database's own name allows tables that the suite does not know; None does not.

    Raises:
        LoadTestError: There are tables the suite does not know and *adopt* is None; *adopt* is another name; or, whatever
            *adopt* is, a table, view or function has a name of the suite's and is another one.
    """
    cursor.execute("SELECT current_database()")
    (name,) = cursor.fetchone() or ("",)
    if adopt is not None and adopt != name:
        raise LoadTestError(
            f"--adopt {adopt}: DATABASE_URL leads to a database of another name; nothing was written",
            "Look up which one is meant: psql $DATABASE_URL -c 'SELECT current_database()'",
        )
    cursor.execute(_RELATIONS, (MARK,))
    relations = cursor.fetchall()
    foreign = [table for table, *_ in relations if table not in KNOWN_TABLES | KNOWN_VIEWS]
    if taken := sorted(_taken(relations, cursor)):
        raise LoadTestError(
            f"DATABASE_URL: the database has {_listed(taken)} of another application, which the suite's would take the place of; "
            "nothing was written",
            "A portal's own houses are read, and not seeded: loadtest houses; or seed an empty database",
        )
    if foreign and adopt is None:
        raise LoadTestError(
            f"DATABASE_URL: the database holds tables that are not the suite's: {_listed(foreign)}; nothing was written",
            "Seed an empty database, or, if this one is meant, type its name: loadtest seed --adopt NAME; a portal's own "
            "houses are read: loadtest houses",
        )


def _taken(relations: list[tuple[str, bool, bool, dict[str, str]]], cursor: Cursor) -> Iterator[str]:
    """What has a name of the suite's, and is not what the suite makes under it."""
    known = {
        table: {name: _spelled(kind) for name, kind in columns.items()}
        for table, columns in known_columns().items()
    }
    for name, is_view, is_marked, columns in relations:
        if name in KNOWN_VIEWS and not (is_view and is_marked):
            yield name
        found = {column: _spelled(kind) for column, kind in (columns or {}).items()}
        if name in KNOWN_TABLES and (is_view or found != known[name]):
            yield name
    cursor.execute(_FUNCTIONS, (list(KNOWN_FUNCTIONS), MARK))
    yield from (f"{name}()" for (name,) in cursor.fetchall())


def _spelled(kind: str) -> str:
    """A type in one spelling, without the schema of an extension."""
    usual = {"timestamptz": "timestamp with time zone"}
    return usual.get(kind, kind.replace(", ", ",").rpartition(".")[2])


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
