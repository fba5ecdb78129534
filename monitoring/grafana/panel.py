"""Grafana's panels as JSON: the parts that all of them share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DATASOURCE = {"type": "prometheus", "uid": "openhouse-prometheus"}
"""The data source of all panels, as conf/grafana/provisioning/datasources names it."""
_WIDTH = 24
_HEIGHTS = {"row": 1, "stat": 4, "table": 8, "timeseries": 8}

Panel = dict[str, Any]


class Query(NamedTuple):
    """PromQL, and what the legend calls its results."""

    expr: str
    legend: str = ""


class Look(NamedTuple):
    """
    How figures are shown.

    Args:
        unit: One of Grafana's units.
        width: Columns, of 24.
        limits: Where PASS ends and FAIL begins; drawn as lines.
        words: Figure → text and colour that are shown instead of it.
    """

    unit: str
    width: int = _WIDTH
    limits: Sequence[float] = ()
    words: Mapping[int, tuple[str, str]] | None = None


class TableColumn(NamedTuple):
    """A column of a table: its heading, the query that fills it, and how its figures are shown."""

    heading: str
    expr: str
    look: Look


class Row(NamedTuple):
    """Panels under a heading."""

    title: str
    panels: Sequence[Panel]


def time_series(title: str, queries: Sequence[Query], look: Look) -> Panel:
    """A line over time for each result."""
    panel = _panel("timeseries", title, look)
    panel["fieldConfig"]["defaults"]["custom"] = {
        "thresholdsStyle": {"mode": "line" if look.limits else "off"},
        "spanNulls": False,
    }
    options = {
        "legend": {"displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return {**panel, "options": options, "targets": _targets(queries)}


def stat(title: str, query: Query, look: Look, *, shows: str = "auto") -> Panel:
    """The latest figure of each result; *shows* is Grafana's textMode."""
    options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "textMode": shows, "colorMode": "value"}
    return {**_panel("stat", title, look), "options": options, "targets": _targets([query], instant=True)}


def table(title: str, columns: Sequence[TableColumn], *, sort: str = "") -> Panel:
    """
    A line per set of labels.

    Args:
        title: Above the panel.
        columns: Their queries have the same labels.
        sort: The heading to sort by, the largest first.
    """
    panel = _panel("table", title, Look("short"))
    panel["fieldConfig"]["overrides"] = [
        {
            "matcher": {"id": "byName", "options": heading},
            "properties": [
                {"id": "unit", "value": look.unit},
                {"id": "mappings", "value": _mappings(look)},
            ],
        }
        for heading, _, look in columns
    ]
    targets = _targets([Query(column.expr) for column in columns], instant=True)
    for target in targets:
        target["format"] = "table"
    names = {
        f"Value #{target['refId']}": column.heading for target, column in zip(targets, columns, strict=True)
    }
    return {
        **panel,
        "options": {"sortBy": [{"displayName": sort, "desc": True}] if sort else []},
        "transformations": [
            {"id": "merge", "options": {}},
            {"id": "organize", "options": {"excludeByName": {"Time": True}, "renameByName": names}},
        ],
        "targets": targets,
    }


def laid_out(rows: Iterable[Row]) -> list[Panel]:
    """All panels, each with its place and a number."""
    placed: list[Panel] = []
    y = 0
    for row in rows:
        heading = {"type": "row", "title": row.title, "collapsed": False, "panels": []}
        x, height = _WIDTH, 0  # the heading has a line of its own
        for panel in ({**heading, "gridPos": {"w": _WIDTH}}, *row.panels):
            width = panel["gridPos"]["w"]
            if x + width > _WIDTH:
                x, y, height = 0, y + height, 0
            own = _HEIGHTS[panel["type"]]
            place = {"x": x, "y": y, "w": width, "h": own}
            placed.append({"id": len(placed) + 1, **panel, "gridPos": place})
            x, height = x + width, max(height, own)
        y += height
    return placed


def _panel(kind: str, title: str, look: Look) -> Panel:
    steps: list[tuple[float | None, str]] = [(None, "green")]
    steps += zip(look.limits, ("orange", "red"), strict=False)
    levels = [{"value": value, "color": colour} for value, colour in steps]
    return {
        "type": kind,
        "title": title,
        "datasource": DATASOURCE,
        "gridPos": {"w": look.width},
        "fieldConfig": {
            "defaults": {
                "unit": look.unit,
                "mappings": _mappings(look),
                "thresholds": {"mode": "absolute", "steps": levels},
            },
            "overrides": [],
        },
    }


def _targets(queries: Sequence[Query], *, instant: bool = False) -> list[dict[str, Any]]:
    return [
        {
            "refId": "ABCDEFGH"[number],
            "datasource": DATASOURCE,
            "expr": query.expr,
            "legendFormat": query.legend or "__auto",
            "instant": instant,
            "range": not instant,
        }
        for number, query in enumerate(queries)
    ]


def _mappings(look: Look) -> list[dict[str, Any]]:
    if not look.words:
        return []
    options = {str(value): {"text": text, "color": colour} for value, (text, colour) in look.words.items()}
    return [{"type": "value", "options": options}]
