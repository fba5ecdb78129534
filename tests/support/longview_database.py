"""Longview Park in a database, as the fixture ``seeded_database`` hands it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from conf.settings import Settings
    from seed.fixture import House
    from seed.seeding import Seeded

SECRET = "a-secret-of-the-tests-that-signs-nothing-else"  # noqa: S105 - of the tests


class SeededDatabase(NamedTuple):
    """Longview Park in a database, and the fixture that goes with it. Shared by the whole session: only read it."""

    url: str
    settings: Settings
    secret: str
    seeded: Seeded
    houses: list[House]
