"""The fixture of a portal that has its own houses: read, signed, registered where that is wanted, and written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from conf.errors import LoadTestError
from conf.operations import Journey
from seed.fixture import FIXTURE_MARK, write_fixture
from seed.jwts import require_secret, with_new_tokens
from seed.own_houses import read_own_houses
from seed.private_file import refuse_unwritable
from seed.registration import register_tokens, rows_to_register
from seed.request import require_sendable
from seed.signed_tokens import with_signed_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from conf.contract import Contract
    from conf.settings import Settings
    from seed.registration import TokenRows


@dataclass(frozen=True, slots=True)
class Imported:
    """
    A fixture of the portal's own houses.

    Args:
        houses: How many it holds.
        signed: Fields of each house that were signed here.
        unregistered: Tables that must know a token before the portal takes it everywhere, and do not.
    """

    houses: int
    signed: tuple[str, ...]
    unregistered: tuple[str, ...]


def import_houses(  # noqa: PLR0913 - choices, each by name
    settings: Settings,
    place: str,
    now: datetime,
    *,
    limit: int | None = None,
    only: Collection[str] | None = None,
    register: bool = False,
    before: Callable[[Sequence[TokenRows]], object] = lambda _: None,
    after: Callable[[Sequence[TokenRows]], object] = lambda _: None,
) -> Imported:
    """
    Write the fixture from the portal's database, by the contract's read-only query.

    Args:
        settings: Contract, database, secret and ``seed.fixture``.
        place: The contract's file, for messages.
        now: When JWTs and tokens are signed; aware.
        limit: Most houses; None: all.
        only: Ids of the houses to take; None: all.
        register: Write the rows by which the portal knows the tokens; without it nothing is written to the database.
        before: Called with the rows that will be written.
        after: Called with the rows that were.

    Raises:
        LoadTestError: The contract has no query; a secret or address is missing; database, query or houses are not in
            order; or the fixture cannot be written.
    """
    contract = settings.contract
    if contract.houses is None:
        raise LoadTestError(
            f"{place}: has no [houses], the query that finds a portal's own houses",
            "Write one (docs/houses.md); or seed a database of the suite's own: loadtest seed",
        )
    refuse_unwritable(settings.seed.fixture, FIXTURE_MARK)
    signed = signed_fields(contract)
    secret = require_secret(settings.session_secret) if signed else ""
    houses = read_own_houses(settings, place, limit=limit, only=only)
    require_sendable(contract, houses)
    houses = list(with_signed_tokens(houses, contract.signed, secret, now))
    if "jwt" in signed:
        lifetime = timedelta(seconds=settings.seed.jwt_lifetime_s)
        houses = list(with_new_tokens(houses, secret, now, lifetime))
    rows = rows_to_register(contract, houses, now)
    if register and rows:
        before(rows)
        register_tokens(settings.database, rows)
        after(rows)
    written = write_fixture(settings.seed.fixture, houses)
    return Imported(written, signed, () if register else tuple(row.table for row in rows))


def signed_fields(contract: Contract) -> tuple[str, ...]:
    """The fields of a house that are signed here: a JWT where a request names one, and the tokens that one names."""
    checks = [contract.token_check] if contract.token_check is not None else []
    wants_jwt = "jwt" in contract.fields_of(Journey) or any("jwt" in check.placeholders() for check in checks)
    return (*(("jwt",) if wants_jwt else ()), *contract.signed)
