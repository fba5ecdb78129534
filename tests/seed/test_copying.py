"""COPY in binary form: what is made ahead of the server arrives whole and in order, or not at all."""

from __future__ import annotations

import itertools
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg2
import pytest

from seed.copying import copy_rows
from seed.database import blocking_driver, connect, connect_blocking

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg2.extensions import connection as Connection  # noqa: N812 - the class has a small letter

LARGE = "x" * 20_000
"""Of each row; the rows of a test are more than what is made ahead."""


@pytest.fixture
def connection(empty_database: str) -> Iterator[Connection]:
    with blocking_driver(), closing(connect_blocking(empty_database)) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE kept (number integer CHECK (number < 100000), text text)")
        yield connection


def count(connection: Connection) -> tuple[object, ...] | None:
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*), coalesce(sum(number), 0), count(DISTINCT number) FROM kept")
        return cursor.fetchone()


def terminate(url: str, backend: int) -> None:
    with closing(connect(url)) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", (backend,))


def test_every_row_arrives_once(connection: Connection) -> None:
    numbers = range(6_000)
    with connection, connection.cursor() as cursor:
        copy_rows(cursor, "kept", ("number", "text"), ((number, LARGE) for number in numbers))
    assert count(connection) == (len(numbers), sum(numbers), len(numbers))


def test_no_row_at_all_is_none(connection: Connection) -> None:
    with connection, connection.cursor() as cursor:
        copy_rows(cursor, "kept", ("number", "text"), [])
    assert count(connection) == (0, 0, 0)


def test_rows_that_cannot_be_made_raise_what_they_raised_and_none_is_kept(connection: Connection) -> None:
    def rows() -> Iterator[tuple[int, str]]:
        yield from ((number, LARGE) for number in range(5_000))
        raise RuntimeError("the documents are gone")

    with (
        pytest.raises((RuntimeError, psycopg2.Error), match="the documents are gone"),
        connection,
        connection.cursor() as cursor,
    ):
        copy_rows(cursor, "kept", ("number", "text"), rows())
    assert count(connection) == (0, 0, 0)


def test_a_row_that_the_server_refuses_is_an_error_and_none_is_kept(connection: Connection) -> None:
    rows = ((100_000 if number == 50 else number, LARGE) for number in range(6_000))
    before = threading.active_count()
    with pytest.raises(psycopg2.errors.CheckViolation), connection, connection.cursor() as cursor:
        copy_rows(cursor, "kept", ("number", "text"), rows)
    assert threading.active_count() == before
    assert count(connection) == (0, 0, 0)


def test_a_connection_that_breaks_off_ends_the_making_too(
    connection: Connection, empty_database: str
) -> None:
    made, backend = 0, connection.info.backend_pid

    def rows() -> Iterator[tuple[int, str]]:
        nonlocal made
        for made in itertools.count():
            if made == 1_000:
                terminate(empty_database, backend)
            yield made, LARGE

    before = threading.active_count()
    with pytest.raises(psycopg2.Error), connection.cursor() as cursor:
        copy_rows(cursor, "kept", ("number", "text"), rows())
    assert threading.active_count() == before
    assert made < 20_000
