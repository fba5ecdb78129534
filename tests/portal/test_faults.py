from __future__ import annotations

import re
import socket
from random import Random
from typing import TYPE_CHECKING

import pytest
from portal_process import QUICK, TIMEOUT_S, Estate, Portal, at_once, bearer, running_portal, served

from conf.errors import SettingsError
from conf.loading import load_settings
from portal.faults import Faults

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

pytest_plugins = ["portal_estate"]


def _faulty(estate: Estate, directory: Path, faults: str) -> AbstractContextManager[Portal]:
    return running_portal(estate.url, directory, f"{QUICK}\n[portal.faults]\n{faults}\n")


def _fault_sequence(seed: int, **ratios: float) -> list[str]:
    settings = load_settings({f"portal.faults.{name}": value for name, value in ratios.items()}, environ={})
    faults = Faults(settings.portal.faults, Random(seed))
    return [faults.draw().name for _ in range(1000)]


def test_faults_come_in_their_shares_and_the_same_seed_repeats_them() -> None:
    ratios = {"error_ratio": 0.1, "unauthorized_ratio": 0.2, "hang_ratio": 0.3, "slow_ratio": 0.15}
    drawn = _fault_sequence(17, **ratios)
    assert drawn == _fault_sequence(17, **ratios)
    assert drawn != _fault_sequence(18, **ratios)
    assert abs(drawn.count("ERROR") - 100) < 40
    assert abs(drawn.count("UNAUTHORIZED") - 200) < 50
    assert abs(drawn.count("HANG") - 300) < 60
    assert abs(drawn.count("SLOW") - 150) < 50


def test_without_faults_nothing_goes_wrong() -> None:
    assert set(_fault_sequence(17)) == {"NONE"}


def test_shares_that_add_up_to_more_than_everything_are_refused() -> None:
    with pytest.raises(SettingsError, match="more than 1"):
        load_settings({"portal.faults.error_ratio": 0.6, "portal.faults.hang_ratio": 0.6}, environ={})


def test_errors_and_401s_strike_their_share_and_spare_health(estate: Estate, tmp_path: Path) -> None:
    with _faulty(estate, tmp_path, "error_ratio = 0.5\nunauthorized_ratio = 0.5") as portal:
        answers = [portal.chat(estate.houses[0]) for _ in range(40)]
        assert {answer.status for answer in answers} == {401, 500}
        assert {answer.json["error"] for answer in answers} == {"Unauthorized", "Internal server error"}
        assert portal.ask("GET", f"/onboarding/{estate.houses[0].qr_token}").status in {401, 500}
        assert portal.ask("GET", "/api/health").status == 200
        assert sum(n for (_, route, _), n in served(portal).items() if route == "/api/chat") == 40


def test_a_slow_answer_is_right_but_late(estate: Estate, tmp_path: Path) -> None:
    with _faulty(estate, tmp_path, "slow_ratio = 1.0\nslow_s = 0.3") as portal:
        assert portal.chat(estate.houses[0]).status == 200
        with pytest.raises(TimeoutError):
            portal.ask("GET", "/api/documents", headers=bearer(estate.houses[0]), timeout_s=0.2)


def test_a_hang_lasts_until_the_client_leaves_or_the_portal_is_stopped(
    estate: Estate, tmp_path: Path
) -> None:
    with _faulty(estate, tmp_path, "hang_ratio = 1.0") as portal:
        with pytest.raises(TimeoutError):
            portal.ask("POST", "/api/chat", {}, bearer(estate.houses[0]), timeout_s=0.5)
        assert portal.ask("GET", "/api/health").status == 200
        assert served(portal)[("POST", "/api/chat", "499")] == 1
        with socket.create_connection(portal.address) as client:
            client.sendall(b"GET /api/documents HTTP/1.1\r\nHost: portal\r\n\r\n")
            assert portal.ask("GET", "/api/health").status == 200
            portal.process.terminate()
            assert portal.process.wait(TIMEOUT_S) == 0


def test_a_foreign_source_is_among_the_sources(estate: Estate, tmp_path: Path) -> None:
    house = estate.houses[0]
    with _faulty(estate, tmp_path, "foreign_source_ratio = 1.0") as portal:
        sources = portal.chat(house).json["sources"]
    assert {s["developmentId"] for s in sources} == {
        house.development_id,
        estate.foreign_house().development_id,
    }


def test_a_stalled_database_delays_every_query_and_holds_its_connection(
    estate: Estate, tmp_path: Path
) -> None:
    stalled = f"{QUICK}\n[portal]\npool_size = 1\n[portal.faults]\ndatabase_stall_s = 0.2\n"
    with running_portal(estate.url, tmp_path, stalled) as portal:
        answers = at_once(3, lambda _: portal.ask("GET", f"/onboarding/{estate.houses[0].qr_token}"))
    lookups = [re.findall(r"lookup;dur=([\d.]+)", answer.headers["Server-Timing"])[0] for answer in answers]
    waited_ms = sorted(float(lookup) for lookup in lookups)
    assert waited_ms[0] >= 199
    assert waited_ms[2] >= 599  # one connection: the third waits for the other two
