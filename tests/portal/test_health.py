from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

from portal_process import QUICK, Estate, bearer, running_portal

from portal.database import PoolStats, open_database

if TYPE_CHECKING:
    from pathlib import Path

    from portal_process import Portal

pytest_plugins = ["portal_estate"]


def test_a_healthy_database_shows_its_pool(portal: Portal) -> None:
    assert portal.ask("GET", "/api/health").json["status"] == "ok"
    answer = portal.ask("GET", "/api/health/db")
    assert answer.status == 200
    assert answer.json["status"] == "ok"
    assert answer.json["latencyMs"] > 0
    assert answer.json["poolStats"] == {"totalCount": 20, "idleCount": 20, "waitingCount": 0}
    assert datetime.fromisoformat(answer.json["timestamp"]).tzinfo


def test_queries_that_wait_for_a_connection_are_shown(estate: Estate) -> None:
    async def three_queries_on_one_connection() -> PoolStats:
        async with open_database(estate.url, pool_size=1, stall_s=0.3) as database:
            queries = [asyncio.create_task(database.execute("SELECT 1")) for _ in range(3)]
            await asyncio.sleep(0.1)
            stats = database.pool_stats()
            await asyncio.gather(*queries)
            return stats

    assert asyncio.run(three_queries_on_one_connection()) == PoolStats(total=1, idle=0, waiting=2)


def test_a_database_that_is_gone_is_reported_and_found_again(
    own_estate: Estate, database_server: str, tmp_path: Path
) -> None:
    with running_portal(own_estate.url, tmp_path) as portal:
        admin = Estate(database_server, [])
        admin.execute(f"ALTER DATABASE {own_estate.name} ALLOW_CONNECTIONS false")
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", own_estate.name
        )
        answer = portal.ask("GET", "/api/health/db")
        assert (answer.status, answer.json["status"]) == (503, "error")
        assert portal.ask("GET", "/api/documents", headers=bearer(own_estate.houses[0])).status == 503
        assert portal.ask("GET", "/api/health").status == 200

        admin.execute(f"ALTER DATABASE {own_estate.name} ALLOW_CONNECTIONS true")
        assert portal.ask("GET", "/api/health/db").status == 200


def test_a_database_that_does_not_answer_in_time_is_unhealthy(estate: Estate, tmp_path: Path) -> None:
    stalled = f"{QUICK}\n[portal.faults]\ndatabase_stall_s = 60\n"
    with running_portal(estate.url, tmp_path, stalled) as portal:
        assert portal.ask("GET", "/api/health/db").status == 503
