"""Writes the rows by which the portal knows the tokens that are signed here: in one transaction, and only when asked for."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import psycopg2
from psycopg2 import sql
from psycopg2.extras import execute_values

from conf.errors import LoadTestError
from conf.failures import sqlstate_words
from seed.database import connect_as_set
from seed.signed_tokens import expiry, milliseconds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - the class has a small letter

    from conf.contract import Contract
    from conf.settings import DatabaseSettings
    from conf.signed_token import Registration, SignedToken
    from seed.fixture import House


@dataclass(frozen=True, slots=True)
class TokenRows:
    """
    The rows of one kind of token that are registered together.

    Args:
        name: The token's, which is the field of a house that holds it.
        token: Of the contract.
        row: The token's registration.
        houses: With their tokens.
        now: When the tokens were signed; aware.
    """

    name: str
    token: SignedToken
    row: Registration
    houses: Sequence[House]
    now: datetime

    @property
    def table(self) -> str:
        """The table that the rows belong to."""
        return self.row.table

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.houses)

    @property
    def removal(self) -> str:
        """The statement that removes these rows and no others."""
        return f"DELETE FROM {self.found_again}"  # noqa: S608 - names of the contract's pattern, and a moment

    @property
    def found_again(self) -> str:
        """The table, and the condition that these rows alone fulfil."""
        return f"{self.table} WHERE {self.row.batch_column} = '{self._moment}'"

    @property
    def _moment(self) -> str:
        return expiry(self.token, self.now).isoformat(timespec="milliseconds")

    def values(self, house: House) -> list[str]:
        """The values of the columns of one house's row, in their order."""
        filled = {field: house.value(field) for field in self.row.placeholders()}
        filled |= {
            "expires_at": self._moment,
            "timestamp_ms": str(milliseconds(self.now)),
            "sha256": sha256(house.value(self.name).encode()).hexdigest(),
        }
        return [template.format_map(filled) for template in self.row.columns.values()]


def rows_to_register(contract: Contract, houses: Sequence[House], now: datetime) -> list[TokenRows]:
    """The rows for the tokens of *houses*, signed at *now*, that the portal must know."""
    return [
        TokenRows(name, token, token.registration, houses, now)
        for name, token in contract.signed.items()
        if token.registration is not None
    ]


def register_tokens(database: DatabaseSettings, registered: Sequence[TokenRows]) -> None:
    """
    Write the rows, all of them or none.

    Args:
        database: The portal's.
        registered: By `rows_to_register`.

    Raises:
        LoadTestError: The database cannot be reached or refuses a row, or could not find the rows again; nothing was written.
    """
    with closing(connect_as_set(database)) as connection:
        for rows in registered:
            next_step = f"Look at the table, and at [tokens.{rows.name}.registration] of the contract"
            try:
                with connection.cursor() as cursor:
                    _insert(cursor, rows)
                    cursor.execute(f"SELECT count(*) FROM {rows.found_again}")  # noqa: S608 - as above
                    found = cursor.fetchone()
            except psycopg2.Error as error:  # its details quote rows
                words = sqlstate_words(error.pgcode or "", type(error).__name__)
                raise LoadTestError(
                    f"database: {rows.table}: the tokens were not registered: {words}; nothing was written",
                    next_step,
                ) from None
            if found != (rows.count,):
                raise LoadTestError(
                    f"database: {rows.table}: the rows could not be found again by {rows.row.batch_column}, which must keep "
                    "milliseconds; nothing was written",
                    next_step,
                )
        connection.commit()


def _insert(cursor: Cursor, rows: TokenRows) -> None:
    statement = sql.SQL("INSERT INTO {} ({}) VALUES %s").format(
        sql.SQL(rows.table), sql.SQL(", ").join(map(sql.SQL, rows.row.columns))
    )
    execute_values(cursor, statement, [rows.values(house) for house in rows.houses])
