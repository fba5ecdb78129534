"""Alerts that Prometheus would send for given series: promtool evaluates the shipped rules over them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from promtool import promtool

from conf.layers import CONF_DIR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

RULES = CONF_DIR / "prometheus" / "rules.yml"
INTERVAL = "15s"
_SAMPLES = 60
Series = dict[str, str]
"""Series → its values, in promtool's notation."""

PORTAL_UP: Series = {'up{job="portal"}': f"1x{_SAMPLES}"}


def constant(series: str, value: float) -> Series:
    return {series: f"{value:.12g}x{_SAMPLES}"}


def counter(series: str, per_interval: float) -> Series:
    return {series: f"0+{per_interval:g}x{_SAMPLES}"}


def histogram(name: str, labels: str, up_to: Mapping[str, float]) -> Series:
    """Buckets that grow by the given number of results per interval, up to each bound; the last bucket has all."""
    whole = list(up_to.values())[-1]
    series: Series = {}
    for bound, per_interval in (*up_to.items(), ("+Inf", whole)):
        series |= counter(f'{name}_bucket{{{labels},le="{bound}"}}', per_interval)
    return series | counter(f"{name}_count{{{labels}}}", whole)


def assert_alerts(
    directory: Path, series: Series, expected: Iterable[tuple[str, str]], rules: Path = RULES
) -> None:
    """Assert that after a quarter of an hour exactly these alerts fire, as pairs of name and severity."""
    case = {
        "interval": INTERVAL,
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname, severity) (ALERTS{alertstate="firing"})',
                "eval_time": "15m",
                "exp_samples": [
                    {"labels": f'{{alertname="{name}", severity="{severity}"}}', "value": 1}
                    for name, severity in expected
                ],
            }
        ],
    }
    run_case(directory, case, rules)


def run_case(directory: Path, case: Mapping[str, object], rules: Path = RULES) -> None:
    file = directory / "case.yml"  # JSON is YAML
    file.write_text(json.dumps({"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": [case]}))
    promtool("test", "rules", str(file))
