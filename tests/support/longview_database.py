"""Longview Park in a database: the value of the fixture ``seeded_database``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from conf.settings import Settings
    from seed.fixture import House
    from seed.seeding import Seeded

SECRET = "a-secret-of-the-tests-that-signs-nothing-else"  # noqa: S105 - for tests only


class SeededDatabase(NamedTuple):
    """Longview Park in a database, and its fixture. All tests of a session share it, so they must only read it."""

    url: str
    settings: Settings
    secret: str
    seeded: Seeded
    houses: list[House]
