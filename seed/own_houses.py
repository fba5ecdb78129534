"""The houses of a portal that has its own: read from its database, where nothing is written."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg2
from psycopg2 import errors

from conf.errors import LoadTestError
from conf.failures import sqlstate_words
from conf.input_file import shortened
from conf.operations import Journey
from seed.database import QueryTimeout, connect_as_set
from seed.fixture import House

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterator, Sequence

    from psycopg2.extensions import connection as Connection  # noqa: N812 - the class has a small letter

    from conf.contract import Contract
    from conf.settings import DatabaseSettings, Settings

_USUAL = (
    "house_id", "tenant_id", "tenant_slug", "development_id", "house_type", "house_number", "lot", "qr_token",
)  # fmt: skip
"""Fields of a house that a column may fill; its JWT is signed here."""
_ALWAYS = ("house_id", "lot")
_MAY_BE_NULL = frozenset({"house_type"})
_ROWS_PER_FETCH = 1000
_SYNTAX_AND_NAMES = "42"
"""Class of SQLSTATEs whose text quotes the query alone, and no row."""
_WITH_A_WRITE = "data-modifying statements"
"""Of PostgreSQL's words about WITH … AS (INSERT …)."""
_OF_ANOTHER_PORTAL = (
    "Look whether DATABASE_URL leads to the portal's database, and name what that portal speaks: "
    "loadtest houses --contract NAME"
)
_NEXT_STEP = "Correct the query: docs/houses.md says what its columns are"


def read_own_houses(
    settings: Settings, place: str, *, limit: int | None = None, only: Collection[str] | None = None
) -> list[House]:
    """
    The houses that the contract's query finds, in its order, without what is signed.

    The query runs in a transaction that PostgreSQL keeps read-only, and that is taken back at its end.

    Args:
        settings: The contract, which has ``houses``, and the database.
        place: The contract's file, for messages.
        limit: Most houses; None: all.
        only: Ids of the houses to take; None: all.

    Raises:
        LoadTestError: The database cannot be reached or refuses the query, a column is not a house's, a value cannot be a
            house's, or there is no house.
    """
    contract, place = settings.contract, f"{place}: houses.query"
    houses: list[House] = []
    needed = needed_fields(contract)
    seen: dict[tuple[str, str], int] = {}
    with _refusals(place, settings.database), closing(connect_as_set(settings.database)) as connection:
        connection.set_session(readonly=True)
        with connection.cursor() as cursor:
            # After a first query no statement can make the transaction writable.
            cursor.execute("SELECT current_setting('transaction_read_only')")
            assert cursor.fetchone() == ("on",)
        with closing(_rows(connection, contract, place)) as rows:
            for number, row in enumerate(rows, start=1):
                house = _build_house(row, needed, f"{place}: row {number}")
                _refuse_twice(seen, house, number, place)
                if only is None or house.house_id in only:
                    houses.append(house)
                if len(houses) == limit:
                    break
        connection.rollback()
    if not houses:
        raise LoadTestError(
            f"{place}: finds no house", "Look whether DATABASE_URL leads to the portal's database"
        )
    return houses


def needed_fields(contract: Contract) -> set[str]:
    """The fields that every house must have for the contract's requests and tokens, without what is signed."""
    of_tokens = [name for token in contract.signed.values() for name in token.placeholders()]
    registrations = [token.registration for token in contract.signed.values() if token.registration]
    of_rows = [name for row in registrations for name in row.placeholders()]
    named = {*_ALWAYS, *contract.fields_of(Journey), *of_tokens, *of_rows} - contract.signed.keys()
    return named & {*_USUAL, *contract.house_fields}


def _rows(connection: Connection, contract: Contract, place: str) -> Generator[dict[str, Any], None, None]:
    """The rows of the query, some at a time, each by the names of its columns."""
    assert contract.houses is not None
    with connection.cursor(name="own_houses") as cursor:
        cursor.execute(contract.houses.query)
        rows = cursor.fetchmany(_ROWS_PER_FETCH)
        columns = [column.name for column in cursor.description or ()]
        _require_columns(columns, contract, place)
        while rows:
            for row in rows:
                yield dict(zip(columns, row, strict=True))
            rows = cursor.fetchmany(_ROWS_PER_FETCH)


def _require_columns(columns: Sequence[str], contract: Contract, place: str) -> None:
    """Refuse columns that are not a house's, or that are there twice, and the lack of one that is needed."""
    allowed = {*_USUAL, *contract.house_fields} - contract.signed.keys()
    for name in columns:
        if columns.count(name) > 1:
            raise LoadTestError(
                f"{place}: column {shortened(name)} is there {columns.count(name)} times", _NEXT_STEP
            )
        if name in contract.signed:
            raise LoadTestError(
                f"{place}: column {name} is signed, as [tokens.{name}] says, and not read",
                "Leave it out of the query",
            )
        if name not in allowed:
            raise LoadTestError(
                f"{place}: column {shortened(name)} is no field of a house; allowed: {', '.join(sorted(allowed))}",
                "Rename it (AS), leave it out, or name it in house_fields of the contract",
            )
    if missing := sorted(needed_fields(contract).difference(columns)):
        raise LoadTestError(
            f"{place}: column {missing[0]} is missing, which the contract's requests or tokens need",
            _NEXT_STEP,
        )


def _build_house(row: dict[str, Any], needed: Collection[str], place: str) -> House:
    values: dict[str, Any] = {
        "tenant_id": "", "tenant_slug": "", "development_id": "", "house_type": None, "house_number": 0, "qr_token": "", "jwt": "",
    }  # fmt: skip
    own = {}
    for name, value in row.items():
        text = _read(name, value, needed, place)
        if name == "house_number":
            values[name] = int(text)
        elif name in _USUAL:
            values[name] = None if value is None else text
        else:
            own[name] = text
    return House(**values, own=own)


def _read(name: str, value: object, needed: Collection[str], place: str) -> str:
    """A value as text; refuses it without quoting it, since it may be a credential."""
    if value is None:
        if name in _MAY_BE_NULL:
            return ""
        raise LoadTestError(
            f"{place}: column {name} is NULL", "Leave such rows out (WHERE), or give them a value (coalesce)"
        )
    if isinstance(value, bool) or not isinstance(value, str | int | UUID):
        raise LoadTestError(
            f"{place}: column {name} is neither a text nor a whole number nor a UUID",
            "Cast it in the query: CAST(… AS text)",
        )
    text = str(value)
    if not text.isprintable():
        raise LoadTestError(f"{place}: column {name} holds a character that cannot be printed", _NEXT_STEP)
    if name in needed and not text.strip():
        raise LoadTestError(f"{place}: column {name} is empty", "Leave such rows out of the query (WHERE)")
    if name == "house_number" and not (text.isascii() and text.isdecimal()):
        raise LoadTestError(
            f"{place}: column {name} is not a whole number", "Leave it out: no request needs it"
        )
    return text


def _refuse_twice(seen: dict[tuple[str, str], int], house: House, number: int, place: str) -> None:
    """Refuse a house whose id or lot an earlier row has."""
    for name in _ALWAYS:
        first = seen.setdefault((name, getattr(house, name)), number)
        if first != number:
            raise LoadTestError(
                f"{place}: rows {first} and {number} have the same {name}",
                "One row per house; take a lot that no other development has",
            )


@contextmanager
def _refusals(place: str, database: DatabaseSettings) -> Iterator[None]:
    """The database's errors as sentences. The driver's own exceptions are dropped: they may quote rows."""
    try:
        yield
    except (errors.QueryCanceled, QueryTimeout):
        raise LoadTestError(
            f"{place}: was not done within {database.statement_timeout_s:g} s (database.statement_timeout_s)",
            "Allow it more, or take fewer houses: loadtest houses --limit 100",
        ) from None
    except psycopg2.Error as error:
        code, words = error.pgcode or "", error.diag.message_primary or ""
        if isinstance(error, errors.ReadOnlySqlTransaction) or _WITH_A_WRITE in words:
            raise LoadTestError(
                f"{place}: tries to write, which the database refused: {words}; nothing was written",
                "The query must only read",
            ) from None
        reason = words if code.startswith(_SYNTAX_AND_NAMES) else sqlstate_words(code, type(error).__name__)
        next_step = _OF_ANOTHER_PORTAL if isinstance(error, errors.UndefinedTable) else _NEXT_STEP
        raise LoadTestError(f"{place}: the database refused it: {reason}", next_step) from None
