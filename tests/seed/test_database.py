from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest
from psycopg2.extensions import get_wait_callback, set_wait_callback
from psycopg2.extras import wait_select
from pydantic import SecretStr

from conf.errors import LoadTestError
from seed.database import VECTOR_SEARCH, blocking_driver, connect, require_url, vector_literal
from seed.embedding import embed

if TYPE_CHECKING:
    from longview_database import SeededDatabase


def ask(url: str | SecretStr, query: str, **options: float) -> object:
    with closing(connect(url, **options)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        (value,) = cursor.fetchone() or (None,)
        return value


def test_an_address_may_be_secret(empty_database: str) -> None:
    assert ask(SecretStr(empty_database), "SELECT 1") == 1


def test_a_statement_timeout_holds_for_the_whole_connection(empty_database: str) -> None:
    assert ask(empty_database, "SHOW statement_timeout", statement_timeout_s=1.5) == "1500ms"
    assert ask(empty_database, "SHOW statement_timeout") == "30s"


def test_a_statement_timeout_keeps_the_addresss_own_options(empty_database: str) -> None:
    url = f"{empty_database}&options=-c%20work_mem%3D7MB"
    assert ask(url, "SHOW work_mem", statement_timeout_s=1) == "7MB"
    assert ask(url, "SHOW statement_timeout", statement_timeout_s=1) == "1s"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://portal:s3cret@127.0.0.1:1/openhouse", "nothing listens there"),
        ("postgresql://portal:s3cret@/openhouse?host=/nowhere", "nothing listens there"),
        ("postgresql://portal:s3cret@127.0.0.1:port/openhouse", "not a PostgreSQL address|refused"),
        ("s3cret", "not a PostgreSQL address"),
    ],
)
def test_a_database_that_cannot_be_reached_is_told_without_the_address(url: str, reason: str) -> None:
    with pytest.raises(LoadTestError, match=reason) as caught:
        connect(url)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__context__ is None
    assert caught.value.next_step


def test_a_database_that_does_not_exist_is_told_apart(empty_database: str) -> None:
    with pytest.raises(LoadTestError, match="does not exist"):
        connect(empty_database.replace("/test_", "/no_test_"))


def test_a_missing_address_is_required_in_these_words() -> None:
    with pytest.raises(LoadTestError) as caught:
        require_url(None)
    assert caught.value.message == "DATABASE_URL environment variable is required"
    assert require_url(SecretStr("postgresql:///openhouse")) == "postgresql:///openhouse"


def test_a_vector_survives_the_way_to_the_server_to_the_last_bit(seeded_database: SeededDatabase) -> None:
    (vector,) = embed(["Where is the stopcock?"])
    query = f"SELECT '{vector_literal(vector)}'::vector::real[]"
    assert np.array_equal(np.array(ask(seeded_database.url, query), dtype=np.float32), vector)


def test_the_search_settings_are_known_to_the_server(seeded_database: SeededDatabase) -> None:
    with closing(connect(seeded_database.url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT '[1]'::vector")  # loads the library that defines them
        for name, value in VECTOR_SEARCH.items():
            cursor.execute(f"SET {name} = {value}")
            cursor.execute(f"SHOW {name}")
            assert cursor.fetchone() == (value,)


def test_the_driver_waits_by_itself_for_the_length_of_the_block_only() -> None:
    before = get_wait_callback()
    set_wait_callback(wait_select)
    try:
        with blocking_driver():
            assert get_wait_callback() is None
        assert get_wait_callback() is wait_select
    finally:
        set_wait_callback(before)
