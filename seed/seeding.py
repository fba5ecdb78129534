"""The whole seeding, in order: one transaction per step, and the fixture at the end."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import psycopg2
from pydantic import SecretStr

from conf.deadline import Deadline
from conf.errors import LoadTestError
from conf.loading import contract_file
from seed.database import blocking_driver, connect_blocking
from seed.fixture import FIXTURE_MARK, load_fixture, write_fixture
from seed.foreign_database import refuse_foreign_database
from seed.generated import Part, plan_estate
from seed.households import stored_houses, write_developments, write_houses
from seed.importing import import_houses
from seed.jwts import with_new_tokens
from seed.library import write_chunks, write_documents
from seed.longview import RATHMORE_GREEN
from seed.private_file import refuse_unwritable
from seed.progress import counter, ignore_progress
from seed.tables import create_tables, create_tables_of_contract
from seed.vector_index import create_vector_index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from psycopg2.extensions import connection as Connection  # noqa: N812 - the class has a small letter
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - likewise

    from conf.settings import Settings
    from seed.fixture import House
    from seed.progress import Progress


@dataclass(frozen=True, slots=True)
class Seeded:
    """What the database holds after a seeding."""

    tenants: int
    developments: int
    documents: int
    chunks: int
    houses: int
    """Houses of the fixture, which may carry load; the houses of the second tenant are not among them."""
    fixture: Path


def seed_database(  # noqa: PLR0913 - sizes and permissions, each by name
    url: str,
    settings: Settings,
    secret: str,
    now: datetime,
    *,
    houses: int = 20,
    developments: int = 1,
    chunks: int | None = None,
    adopt: str | None = None,
    renew_qr_tokens: bool = False,
    progress: Progress = ignore_progress,
) -> Seeded:
    """
    Bring database and fixture into the state a load test begins with. A second seeding changes nothing but the JWTs.

    Every house is put back to the state before onboarding, with its QR token kept, and its messages are removed.
    When a step fails, the database stays as the step before left it, and the old fixture stays.

    Args:
        url: Of the database.
        settings: ``database.connect_timeout_s``, ``target.contract`` and ``seed``.
        secret: Signs the JWTs of the fixture; the portal's SESSION_SECRET.
        now: When the JWTs are issued; aware.
        houses: Of all load-carrying developments together; Longview Park has 20.
        developments: How many in all; the first is Longview Park, the others are generated, each with its own tenant.
        chunks: Of all load-carrying developments together; None: as many as the documents make.
        adopt: The database's own name allows a database with tables that the suite does not know.
        renew_qr_tokens: Replace QR tokens made earlier; printed codes stop working.
        progress: Called as ``progress(step, done, total)``, with *done* from 0 to *total*.

    Raises:
        LoadTestError: The sizes do not fit together, the database cannot be reached or holds other tables, a step
            failed, or the fixture cannot be written.
    """
    refuse_unwritable(settings.seed.fixture, FIXTURE_MARK)
    parts = plan_estate(houses, developments, chunks)
    carrying = [part.development for part in parts]
    everything = [*parts, Part.whole(RATHMORE_GREEN)]
    timeout_s = settings.database.connect_timeout_s
    lifetime = timedelta(seconds=settings.seed.jwt_lifetime_s)
    with blocking_driver(), closing(connect_blocking(url, connect_timeout_s=timeout_s)) as connection:
        step = partial(_step, connection, settings.seed.step_timeout_s)
        with step("tables and developments") as cursor:  # one step: a refusal takes back what came before it
            refuse_foreign_database(cursor, adopt)
            _make_room(cursor, everything, progress)
        documents = _fill(step, settings, everything, progress, renew_qr_tokens=renew_qr_tokens)
        with step("fixture"):
            written = _write_fixture(
                settings.seed.fixture,
                with_new_tokens(stored_houses(connection, carrying), secret, now, lifetime),
                houses,
                progress,
            )
    _add_fields_of_contract(settings, url, secret, now)
    return Seeded(
        tenants=len(everything),
        developments=len(everything),
        documents=documents,
        chunks=sum(part.chunk_count for part in everything),
        houses=written,
        fixture=settings.seed.fixture,
    )


def _add_fields_of_contract(settings: Settings, url: str, secret: str, now: datetime) -> None:
    """Where the contract's houses have fields and tokens of its own, write the fixture's houses as the contract finds them."""
    contract, path = settings.contract, settings.seed.fixture
    if contract.houses is None or not (contract.house_fields or contract.signed):
        return
    reaching = settings.model_copy(
        update={
            "database": settings.database.model_copy(update={"url": SecretStr(url)}),
            "session_secret": SecretStr(secret),
        }
    )
    seeded = {house.house_id for house in load_fixture(path)}
    import_houses(reaching, contract_file(settings.target.contract), now, only=seeded, register=True)


def _make_room(cursor: Cursor, parts: list[Part], progress: Progress) -> None:
    """Make tables, tenants and developments."""
    advance = counter(progress, "tables", 1)
    create_tables(cursor)
    advance()
    advance = counter(progress, "developments", 1)
    write_developments(cursor, [part.development for part in parts])
    advance()


def _fill(
    step: Callable[[str], AbstractContextManager[Cursor]],
    settings: Settings,
    parts: list[Part],
    progress: Progress,
    *,
    renew_qr_tokens: bool,
) -> int:
    """Every further step that writes to the database; returns the number of documents."""
    developments = [part.development for part in parts]
    with step("houses") as cursor:
        total = sum(len(development.type_codes) for development in developments)
        advance = counter(progress, "houses", total)
        write_houses(cursor, developments, renew_qr_tokens=renew_qr_tokens, advance=advance)
    with step("documents") as cursor:
        advance = counter(progress, "documents", sum(part.chunk_count for part in parts))
        documents = write_documents(cursor, developments)
        write_chunks(cursor, parts, advance)
    with step("index") as cursor:
        advance = counter(progress, "index", 1)
        create_vector_index(cursor, settings.seed)
        advance()
    with step("tables of the contract") as cursor:
        create_tables_of_contract(cursor, settings.contract_names)
    return documents


def _write_fixture(path: Path, houses: Iterable[House], total: int, progress: Progress) -> int:
    advance = counter(progress, "fixture", total)

    def counted() -> Iterator[House]:
        for house in houses:
            yield house
            advance()

    return write_fixture(path, counted())


@contextmanager
def _step(connection: Connection, limit_s: float, name: str) -> Iterator[Cursor]:
    """
    One transaction, ended after *limit_s*; a failure of the database becomes a LoadTestError.

    The driver's own exception is dropped: its details quote rows, and rows hold QR tokens.
    """
    try:
        with Deadline(limit_s) as deadline:
            deadline.cover(connection)
            with connection, connection.cursor() as cursor:
                yield cursor
    except TimeoutError:
        raise LoadTestError(
            f"database: step {name!r} failed: not done within {limit_s:g} s (seed.step_timeout_s)",
            "Look whether the database answers, or allow it more; earlier steps are kept",
        ) from None
    except psycopg2.Error as error:
        reason = error.diag.message_primary or "the connection was lost"
        raise LoadTestError(
            f"database: step {name!r} failed: {reason}",
            "Put that right and seed again; earlier steps are kept",
        ) from None
