"""The shipped Grafana dashboard, read once."""

from __future__ import annotations

import json
from typing import Any

from conf.layers import CONF_DIR

GRAFANA = CONF_DIR / "grafana"
DASHBOARD: dict[str, Any] = json.loads(
    (GRAFANA / "dashboards" / "openhouse.json").read_text(encoding="utf-8")
)
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
