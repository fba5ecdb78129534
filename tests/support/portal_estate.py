"""Databases that the portal's tests may write to, and the portal that most of them share."""

from __future__ import annotations

import uuid
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest
from portal_process import SECRET, Estate, Portal, running_portal

from conf.loading import load_settings
from seed.fixture import load_fixture
from seed.seeding import seed_database
from seed.tables import create_tables_of_contract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seed.fixture import House


@pytest.fixture(scope="session")
def original_estate(database_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """The estate that the other estates are copied from; no test connects to it."""
    directory = tmp_path_factory.mktemp("original_estate")
    settings = load_settings(
        {"seed.fixture": str(directory / "houses.jsonl"), "seed.qr_dir": str(directory / "qr")}, environ={}
    )
    with _database(database_server, "CREATE DATABASE {}") as url:
        seed_database(url, settings, SECRET, datetime.now(UTC))
        yield Estate(url, load_fixture(settings.seed.fixture))


@pytest.fixture(scope="session")
def estate(database_server: str, original_estate: Estate) -> Iterator[Estate]:
    """Longview Park in a database that portals may write to; see ``pending_houses``."""
    yield from _copies(database_server, original_estate)


@pytest.fixture(scope="session")
def estate_of_units(database_server: str, original_estate: Estate) -> Iterator[Estate]:
    """Longview Park with what the contracts ``portal-2025-12`` and ``portal-2026`` need."""
    for copy in _copies(database_server, original_estate):
        with closing(psycopg2.connect(copy.url)) as connection, connection, connection.cursor() as cursor:
            for contract in ("portal-2025-12", "portal-2026"):
                create_tables_of_contract(cursor, [contract])
        yield copy


@pytest.fixture
def pending_houses(estate: Estate) -> list[House]:
    """The houses, none of them onboarded yet."""
    estate.execute('UPDATE homeowners SET metadata = metadata || \'{"onboardingStatus": "pending"}\'')
    return estate.houses


@pytest.fixture
def own_estate(database_server: str, original_estate: Estate) -> Iterator[Estate]:
    """Longview Park in a database that the test may ruin."""
    yield from _copies(database_server, original_estate)


@pytest.fixture(scope="session")
def portal(estate: Estate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal whose model answers at once and never fails."""
    with running_portal(estate.url, tmp_path_factory.mktemp("portal")) as portal:
        yield portal


def _copies(server: str, original: Estate) -> Iterator[Estate]:
    with _database(server, f"CREATE DATABASE {{}} TEMPLATE {original.name}") as url:
        yield Estate(url, original.houses)


@contextmanager
def _database(server: str, creation: str) -> Iterator[str]:
    name = f"portal_{uuid.uuid4().hex}"
    admin = Estate(server, [])
    admin.execute(creation.format(name))
    yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
