"""Databases: a real PostgreSQL of the tests' own, on a Unix socket, gone when they end."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import hypothesis
import psycopg2
import pytest
import warm_python
from longview_database import SECRET, SeededDatabase
from quick_stack import take_time

from conf.loading import load_settings
from loadtest.embedded import directory_for_sockets, embedded_stack
from loadtest.embedded_server import start_server
from seed.fixture import load_fixture
from seed.seeding import seed_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtest.embedded import Stack

pytest_plugins = ["needs"]

hypothesis.settings.register_profile("busy machine", deadline=None)
hypothesis.settings.load_profile("busy machine")

_numbers = itertools.count(1)


TESTS = Path(__file__).parent
LONGEST_FIRST = (
    "project/test_docs", "whole/test_soak", "whole/test_hostile_portal", "whole/test_nothing_waits_for_ever", "whole/test_exit_codes", "swarm/test_worker_channel", "loadtest/test_commands", "swarm/test_web", "whole/test_tls", "swarm/test_gate", "whole/test_misbehaving_portals", "whole/test_bad_input", "swarm/test_workers", "swarm/test_runs", "project/test_benchmarks", "project/test_any_machine", "whole/test_tracing", "loadtest/test_compare", "loadtest/test_embedded", "reports/test_damage", "swarm/test_endings", "swarm/test_open", "whole/test_truth", "loadtest/test_logs", "reports/test_command", "swarm/test_login", "portal/test_faults", "seed/test_seeding",
)  # fmt: skip
"""Of files that are given out one by one, a long one that comes last is waited for by all other processes."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(str(item.path.relative_to(TESTS).with_suffix("")), len(order)))


def pytest_configure() -> None:
    """
    Make the tests' processes alike, wherever they are started.

    In the background of a script a shell starts everything with SIGINT ignored (``nohup`` does the same with SIGHUP), and what is
    ignored stays ignored in every process started from here. A handler does not: there it is the default again. This
    process goes on ignoring. A proxy is for other networks than the loopback, where all of this happens. Compiled code is kept, even
    where Python is asked not to: each of some hundred processes would compile the suite anew.
    """
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.fixture(autouse=True)
def _clock_of_the_event_loop() -> None:
    """gevent counts a timeout from when its loop last ran: in this process perhaps minutes ago, so that it is over at once."""
    if "gevent" in sys.modules:
        sys.modules["gevent"].get_hub().loop.update_now()


@pytest.fixture(scope="session", autouse=True)
def _records_of_the_tests_are_not_the_projects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOADTEST_LOG_DIR", str(tmp_path_factory.mktemp("logs")))
        yield


@pytest.fixture(scope="session")
def database_server() -> Iterator[str]:
    """
    The address of a running server; its databases are made by the fixtures below.

    Not in pytest's own directory: run by root, the server belongs to another user, and every further pytest that
    starts on the machine closes that directory to others.
    """
    with tempfile.TemporaryDirectory(prefix="openhouse-tests-", dir=directory_for_sockets()) as directory:
        server = start_server(Path(directory, "data"), cleanup_mode="delete")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def empty_database(database_server: str) -> Iterator[str]:
    """The address of a database of the test's own, without a table."""
    with _database(database_server) as url:
        yield url


@pytest.fixture(scope="session")
def seeded_database(
    database_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SeededDatabase]:
    """Longview Park, seeded now, so that its tokens are valid."""
    directory = tmp_path_factory.mktemp("seeded")
    settings = load_settings(
        {"seed.fixture": str(directory / "houses.jsonl"), "seed.qr_dir": str(directory / "qr")}, environ={}
    )
    with _database(database_server) as url:
        seeded = seed_database(url, settings, SECRET, datetime.now(UTC))
        yield SeededDatabase(url, settings, SECRET, seeded, load_fixture(settings.seed.fixture))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An embedded stack whose model answers at once. Shared by the whole session: what it serves adds up."""
    quick = {f"portal.model.{bound}_s": 0.05 for bound in ("median", "minimum", "maximum")}
    settings, log_dir = load_settings(quick, environ={}), tmp_path_factory.mktemp("stack")
    now = datetime.now(UTC)
    with embedded_stack(
        settings, lambda *_: None, log_dir=log_dir, now=now, start=warm_python.start
    ) as running:
        take_time(running, log_dir)
        yield running


@contextmanager
def _database(server: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    _execute(server, f"CREATE DATABASE {name}")
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    finally:
        _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(url: str, statement: str) -> None:
    """Run what cannot run inside a transaction."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()
