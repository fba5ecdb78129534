"""Whether the database can be searched as the contract says, and holds what the fixture's houses ask for."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import psycopg2

from conf.errors import LoadTestError
from monitoring.probing.vector_index import find_vector_index
from seed.database import QueryTimeout, connect, require_url

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - the class has a small letter

    from conf.settings import Settings
    from conf.vector_search import VectorSearch
    from seed.fixture import House


def check_database(settings: Settings, house: House | None) -> str:
    """
    Check that the database can be searched, and holds chunks for *house*.

    Raises:
        LoadTestError: It cannot be reached, is empty, or is another one than the fixture's.
    """
    database = settings.database
    opened = connect(
        require_url(database.url),
        connect_timeout_s=database.connect_timeout_s,
        statement_timeout_s=database.statement_timeout_s,
    )
    try:
        with closing(opened), opened.cursor() as cursor:
            if (search := settings.contract.search) is not None:
                if house is None or not all(map(house.value, search.house_fields)):
                    return "can be reached"  # what houses lack is the fixture's own check
                return _try_search(cursor, search, house)
            cursor.execute("SELECT to_regclass('doc_chunks') IS NOT NULL")
            if cursor.fetchone() != (True,):
                raise LoadTestError(
                    "DATABASE_URL: the database holds no doc_chunks table", "Seed it: loadtest seed"
                )
            if house is None:
                return "holds a doc_chunks table"
            cursor.execute(
                "SELECT count(embedding) FROM doc_chunks WHERE tenant_id = %s AND development_id = %s",
                (house.tenant_id, house.development_id),
            )
            counted = cursor.fetchone()
            index = find_vector_index(cursor, house)
    except QueryTimeout as error:
        raise LoadTestError(
            f"DATABASE_URL: the database fell silent: {error} (database.statement_timeout_s)",
            "Look at its own log, and at what stands between; then check again: loadtest check",
        ) from None
    except psycopg2.Error as error:  # the error's text quotes the fixture
        raise LoadTestError(
            f"DATABASE_URL: {_searched(settings)} cannot be searched: SQLSTATE {error.pgcode} {type(error).__name__}",
            "Name the portal's database, as a user who may read it; or seed an empty one: loadtest seed",
        ) from None
    if not counted or not counted[0]:
        raise LoadTestError(
            f"DATABASE_URL: the database holds no chunks of the fixture's development {house.development_id}",
            "Seed it, which writes a fixture that fits: loadtest seed",
        )
    return f"{counted[0]:,} chunks of the first development; {index}"


def _searched(settings: Settings) -> str:
    return "doc_chunks" if settings.contract.search is None else "by the contract's search it"


def _try_search(cursor: Cursor, search: VectorSearch, house: House) -> str:
    """Search once as the contract says, for a vector of its own sample."""
    sampling, searching = search.sampling, search.prepared
    cursor.execute(
        sampling.text, {name: "1" if name == "sample" else house.value(name) for name in sampling.names}
    )
    sampled = cursor.fetchone()
    if sampled is None:
        raise LoadTestError(
            f"DATABASE_URL: the contract's search.vectors finds no vector for the fixture's first house, {house.lot}",
            "Look whether it is the portal's database, and whether the fixture is of the same: loadtest houses",
        )
    known = {"vector": str(sampled[0]), "rows": str(search.rows)}
    cursor.execute(f"PREPARE tried_search AS {searching.text}")
    values = [known[name] if name in known else house.value(name) for name in searching.names]
    cursor.execute(f"EXECUTE tried_search ({', '.join(['%s'] * len(values))})", values)
    return f"the contract's search finds {cursor.rowcount:,} rows for the first house"
