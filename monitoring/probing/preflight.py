"""The checks before the first request: a run that cannot succeed does not begin."""

from __future__ import annotations

import os
import tempfile
from http import HTTPStatus
from typing import TYPE_CHECKING

from conf.errors import LoadTestError
from conf.operations import Destination, Journey
from conf.run_directory import unwritable
from conf.trace_exporters import named_exporters, require_allowed_exporters
from monitoring.probing.check import Check, check
from monitoring.probing.page import UntrustedError, read_page
from monitoring.probing.planned_load import check_criteria, questions_words, warn_of_short_stop
from monitoring.probing.probe import check_houses
from monitoring.probing.searched_database import check_database
from monitoring.probing.usable_houses import check_fixture, check_secret, fixture_words
from seed.fixture import load_fixture

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from conf.settings import Settings
    from seed.fixture import House

_LEAST_ROOM_BYTES = 1 << 18
"""Every run writes at least this much."""


def preflight(
    settings: Settings, journeys: Iterable[Journey], run_time_s: float, now: datetime
) -> Iterator[Check]:
    """Check everything that a run of *journeys* needs; a check that fails does not stop the others."""
    needs = set(journeys)
    targets = {journey.destination for journey in needs}
    yield check("criteria", lambda: check_criteria(settings, needs))
    cut_off = warn_of_short_stop(settings, needs, settings.run.stop_timeout_s)
    yield Check("end of the run", found=cut_off or "what is in flight then has time to finish")
    yield check("run directory", lambda: check_output(settings))
    if named_exporters(os.environ):
        yield check("traces", lambda: require_allowed_exporters(settings, os.environ))
    if Journey.CHAT in needs:
        yield check("questions", lambda: questions_words(settings, needs))
    yield check("fixture", lambda: fixture_words(settings, check_fixture(settings, needs, run_time_s, now)))
    house = _first_house(settings)
    if house is not None and "jwt" in settings.contract.fields_of(needs):
        yield check("secret", lambda: check_secret(settings, house))
    if Destination.PORTAL in targets:
        yield check("portal", lambda: check_portal(settings))
        if settings.contract.house_check is not None and house is not None:
            yield check("houses", lambda: check_houses(settings))
    if Destination.DATABASE in targets:
        yield check("database", lambda: check_database(settings, house))


def require_ready(settings: Settings, journeys: Iterable[Journey], run_time_s: float, now: datetime) -> None:
    """
    Refuse a run that cannot succeed.

    Raises:
        LoadTestError: Everything that `preflight` found missing, each sentence with its next step.
    """
    found = [str(check.error) for check in preflight(settings, journeys, run_time_s, now) if check.error]
    if found:
        raise LoadTestError("\n".join(found).removeprefix("Error: "))


def _first_house(settings: Settings) -> House | None:
    try:
        return load_fixture(settings.seed.fixture)[0]
    except LoadTestError:
        return None  # the fixture's own check says why


def check_output(settings: Settings) -> str:
    """
    Check that a run directory can be made, without making one.

    Raises:
        LoadTestError: It cannot be made.
    """
    directory = settings.run.output_dir
    path = directory.absolute()
    try:
        there = next(part for part in (path, *path.parents) if part.exists())
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(bytes(_LEAST_ROOM_BYTES))
            file.flush()
            return f"{directory} can be written"
    except OSError as error:
        raise unwritable(directory, error) from error


def check_portal(settings: Settings) -> str:
    """
    Check that the portal is up.

    Raises:
        LoadTestError: It does not answer, or answers with a status other than 200.
    """
    target = settings.target
    url = target.base_url + settings.contract.health
    start = "Start it (loadtest portal), name another (--host URL), or run everything embedded (--embedded)"
    try:
        status, _ = read_page(url, target.connect_timeout_s, trust=target.trust)
    except OSError as error:
        next_step = error.fault.next_step if isinstance(error, UntrustedError) else start
        raise LoadTestError(f"{url}: the portal cannot be reached: {error}", next_step) from None
    if status != HTTPStatus.OK:
        raise LoadTestError(f"{url}: the portal answered {status}, not 200", start)
    cached = (
        ", which it does whatever the state of its database" if settings.contract.health_is_cached else ""
    )
    return f"{url} answered {status}{cached}"
