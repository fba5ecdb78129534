from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING

import pytest
from patience import await_true
from portal_process import Estate, Portal, at_once, bearer, running_portal, served
from prometheus_client.parser import text_string_to_metric_families
from promtool import needs_promtool, promtool

from monitoring.histogram_bounds import BOUNDS_S

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from seed.fixture import House

pytest_plugins = ["portal_estate"]

SLOW_MODEL = """
[portal.model]
median_s = 0.5
minimum_s = 0.5
maximum_s = 0.5
"""


@pytest.fixture(scope="module")
def slow_portal(estate: Estate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    with running_portal(estate.url, tmp_path_factory.mktemp("portal"), SLOW_MODEL) as portal:
        yield portal


def test_the_counter_equals_what_was_asked(portal: Portal, pending_houses: list[House]) -> None:
    house, other = pending_houses[:2]
    before = served(portal)
    at_once(7, lambda _: portal.chat(house))
    portal.ask("POST", "/api/chat", {}, bearer(house))
    portal.ask("POST", "/api/chat", {})
    portal.ask("GET", f"/onboarding/{house.qr_token}")
    portal.ask("GET", "/onboarding/unknown")
    at_once(3, lambda _: portal.resolve(other.qr_token))
    portal.ask("GET", "/wp-login.php")
    portal.ask("DELETE", "/api/documents")
    assert served(portal) - before == {
        ("POST", "/api/chat", "200"): 7,
        ("POST", "/api/chat", "400"): 1,
        ("POST", "/api/chat", "401"): 1,
        ("GET", "/onboarding/{qr_token}", "200"): 1,
        ("GET", "/onboarding/{qr_token}", "404"): 1,
        ("POST", "/api/qr/resolve", "200"): 1,
        ("POST", "/api/qr/resolve", "409"): 2,
        ("GET", "unmatched", "404"): 1,
        ("DELETE", "/api/documents", "405"): 1,
        ("GET", "/metrics", "200"): 1,  # the one before
    }


def test_an_answer_whose_client_went_away_is_counted(slow_portal: Portal, estate: Estate) -> None:
    house = estate.houses[0]
    body = {"message": "Where is the stopcock?", "developmentId": house.development_id}
    before = served(slow_portal)
    with pytest.raises(TimeoutError):
        slow_portal.ask("POST", "/api/chat", body, bearer(house), timeout_s=0.3)
    slow_portal.chat(house)  # begins later, takes as long
    assert (served(slow_portal) - before)[("POST", "/api/chat", "200")] == 2


def test_a_client_that_goes_away_at_once_is_counted_too(slow_portal: Portal, estate: Estate) -> None:
    house = estate.houses[0]
    body = json.dumps({"message": "Where is the stopcock?", "developmentId": house.development_id})
    before = served(slow_portal)
    for _ in range(5):
        connection = http.client.HTTPConnection(*slow_portal.address)
        connection.request("POST", "/api/chat", body, bearer(house))
        connection.close()
    slow_portal.chat(house)

    def chats() -> Counter[tuple[str, str, str]]:
        counts = served(slow_portal) - before
        del counts[("GET", "/metrics", "200")]
        return counts

    await_true(lambda: chats().total() >= 6, otherwise=chats)
    assert chats().total() == 6
    assert chats().keys() <= {("POST", "/api/chat", "200"), ("POST", "/api/chat", "499")}


def test_the_page_shows_the_portals_memory(portal: Portal) -> None:
    page = portal.ask("GET", "/metrics").body.decode()
    values = {f.name: f.samples[0].value for f in text_string_to_metric_families(page) if f.samples}
    assert 10e6 < values["process_resident_memory_bytes"] < 1e9


def samples(portal: Portal) -> dict[str, float]:
    """Every sample of the page as it is written there, labels in the alphabet's order."""
    page = portal.ask("GET", "/metrics").body.decode()
    lines = [line.rpartition(" ") for line in page.splitlines() if not line.startswith("#")]
    return {sample: float(value) for sample, _, value in lines}


def test_answers_are_timed_whole_and_by_step_and_refusals_are_not(portal: Portal, estate: Estate) -> None:
    house = estate.houses[0]
    portal.chat(house)
    before = samples(portal)
    at_once(3, lambda _: portal.chat(house))
    portal.ask("POST", "/api/chat", {}, bearer(house))
    portal.ask("GET", "/onboarding/unknown")
    after = samples(portal)
    counts = {name: after[name] - before.get(name, 0) for name in after if "_seconds_count" in name}
    assert {name: count for name, count in counts.items() if count and '"/metrics"' not in name} == {
        'portal_request_seconds_count{method="POST",route="/api/chat"}': 3,
        'portal_step_seconds_count{route="/api/chat",step="auth"}': 3,
        'portal_step_seconds_count{route="/api/chat",step="retrieval"}': 3,
        'portal_step_seconds_count{route="/api/chat",step="llm"}': 3,
        'portal_step_seconds_count{route="/api/chat",step="insert"}': 3,
    }


def test_a_request_is_as_long_as_it_took(slow_portal: Portal, estate: Estate) -> None:
    before = samples(slow_portal)
    slow_portal.chat(estate.houses[0])  # the model alone takes half a second
    after = samples(slow_portal)
    grown = {name: after[name] - before.get(name, 0) for name in after}
    assert grown['portal_request_seconds_bucket{le="0.4",method="POST",route="/api/chat"}'] == 0
    assert grown['portal_request_seconds_bucket{le="+Inf",method="POST",route="/api/chat"}'] == 1
    llm_s = grown['portal_step_seconds_sum{route="/api/chat",step="llm"}']
    assert 0.49 < llm_s <= grown['portal_request_seconds_sum{method="POST",route="/api/chat"}']


def test_every_limit_of_the_thresholds_is_a_bound_of_the_histograms(portal: Portal, estate: Estate) -> None:
    portal.chat(estate.houses[0])
    bucket = 'portal_request_seconds_bucket{le="%s",method="POST",route="/api/chat"}'
    shown = [
        name for name in samples(portal) if "request_seconds_bucket" in name and 'route="/api/chat"' in name
    ]
    assert shown == [bucket % bound for bound in (*BOUNDS_S, "+Inf")]


def test_the_page_shows_the_pool(portal: Portal) -> None:
    page = samples(portal)
    idle, used = (page[f'portal_pool_connections{{state="{state}"}}'] for state in ("idle", "used"))
    assert idle + used == 20
    assert page["portal_pool_waiting"] == 0


@needs_promtool
def test_promtool_finds_nothing_wrong_with_the_page(portal: Portal, estate: Estate) -> None:
    portal.chat(estate.houses[0])
    assert promtool("check", "metrics", page=portal.ask("GET", "/metrics").body) == ""
