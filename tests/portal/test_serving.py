from __future__ import annotations

import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psutil
import pytest
import warm_python
from portal_process import (
    SECRET,
    TIMEOUT_S,
    Estate,
    Portal,
    portal_environ,
    running_portal,
)

from conf.errors import LoadTestError
from conf.layers import CONF_DIR
from conf.loading import load_settings
from portal.serving import serve

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["portal_estate"]

SLOW_MODEL = """
[portal.model]
median_s = 0.8
minimum_s = 0.8
maximum_s = 0.8
"""


def _refusal(url: str, **changed: object) -> str:
    """What the portal says when it does not start."""
    environ = {"SESSION_SECRET": SECRET, "DATABASE_URL": url} | changed.pop("environ", {})  # type: ignore[operator]
    settings = load_settings({"portal.port": 0} | changed, environ=environ)
    with pytest.raises(LoadTestError) as refusal:
        serve(settings, lambda: datetime.now(UTC))
    assert refusal.value.next_step
    return str(refusal.value)


def test_a_port_in_use_is_an_error_with_a_way_out(estate: Estate) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = ["loadtest", "portal", "--port", port]
        finished = warm_python.run(words, env=portal_environ(estate.url))
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert finished.stderr.startswith(f"Error: http://127.0.0.1:{port}: the port is in use\n")
    assert "loadtest portal --port 0" in finished.stderr


def test_an_address_of_another_machine_is_an_error(estate: Estate) -> None:
    assert "cannot listen on 192.0.2.1:0" in _refusal(estate.url, **{"portal.host": "192.0.2.1"})


@pytest.mark.parametrize("secret", ["", "short"])
def test_without_a_good_secret_nothing_starts(secret: str, estate: Estate) -> None:
    assert "SESSION_SECRET" in _refusal(estate.url, environ={"SESSION_SECRET": secret})


def test_without_a_database_address_nothing_starts() -> None:
    assert "DATABASE_URL environment variable is required" in _refusal("")


def test_an_empty_database_asks_to_be_seeded(empty_database: str) -> None:
    said = _refusal(empty_database)
    assert "is missing from the database" in said
    assert "loadtest seed" in said


def test_a_database_that_was_seeded_for_another_contract_asks_to_be_seeded_for_this_one(
    estate: Estate, tmp_path: Path
) -> None:
    contract = tmp_path / "portal-2026.toml"
    contract.write_bytes((CONF_DIR / "contracts" / "phase17.toml").read_bytes())
    said = _refusal(estate.url, **{"target.contract": str(contract)})
    assert "units is missing from the database" in said
    assert "for the same target.contract" in said


def test_a_contract_that_the_portal_does_not_speak_is_refused_by_the_command(
    estate: Estate, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs.toml"
    theirs.write_bytes((CONF_DIR / "contracts" / "phase17.toml").read_bytes())
    words = ["loadtest", "portal", "--port", "0", "--contract", str(theirs)]
    finished = warm_python.run(words, env=portal_environ(estate.url))
    assert finished.returncode == 2
    assert finished.stderr.startswith(
        "Error: target.contract: the reference portal does not speak 'theirs'; it speaks phase17, phase17-stream, "
    )


def test_a_database_without_the_portals_tables_asks_to_be_seeded(own_estate: Estate) -> None:
    own_estate.execute("DROP TABLE rate_limits")
    assert "rate_limits is missing from the database" in _refusal(own_estate.url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://homeowner:hush-hush@127.0.0.1:1/portal",
        "postgresql://homeowner:hush-hush@127.0.0.1:port/portal",
    ],
)
def test_a_database_out_of_reach_is_an_error_without_its_password(url: str) -> None:
    said = _refusal(url)
    assert "DATABASE_URL" in said
    assert "hush" not in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_portal_answers_what_it_was_asked_and_exits_with_0(
    number: signal.Signals, estate: Estate, tmp_path: Path
) -> None:
    with running_portal(estate.url, tmp_path, SLOW_MODEL) as portal, ThreadPoolExecutor() as threads:
        asked = threads.submit(portal.chat, estate.houses[0])
        _await_client(portal)
        portal.process.send_signal(number)
        assert portal.process.wait(TIMEOUT_S) == 0
        assert asked.result().status == 200


def test_no_secret_is_in_the_process_list_or_the_log(own_estate: Estate, tmp_path: Path) -> None:
    house = own_estate.houses[0]
    with running_portal(own_estate.url, tmp_path) as portal:
        arguments = " ".join(psutil.Process(portal.process.pid).cmdline())
        portal.chat(house)
        portal.ask("GET", f"/onboarding/{house.qr_token}")
        portal.resolve(house.qr_token)
        own_estate.execute("ALTER TABLE homeowners RENAME TO gone")
        portal.ask("GET", f"/onboarding/{house.qr_token}")
        portal.chat(house)
        own_estate.execute("ALTER TABLE gone RENAME TO homeowners")
    log = "".join(path.read_text() for path in tmp_path.glob("*.log"))
    assert "UndefinedTable" in log  # it does log what went wrong
    for secret in (SECRET, house.jwt, house.qr_token, own_estate.url):
        assert secret not in arguments
        assert secret not in log


def _await_client(portal: Portal) -> None:
    """Wait until a client is connected, and what it sent has been read."""
    process = psutil.Process(portal.process.pid)
    while not any(c.status == psutil.CONN_ESTABLISHED for c in process.net_connections("tcp")):
        pass
    for _ in range(5):
        portal.ask("GET", "/api/health")
