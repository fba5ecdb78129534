"""What can be known before the first request, so that a run that cannot succeed does not begin."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import jwt

from conf.errors import LoadTestError
from conf.operations import Journey
from conf.run_directory import unwritable
from seed.database import connect, require_url
from seed.fixture import load_fixture
from seed.tokens import refuse_expiring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from conf.settings import Settings
    from seed.fixture import House

_SPARE = timedelta(minutes=5)
"""Tokens must outlive the planned run by this much: requests in flight, a slow start."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    error: LoadTestError | None = None
    found: str = ""
    """What was seen where all is well."""


def preflight(
    settings: Settings, journeys: Iterable[Journey], run_time_s: float, now: datetime
) -> Iterator[Check]:
    """Look at everything that a run of *journeys* needs; each check stands for itself."""
    needs = set(journeys)
    yield _check("run directory", lambda: check_output(settings))
    yield _check(
        "fixture", lambda: f"{len(check_fixture(settings, run_time_s, now))} houses with valid tokens"
    )
    if settings.session_secret is not None:
        yield _check("secret", lambda: check_secret(settings))
    if needs & {Journey.CHAT, Journey.ONBOARDING}:
        yield _check("portal", lambda: check_portal(settings))
    if Journey.RAG in needs:
        yield _check("database", lambda: check_database(settings))


def _check(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, found=look())
    except LoadTestError as error:
        return Check(name, error)


def check_output(settings: Settings) -> str:
    """
    Whether a run directory can be made.

    Raises:
        LoadTestError: It cannot.
    """
    directory = settings.run.output_dir
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return f"{directory} can be written"
    except OSError as error:
        raise unwritable(directory, error) from error


def check_fixture(settings: Settings, run_time_s: float, now: datetime) -> list[House]:
    """
    The fixture's houses, all of whose tokens outlive the run.

    Raises:
        LoadTestError: There are none, one has no QR token, or tokens expire too early.
    """
    houses = load_fixture(settings.seed.fixture)
    if without := [house.lot for house in houses if not house.qr_token]:
        raise LoadTestError(
            f"{settings.seed.fixture}: {len(without)} houses have no QR token ({without[0]} first)",
            "Make them: loadtest seed && loadtest qrs",
        )
    refuse_expiring(houses, now, timedelta(seconds=run_time_s) + _SPARE)
    return houses


def check_secret(settings: Settings) -> str:
    """
    Whether SESSION_SECRET, where it is set, signed the fixture's tokens.

    Raises:
        LoadTestError: Another secret did; the portal would answer 401 to everything.
    """
    assert settings.session_secret is not None
    house = load_fixture(settings.seed.fixture)[0]
    try:
        jwt.decode(
            house.jwt,
            settings.session_secret.get_secret_value(),
            algorithms=["HS256"],
            options={"verify_exp": False},
        )
    except jwt.InvalidTokenError:
        raise LoadTestError(
            "SESSION_SECRET: the fixture's tokens were signed with another secret; every answer would be 401",
            "Set the portal's own secret and sign anew: loadtest token",
        ) from None
    return "signed the fixture's tokens"


def check_portal(settings: Settings) -> str:
    """
    Whether the portal says that it is up.

    Raises:
        LoadTestError: It does not answer, or not with 200.
    """
    target = settings.target
    url = target.base_url + settings.contract.health
    start = "Start it (loadtest portal), name another (--host URL), or run everything embedded (--embedded)"
    try:
        with urlopen(url, timeout=target.connect_timeout_s) as answer:  # noqa: S310 - http(s), host allowed by settings
            return f"{url} answered {answer.status}"
    except HTTPError as error:
        with error:
            raise LoadTestError(f"{url}: the portal answered {error.code}, not 200", start) from None
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        words = getattr(reason, "strerror", None) or str(reason) or "no answer"
        raise LoadTestError(f"{url}: the portal cannot be reached: {words}", start) from None


def check_database(settings: Settings) -> str:
    """
    Whether the database holds chunks of the fixture's first development.

    Raises:
        LoadTestError: It cannot be reached, is empty, or is another one than the fixture's.
    """
    house = load_fixture(settings.seed.fixture)[0]
    database = settings.database
    opened = connect(require_url(database.url), connect_timeout_s=database.connect_timeout_s)
    with closing(opened), opened.cursor() as cursor:
        cursor.execute("SELECT to_regclass('doc_chunks') IS NOT NULL")
        if cursor.fetchone() != (True,):
            raise LoadTestError(
                "DATABASE_URL: the database holds no doc_chunks table", "Seed it: loadtest seed"
            )
        cursor.execute(
            "SELECT count(*) FROM doc_chunks WHERE tenant_id = %s AND development_id = %s",
            (house.tenant_id, house.development_id),
        )
        counted = cursor.fetchone()
    if not counted or not counted[0]:
        raise LoadTestError(
            f"DATABASE_URL: the database holds no chunks of the fixture's development {house.development_id}",
            "Seed it, which writes a fixture that fits: loadtest seed",
        )
    return f"{counted[0]:,} chunks of the first development"
