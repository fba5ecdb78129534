from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from portal_process import QUICK, Estate, Portal, at_once, running_portal

from conf.loading import load_settings
from portal.database import open_database
from portal.ratelimit import RateLimiter
from portal.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from seed.fixture import House

pytest_plugins = ["portal_estate"]

LIMITED = f"""
{QUICK}
[portal.rate_limits]
enabled = true
chat_per_minute = 5
resolve_per_minute = 4
resolve_per_token_per_minute = 2
"""


@pytest.fixture(scope="module")
def limited_portal(estate: Estate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    with running_portal(estate.url, tmp_path_factory.mktemp("portal"), LIMITED) as portal:
        yield portal


@pytest.fixture(autouse=True)
def _fresh_windows(estate: Estate) -> None:
    estate.execute("DELETE FROM rate_limits")


def test_a_tenants_questions_share_one_limit(limited_portal: Portal, estate: Estate) -> None:
    answers = at_once(12, lambda number: limited_portal.chat(estate.houses[number]))
    assert sorted(answer.status for answer in answers) == [200] * 5 + [429] * 7
    assert limited_portal.chat(estate.foreign_house()).status == 200


def test_a_refusal_says_when_to_come_back(limited_portal: Portal, estate: Estate) -> None:
    refused = [limited_portal.chat(estate.houses[0]) for _ in range(6)][-1]
    assert refused.status == 429
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    wait_s = int(refused.headers["X-RateLimit-Reset"]) / 1000 - time.time()
    assert 0 < wait_s <= 60
    assert 0 < int(refused.headers["Retry-After"]) <= 60


def test_a_token_has_a_limit_of_its_own(limited_portal: Portal, pending_houses: list[House]) -> None:
    token = pending_houses[0].qr_token
    assert [limited_portal.resolve(token).status for _ in range(3)] == [200, 409, 429]
    assert limited_portal.resolve(pending_houses[1].qr_token).status == 200


def test_all_tokens_together_have_a_limit(limited_portal: Portal, pending_houses: list[House]) -> None:
    statuses = [limited_portal.resolve(house.qr_token).status for house in pending_houses[2:7]]
    assert statuses == [200, 200, 200, 200, 429]


def test_no_qr_token_is_kept_with_the_counts(limited_portal: Portal, estate: Estate) -> None:
    limited_portal.resolve(estate.houses[8].qr_token)
    keys = [key for (key,) in estate.execute("SELECT key FROM rate_limits")]
    assert len(keys) == 2
    assert not any(estate.houses[8].qr_token in key for key in keys)


def test_refused_requests_count_and_a_new_minute_forgives_them(estate: Estate) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    tenant_id: UUID = estate.execute("SELECT id::uuid FROM tenants LIMIT 1")[0][0]
    settings = load_settings(
        {"portal.rate_limits.enabled": True, "portal.rate_limits.chat_per_minute": 2}, environ={}
    ).portal.rate_limits
    now = start

    async def admitted(limiter: RateLimiter) -> bool:
        try:
            await limiter.admit_chat(tenant_id)
        except Refusal:
            return False
        return True

    async def ask_for_two_minutes() -> list[tuple[int, bool]]:
        nonlocal now
        seen = []
        async with open_database(estate.url, pool_size=1) as database:
            limiter = RateLimiter(settings, database, lambda: now)
            for second in (0, 10, 20, 59, 60, 61, 62):
                now = start + timedelta(seconds=second)
                seen.append((second, await admitted(limiter)))
        return seen

    expected = [(0, True), (10, True), (20, False), (59, False), (60, True), (61, True), (62, False)]
    assert asyncio.run(ask_for_two_minutes()) == expected
    ((count,),) = estate.execute("SELECT count FROM rate_limits")
    assert count == 3
