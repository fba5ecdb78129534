"""
The dashboard and its provisioning. Grafana itself is not asked; promtool parses the queries.

What is here without promtool: everything but that.
"""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from promtool import needs_promtool, promtool
from shipped_dashboard import DASHBOARD, GRAFANA, PANELS, QUERIES

from conf.loading import load_settings
from conf.operations import Operation
from monitoring.alerting.alerts_of_portal import portal_rules
from monitoring.alerting.alerts_of_run import run_rules
from monitoring.grafana.dashboard import dashboard_file
from monitoring.grafana.panel import DATASOURCE
from monitoring.histogram_bounds import BOUNDS_S
from monitoring.run_metrics import RunMetrics, render
from portal.database import PoolStats
from portal.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def exposed() -> set[str]:
    """Every series that the two pages can have, by its name."""
    portal = Metrics(lambda: PoolStats(20, 20, 0), BOUNDS_S)
    pages = render(RunMetrics()) + generate_latest(portal.registry)
    names = set()
    for family in text_string_to_metric_families(pages.decode()):
        names |= {
            "counter": {f"{family.name}_total"},
            "histogram": {f"{family.name}_{part}" for part in ("bucket", "count", "sum")},
        }.get(family.type, {family.name})
    return names


def panel(title: str) -> dict[str, Any]:
    (found,) = (panel for panel in PANELS if panel["title"] == title)
    return found


def lines(shown: dict[str, Any]) -> list[float]:
    """Where a panel has its lines."""
    defaults = shown["fieldConfig"]["defaults"]
    assert defaults["custom"]["thresholdsStyle"]["mode"] == "line"
    return [step["value"] for step in defaults["thresholds"]["steps"] if step["value"] is not None]


def provisioned(name: str, key: str) -> list[str]:
    """The values of a key of a provisioning file."""
    text = (GRAFANA / "provisioning" / name).read_text(encoding="utf-8")
    return re.findall(rf"^[ -]*{key}: (\S+)", text, re.MULTILINE)


def test_the_committed_dashboard_is_that_of_the_shipped_thresholds() -> None:
    committed = (GRAFANA / "dashboards" / "openhouse.json").read_text(encoding="utf-8")
    assert committed == dashboard_file(load_settings(environ={})), "run: make alerts"


@needs_promtool
def test_every_query_is_one_that_prometheus_understands(tmp_path: Path) -> None:
    rules = [{"record": f"query:{number}", "expr": expr} for number, expr in enumerate(QUERIES)]
    assert len(rules) > 30
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", str(file))


def metrics_of(expr: str) -> set[str]:
    """The names in a query, without what stands in braces."""
    bare = re.sub(r"\{[^}]*\}", "", re.sub(r'"[^"]*"', "", expr))
    return set(re.findall(r"\b(?:loadtest|portal|process)_[a-z_]+\b", bare))


@pytest.mark.parametrize("expr", QUERIES)
def test_every_metric_of_a_query_is_one_that_a_page_has(expr: str) -> None:
    assert metrics_of(expr)
    assert metrics_of(expr) <= exposed()


def test_the_rules_too_ask_for_metrics_that_a_page_has() -> None:
    settings = load_settings(environ={})
    rules = [*run_rules(settings), *portal_rules(settings)]
    named = set().union(*(metrics_of(rule.expr) for rule in rules))
    assert {"loadtest_latency_seconds_bucket", "portal_pool_waiting"} <= named
    assert named <= exposed()


def test_every_panel_has_a_title_of_its_own_a_unit_and_queries() -> None:
    titles = [shown["title"] for shown in PANELS]
    assert len(set(titles)) == len(titles) > 25
    assert all(titles)
    assert all(shown["fieldConfig"]["defaults"]["unit"] for shown in PANELS)
    assert all(shown["targets"] for shown in PANELS)
    assert len({shown["id"] for shown in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def cells(place: dict[str, int]) -> Iterator[tuple[int, int]]:
    for x in range(place["x"], place["x"] + place["w"]):
        for y in range(place["y"], place["y"] + place["h"]):
            yield x, y


def test_no_panel_lies_on_another_or_beyond_the_edge() -> None:
    covered = [set(cells(shown["gridPos"])) for shown in DASHBOARD["panels"]]
    assert [pair for pair in combinations(covered, 2) if pair[0] & pair[1]] == []
    assert max(x for taken in covered for x, _ in taken) == 23


def test_the_rows_are_those_that_people_look_for() -> None:
    assert [shown["title"] for shown in DASHBOARD["panels"] if shown["type"] == "row"] == [
        "Verdict", "Latency of answers, and of what was waited for in vain: at least (≥)",
        "Streamed chat answers, as a homeowner sees them", "Chat, by step", "Requests and failures", "Users and houses",
        "Load generators", "Portal", "The last 24 hours",
    ]  # fmt: skip


def test_the_limits_are_drawn_in() -> None:
    assert lines(panel(f"{Operation.CHAT.label}; lines: p95")) == [3, 5]
    assert lines(panel(f"{Operation.ONBOARDING_FLOW.label}; lines: p95")) == [1, 2]
    assert lines(panel("Portal: memory")) == [200e6, 500e6]
    assert lines(panel("Event-loop lag, p95")) == [0.1]


def test_another_limit_is_drawn_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        "[thresholds.chat]\np95_ms = { pass_below = 2500, fail_above = 4000 }\n"
    )
    text = dashboard_file(load_settings(config_files=[tmp_path / "own.toml"], environ={}))
    (chat,) = (p for p in json.loads(text)["panels"] if p["title"] == f"{Operation.CHAT.label}; lines: p95")
    assert lines(chat) == [2.5, 4]


def test_the_last_errors_come_first() -> None:
    shown = panel("Last errors")
    assert shown["options"]["sortBy"] == [{"displayName": "last seen", "desc": True}]
    assert shown["transformations"][1]["options"]["renameByName"] == {
        "Value #A": "last seen",
        "Value #B": "count",
    }
    assert "timestamp_seconds) * 1000" in shown["targets"][0]["expr"]


def test_the_counts_of_a_day_look_back_a_day() -> None:
    counted = [expr for expr in QUERIES if "[24h]" in expr]
    requests = [operation for operation in Operation if operation.is_portal_request]
    flows = [operation for operation in Operation if operation.begins_flow and operation.portal_requests]
    assert len(counted) == len(requests) + len(flows)
    assert all(expr.startswith("sum") and "increase(" in expr for expr in counted)


def test_every_query_goes_to_the_data_source_that_is_provisioned() -> None:
    assert provisioned("datasources/prometheus.yml", "uid") == [DATASOURCE["uid"]]
    asked = [shown["datasource"] for shown in PANELS]
    asked += [target["datasource"] for shown in PANELS for target in shown["targets"]]
    assert all(source == DATASOURCE for source in asked)


def test_the_data_source_is_a_service_beside_grafana_without_a_password() -> None:
    (url,) = provisioned("datasources/prometheus.yml", "url")
    parts = urlsplit(url)
    assert (parts.hostname, parts.username, parts.password) == ("prometheus", None, None)
    text = (GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text()
    assert not re.search(r"password|secure|token", text, re.IGNORECASE)
    assert "://" not in (GRAFANA / "dashboards" / "openhouse.json").read_text()
