"""The shipped configuration in a real Prometheus, where there is one: it reads both pages and evaluates every rule."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from locust_process import free_port
from metrics_pages import full_run, portal_page
from patience import TIMEOUT_S, await_true
from shipped_dashboard import QUERIES

from conf.layers import CONF_DIR
from monitoring.metrics_server import MetricsServer
from monitoring.run_metrics import render

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.requires("prometheus")


def ask(address: str, path: str) -> Any:
    """What Prometheus's API answers; None while it does not."""
    try:
        with urlopen(f"http://{address}/api/v1/{path}", timeout=TIMEOUT_S) as answer:
            return json.load(answer)["data"]
    except (URLError, OSError):
        return None


def query(address: str, expr: str) -> list[dict[str, Any]]:
    answer = ask(address, f"query?query={quote(expr)}")
    return [] if answer is None else answer["result"]


def configuration(load_test: str, portal: str) -> str:
    """The shipped one, with these addresses, and quicker."""
    text = (CONF_DIR / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    for shipped, own in (("127.0.0.1:9646", load_test), ("127.0.0.1:5000", portal)):
        assert shipped in text
        text = text.replace(shipped, own)
    return re.sub(r"_interval: \d+s", "_interval: 1s", text)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one that has evaluated the rules over both pages."""
    directory: Path = tmp_path_factory.mktemp("prometheus")
    shutil.copy(CONF_DIR / "prometheus" / "rules.yml", directory)
    address = f"127.0.0.1:{free_port()}"
    with (
        closing(MetricsServer(lambda: render(full_run()), 0).start()) as load_test,
        closing(MetricsServer(portal_page, 0).start()) as portal,
        (directory / "log").open("w") as log,
    ):
        hosts = [
            server.url.removeprefix("http://").removesuffix("/metrics") for server in (load_test, portal)
        ]
        (directory / "prometheus.yml").write_text(configuration(*hosts))
        options = [
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address={address}",
        ]
        process = subprocess.Popen(["prometheus", *options], stdout=log, stderr=log)
        try:
            await_true(
                lambda: process.poll() is not None or has_settled(address),
                otherwise=(directory / "log").read_text,
            )
            assert process.poll() is None, (directory / "log").read_text()
            yield address
        finally:
            process.terminate()
            process.wait(TIMEOUT_S)


def has_settled(address: str) -> bool:
    """Whether every rule has been evaluated over what both pages said."""
    up = all(query(address, f'up{{job="{job}"}} == 1') for job in ("loadtest", "portal"))
    seen = query(address, 'ALERTS{alertname="LoadTestRunNotValid"}')
    gone = query(address, 'ALERTS{alertname="PortalGone"}')  # before the first look
    return bool(up and seen and not gone) and {rule["health"] for rule in rules(address)} == {"ok"}


def rules(address: str) -> list[dict[str, Any]]:
    answer = ask(address, "rules") or {"groups": []}
    return [rule for group in answer["groups"] for rule in group["rules"]]


def test_every_rule_is_evaluated_without_an_error(prometheus: str) -> None:
    committed = (CONF_DIR / "prometheus" / "rules.yml").read_text().count("- alert: ")
    assert len(rules(prometheus)) == committed > 40


def test_the_run_is_read_with_its_percentiles(prometheus: str) -> None:
    assert query(prometheus, "loadtest_run_info")[0]["metric"]["run_id"] == full_run().run_id
    buckets = 'loadtest_latency_seconds_bucket{operation="chat",outcome="success"}'
    (median,) = query(prometheus, f"histogram_quantile(0.5, {buckets})")
    assert 2.0 < float(median["value"][1]) <= 2.5  # of 1.5, 2.5 and 4 s
    (lag,) = query(prometheus, 'loadtest_generator_lag_seconds{quantile="0.95"}')
    assert float(lag["value"][1]) == 0.01


def test_the_findings_of_the_run_are_pending_alerts(prometheus: str) -> None:
    pending = {(rule["name"], rule["labels"]["severity"]) for rule in rules(prometheus) if rule["alerts"]}
    assert {("LoadTestRunNotValid", "critical"), ("LoadTestCriterion", "warning")} <= pending
    assert ("LoadTestCriterion", "critical") not in pending
    assert ("PortalGone", "critical") not in pending


def test_the_dashboards_figures_of_the_moment_are_there(prometheus: str) -> None:
    of_the_moment = [expr for expr in QUERIES if "[" not in expr]
    assert len(of_the_moment) > 15
    assert [expr for expr in of_the_moment if not query(prometheus, expr)] == []
