"""The thresholds as Prometheus's alert rules: ``conf/prometheus/rules.yml``, which is generated and never edited."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from monitoring.alerting.alerts_of_portal import portal_rules
from monitoring.alerting.alerts_of_run import run_rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from conf.settings import Settings
    from monitoring.alerting.rule import AlertRule

RUNBOOK = "docs/runbook.md"
_HEAD = """\
# Written by `loadtest alerts` from the thresholds in conf/loadtest.toml: change them there, then `make alerts`.
# docs/monitoring.md explains the rules; each names its heading in docs/runbook.md.
"""


def rules_file(settings: Settings) -> str:
    """The rules as YAML: a group about the load test, and one about the portal in production."""
    groups = {"openhouse-load-test": run_rules(settings), "openhouse-portal": portal_rules(settings)}
    lines = ["groups:"]
    for name, rules in groups.items():
        lines += [f"  - name: {name}", "    rules:", *_written(rules)]
    return _HEAD + "\n".join(lines) + "\n"


def _written(rules: Iterable[AlertRule]) -> Iterator[str]:
    for rule in rules:
        yield f"      - alert: {rule.name}"
        yield "        expr: |-"
        yield from (f"          {line}" for line in rule.expr.splitlines())
        yield f"        for: {rule.held}"
        yield "        labels:"
        for name, value in {"severity": str(rule.severity), **rule.labels}.items():
            yield f"          {name}: {json.dumps(value)}"
        yield "        annotations:"
        annotations = {
            "summary": rule.summary,
            "description": rule.description,
            "runbook": f"{RUNBOOK}#{rule.runbook}",
        }
        for name, value in annotations.items():
            yield f"          {name}: {json.dumps(value, ensure_ascii=False)}"
