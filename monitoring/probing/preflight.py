"""The checks before the first request: a run that cannot succeed does not begin."""

from __future__ import annotations

import os
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

import psycopg2

from conf.errors import LoadTestError
from conf.measurable import require_measurable
from conf.metric import parse_metric
from conf.operations import Destination, Journey
from conf.run_directory import unwritable
from conf.subject import parse_subject
from conf.trace_exporters import named_exporters, require_allowed_exporters
from monitoring.probing.page import UntrustedError, read_page
from monitoring.probing.vector_index import find_vector_index
from seed.database import QueryTimeout, connect, require_url
from seed.fixture import load_fixture, require_fields
from seed.jwts import SHORTEST_SECRET, Signer, refuse_expiring, require_secret, token_expiry
from seed.questions import Questions, load_questions
from seed.request import require_askable, require_sendable
from seed.signed_tokens import SIGN_ANEW, signed_token_expiry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from datetime import datetime

    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - the class has a small letter

    from conf.settings import Settings
    from conf.vector_search import VectorSearch
    from seed.fixture import House

_SPARE = timedelta(minutes=5)
"""Tokens must outlive the planned run by this much: requests in flight, a slow start."""
_LEAST_ROOM_BYTES = 1 << 18
"""Every run writes at least this much."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check and its result."""

    name: str
    error: LoadTestError | None = None
    found: str = ""
    """What the check saw, when it passes."""


class UsableHouses(NamedTuple):
    """Houses of a fixture, and when the JWT of each expires."""

    houses: list[House]
    expiries: list[datetime]
    """Empty where no request names the JWT."""


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
        yield check("questions", lambda: _questions_words(settings, needs))
    yield check("fixture", lambda: _fixture_words(settings, check_fixture(settings, needs, run_time_s, now)))
    house = _first_house(settings)
    if house is not None and "jwt" in settings.contract.fields_of(needs):
        yield check("secret", lambda: check_secret(settings, house))
    if Destination.PORTAL in targets:
        yield check("portal", lambda: check_portal(settings))
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


def check(name: str, look: Callable[[], str]) -> Check:
    """Call *look*, and keep what it saw, or its error."""
    try:
        return Check(name, found=look())
    except LoadTestError as error:
        return Check(name, error)


def _first_house(settings: Settings) -> House | None:
    try:
        return load_fixture(settings.seed.fixture)[0]
    except LoadTestError:
        return None  # the fixture's own check says why


def check_criteria(settings: Settings, journeys: Collection[Journey]) -> str:
    """
    Check that the profile's load will produce what every criterion of *journeys* measures.

    Raises:
        LoadTestError: There is a criterion on something that it will not produce.
    """
    require_measurable(settings.thresholds, settings.profile, journeys, settings.contract.streamed)
    count = sum(map(len, settings.thresholds.values()))
    said = f"{count} criteria, all of them about what will be measured"
    return "; ".join(filter(None, (said, warn_of_short_timeout(settings, journeys))))


def usable_questions(settings: Settings, journeys: Collection[Journey]) -> Questions:
    """
    The questions of a run of *journeys*, without its salt; none where no journey asks.

    Raises:
        LoadTestError: They cannot be read; a user would ask more at once than there are; or one cannot be sent.
    """
    if Journey.CHAT not in journeys:
        return Questions(())
    questions = load_questions(settings.run)
    load, known = settings.profile.loads.get(Journey.CHAT), len(questions.texts)
    if load is not None and load.questions_in_flight > known:
        raise LoadTestError(
            f"profile: {Journey.CHAT}.questions_in_flight is {load.questions_in_flight}, and there are {known} questions",
            "Ask fewer at once, and raise users; or write more questions (run.questions)",
        )
    require_askable(settings.contract, questions.texts)
    return questions


def _questions_words(settings: Settings, journeys: Collection[Journey]) -> str:
    run, known = settings.run, len(usable_questions(settings, journeys).texts)
    return f"{known:,} of {run.questions or 'the suite'}, {run.question_mix}, salt: {run.question_salt}"


def warn_of_short_timeout(settings: Settings, journeys: Collection[Journey]) -> str:
    """A warning about latencies with a limit above the timeout, where a timeout decides nothing; empty without such."""
    short = []
    for text, demands in settings.thresholds.items():
        subject = parse_subject(text)
        if subject.operation is None or subject.outcome or subject.operation.journey not in journeys:
            continue
        is_search = subject.operation.journey.destination is Destination.DATABASE
        limit_s = settings.database.statement_timeout_s if is_search else settings.target.request_timeout_s
        for name, limits in demands.items():
            largest_ms = max(limits.pass_below or 0, limits.fail_above or 0)
            if parse_metric(name).is_latency and largest_ms >= limit_s * 1000:
                short.append(f"{text}.{name} ({largest_ms:g} ms)")
    if not short:
        return ""
    return (
        f"timeouts decide nothing about {', '.join(short)}: target.request_timeout_s "
        f"({settings.target.request_timeout_s:g} s), or of searches database.statement_timeout_s "
        f"({settings.database.statement_timeout_s:g} s), ends before"
    )


def warn_of_short_stop(settings: Settings, journeys: Collection[Journey], stop_timeout_s: float) -> str:
    """A warning about requests that the end of the run may cut off after *stop_timeout_s*; empty without such."""
    targets = {journey.destination for journey in journeys}
    limits_s = (
        {"target.request_timeout_s": settings.target.request_timeout_s}
        if Destination.PORTAL in targets
        else {}
    )
    if Destination.DATABASE in targets:
        statement_s, pool_s = settings.database.statement_timeout_s, settings.database.pool_timeout_s
        limits_s["database.statement_timeout_s"] = statement_s
        if statement_s < stop_timeout_s:  # a search waits for a connection first
            limits_s["database.pool_timeout_s and database.statement_timeout_s together"] = (
                pool_s + statement_s
            )
    shorter = [f"{name} ({limit_s:g} s)" for name, limit_s in limits_s.items() if limit_s >= stop_timeout_s]
    if not shorter:
        return ""
    return (
        f"run.stop_timeout_s ({stop_timeout_s:g} s) is not longer than {' and '.join(shorter)}: what is in "
        "flight then is cut off, and the verdict may be NO VERDICT for it"
    )


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


def check_fixture(
    settings: Settings, journeys: Iterable[Journey], run_time_s: float, now: datetime
) -> UsableHouses:
    """
    The fixture's houses. JWTs that *journeys* need are valid until the end of the run, or can be renewed.

    Raises:
        LoadTestError: There are no houses; a house lacks what a request names, or has a value that no header may hold; or
            JWTs expire too early and SESSION_SECRET did not sign them; or other signed tokens do, which no run renews.
    """
    houses = load_fixture(settings.seed.fixture)
    needed = settings.contract.fields_of(journeys)
    signed = {name: token for name, token in settings.contract.signed.items() if name in needed}
    require_fields(houses, needed, settings.seed.fixture, signed)
    require_sendable(settings.contract, houses)
    ends_in = timedelta(seconds=run_time_s) + _SPARE
    for name, token in signed.items():
        ends = [signed_token_expiry(token, house.value(name)) for house in houses]
        refuse_expiring(houses, ends, now, ends_in, SIGN_ANEW)
    if "jwt" not in needed:
        return UsableHouses(houses, [])
    expiries = [token_expiry(house.jwt) for house in houses]
    if find_signer(settings, houses[0]) is None:
        refuse_expiring(houses, expiries, now, ends_in)
    return UsableHouses(houses, expiries)


def find_signer(settings: Settings, house: House) -> Signer | None:
    """Renews JWTs during a run: signs with SESSION_SECRET; None unless it is set and signed the JWT of *house*."""
    secret = "" if settings.session_secret is None else settings.session_secret.get_secret_value()
    if len(secret.encode()) < SHORTEST_SECRET:
        return None
    signer = Signer(secret, timedelta(seconds=settings.seed.jwt_lifetime_s))
    return signer if signer.signed(house) else None


def _fixture_words(settings: Settings, usable: UsableHouses) -> str:
    houses = usable.houses
    if not usable.expiries:
        return f"{len(houses):,} houses"
    renewed = find_signer(settings, houses[0]) is not None
    tokens = "tokens, which are renewed before they expire" if renewed else "valid tokens"
    return f"{len(houses):,} houses with {tokens}"


def check_secret(settings: Settings, house: House) -> str:
    """
    Check that SESSION_SECRET, where it is set here, signed the fixture's tokens; looks at the token of *house*.

    Raises:
        LoadTestError: It is too short, or another secret signed them; the portal would answer 401 to every request.
    """
    if settings.session_secret is None:
        return "SESSION_SECRET is not set here: whether the fixture's tokens are the portal's cannot be known before a run"
    require_secret(settings.session_secret)
    if find_signer(settings, house) is None:
        raise LoadTestError(
            "SESSION_SECRET: the fixture's tokens were signed with another secret; every answer would be 401",
            "Set the portal's own secret and sign anew: loadtest token",
        )
    return "signed the fixture's tokens"


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


def check_database(settings: Settings, house: House | None) -> str:
    """
    Check that the database can be searched, and holds chunks for *house*.

    Raises:
        LoadTestError: It cannot be reached, is empty, or is another one than the fixture's.
    """
    database = settings.database
    opened = connect(
        require_url(database.url),
        connect_timeout_s=database.connect_timeout_s,
        statement_timeout_s=database.statement_timeout_s,
    )
    try:
        with closing(opened), opened.cursor() as cursor:
            if (search := settings.contract.search) is not None:
                if house is None or not all(map(house.value, search.house_fields)):
                    return "can be reached"  # what houses lack is the fixture's own check
                return _try_search(cursor, search, house)
            cursor.execute("SELECT to_regclass('doc_chunks') IS NOT NULL")
            if cursor.fetchone() != (True,):
                raise LoadTestError(
                    "DATABASE_URL: the database holds no doc_chunks table", "Seed it: loadtest seed"
                )
            if house is None:
                return "holds a doc_chunks table"
            cursor.execute(
                "SELECT count(embedding) FROM doc_chunks WHERE tenant_id = %s AND development_id = %s",
                (house.tenant_id, house.development_id),
            )
            counted = cursor.fetchone()
            index = find_vector_index(cursor, house)
    except QueryTimeout as error:
        raise LoadTestError(
            f"DATABASE_URL: the database fell silent: {error} (database.statement_timeout_s)",
            "Look at its own log, and at what stands between; then check again: loadtest check",
        ) from None
    except psycopg2.Error as error:  # the error's text quotes the fixture
        raise LoadTestError(
            f"DATABASE_URL: {_searched(settings)} cannot be searched: SQLSTATE {error.pgcode} {type(error).__name__}",
            "Name the portal's database, as a user who may read it; or seed an empty one: loadtest seed",
        ) from None
    if not counted or not counted[0]:
        raise LoadTestError(
            f"DATABASE_URL: the database holds no chunks of the fixture's development {house.development_id}",
            "Seed it, which writes a fixture that fits: loadtest seed",
        )
    return f"{counted[0]:,} chunks of the first development; {index}"


def _searched(settings: Settings) -> str:
    return "doc_chunks" if settings.contract.search is None else "by the contract's search it"


def _try_search(cursor: Cursor, search: VectorSearch, house: House) -> str:
    """Search once as the contract says, for a vector of its own sample."""
    sampling, searching = search.sampling, search.prepared
    cursor.execute(
        sampling.text, {name: "1" if name == "sample" else house.value(name) for name in sampling.names}
    )
    sampled = cursor.fetchone()
    if sampled is None:
        raise LoadTestError(
            f"DATABASE_URL: the contract's search.vectors finds no vector for the fixture's first house, {house.lot}",
            "Look whether it is the portal's database, and whether the fixture is of the same: loadtest houses",
        )
    known = {"vector": str(sampled[0]), "rows": str(search.rows)}
    cursor.execute(f"PREPARE tried_search AS {searching.text}")
    values = [known[name] if name in known else house.value(name) for name in searching.names]
    cursor.execute(f"EXECUTE tried_search ({', '.join(['%s'] * len(values))})", values)
    return f"the contract's search finds {cursor.rowcount:,} rows for the first house"
