"""docs/monitoring.md names the metrics, labels and alerts that there are, and no others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from doc_pages import page, rows, section
from metrics_pages import full_run, portal_page
from prometheus_client.parser import text_string_to_metric_families

from conf.loading import load_settings
from monitoring.alerting.alerts_of_portal import portal_rules
from monitoring.alerting.alerts_of_run import run_rules
from monitoring.run_metrics import render

if TYPE_CHECKING:
    from collections.abc import Iterator

Labels = frozenset[str]


def exposed(text: bytes) -> Iterator[tuple[str, Labels]]:
    """Name and labels of what a page has, without what histograms and Python add."""
    for family in text_string_to_metric_families(text.decode()):
        if family.name.endswith("_created"):
            continue
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        yield name, frozenset(labels)


def documented(heading: str) -> dict[str, Labels]:
    return {
        name: frozenset(re.findall(r"`(\w+)`", labels))
        for first, labels, *_ in rows(section(page("monitoring.md"), heading))
        for name in re.findall(r"`(\w+)`", first)
    }


@pytest.mark.parametrize(
    ("heading", "text"),
    [("A load test's page", render(full_run())), ("The portal's page", portal_page())],
    ids=["load test", "portal"],
)
def test_every_metric_and_label_of_a_page_is_documented_and_no_unknown_one_is(
    heading: str, text: bytes
) -> None:
    there = {
        name: labels
        for name, labels in exposed(text)
        if not name.startswith("process_") or name == "process_resident_memory_bytes"
    }
    assert documented(heading) == there


def test_every_alert_is_documented_and_no_unknown_one_is() -> None:
    first_cells = [first for first, *_ in rows(section(page("monitoring.md"), "Alerts"))]
    named = {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)}
    settings = load_settings(environ={})
    rules = [*run_rules(settings), *portal_rules(settings)]
    assert named <= {rule.name for rule in rules}
    about_criteria = {rule.name for rule in rules if rule.labels and rule.name != "PortalRssMb"}
    assert {rule.name for rule in rules} - about_criteria <= named
