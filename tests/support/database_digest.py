"""All that a database holds, so that a test can tell whether anything was written to it."""

from __future__ import annotations

from contextlib import closing

import psycopg2

_RELATIONS = """
    SELECT c.oid::regclass::text, n.nspname = 'pg_catalog'
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm') AND NOT c.relisshared AND n.nspname NOT IN ('information_schema', 'pg_toast')
      AND c.relname NOT LIKE 'pg\\_statistic%'
"""
_OF_A_CATALOG = """
    SELECT md5(string_agg(x, '' ORDER BY x)) FROM (
        SELECT (to_jsonb(t) - ARRAY['relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'relfrozenxid', 'relminmxid'])::text AS x
        FROM {} t
    ) AS rows
"""
_OF_A_TABLE = "SELECT md5(string_agg(x, '' ORDER BY x)) FROM (SELECT t::text || t.xmin || t.ctid AS x FROM {} t) AS rows"
_OF_SEQUENCES = "SELECT md5(string_agg(s::text, '' ORDER BY s::text)) FROM pg_sequences s"


def database_digest(url: str) -> dict[str, str | None]:
    """
    Relation → a digest of its rows, of all tables and all catalogs of a database, and of its sequences.

    A row that was written again with the same values has another digest. What vacuum and analyze count is left out.
    """
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(_RELATIONS)
        found = {}
        for relation, is_catalog in cursor.fetchall():
            cursor.execute((_OF_A_CATALOG if is_catalog else _OF_A_TABLE).format(relation))
            found[relation] = (cursor.fetchone() or (None,))[0]
        cursor.execute(_OF_SEQUENCES)
        found["sequences"] = (cursor.fetchone() or (None,))[0]
    return found
