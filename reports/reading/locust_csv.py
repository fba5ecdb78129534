"""Locust's CSV files: the statistics, the failures and the exceptions of a run."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conf.operations import Outcome
from monitoring.redaction.redact import redact
from reports.problem import Problem, ProblemCode
from reports.reading.table import load_numbers, load_table
from reports.statistics.distribution import Latency

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from pathlib import Path

    import pandas as pd

_AGGREGATED = "Aggregated"
_LONGEST_COUNT = 15
"""Digits; a longer number is no count."""
_TOTALS = frozenset({_AGGREGATED, "Total"})
"""Names of the sum of all rows in the versions of Locust; its type is empty or ``None``."""
_STATS_COLUMNS = ("Type", "Name", "Request Count", "Failure Count")
_FAILURES_COLUMNS = ("Method", "Name", "Error", "Occurrences")
_EXCEPTIONS_COLUMNS = ("Count", "Message")
_ALIASES = {
    "method": "Type",
    "# requests": "Request Count",
    "# failures": "Failure Count",
    **{
        name.lower(): name
        for name in (
            *_STATS_COLUMNS,
            "Median Response Time",
            "Average Response Time",
            "Min Response Time",
            "Max Response Time",
            "Requests/s",
        )
    },
}
"""Columns of the statistics as Locust 0.x and 1.x spell them, in lower case."""
_PERCENTILE = re.compile(r"(\d+(?:\.\d+)?)%")
_LATENCY_COLUMNS = (
    "Min Response Time",
    "Average Response Time",
    "50%",
    "95%",
    "99%",
    "Max Response Time",
)


@dataclass(frozen=True, slots=True)
class StatsRow:
    """One name of ``…_stats.csv``; latencies are of all requests, including failures."""

    method: str
    name: str
    requests: int
    failures: int
    per_second: float | None
    latency: Latency
    percentiles: Mapping[float, float] = field(default_factory=dict)
    """Percent → milliseconds, for the percentiles that Locust writes."""


@dataclass(frozen=True, slots=True)
class FailureRow:
    """One line of ``…_failures.csv``; the outcome is None where the message does not begin with one."""

    method: str
    name: str
    outcome: Outcome | None
    message: str
    count: int


def load_stats(
    path: Path, problems: list[Problem], *, own: bool = False, distribution: Path | None = None
) -> tuple[list[StatsRow], StatsRow | None]:
    """
    Read ``…_stats.csv``.

    Locust writes the sum of all rows last; where the sum is missing or differs, rows are missing too.

    Args:
        path: The file with the statistics.
        problems: Receives the problems of the files.
        own: Whether this suite made the file; otherwise any version of Locust may have made it.
        distribution: A separate file with the percentiles; not read where the statistics hold percentiles.

    Returns:
        One row per type and name, and the sum; None where the sum is missing.
    """
    noted = len(problems)
    table = load_table(path, _STATS_COLUMNS, problems, aliases=None if own else _ALIASES)
    if distribution is not None and not any(map(_PERCENTILE.fullmatch, map(str, table.columns))):
        table = _with_percentiles(table, distribution, problems)
    rows = [_stats_row(record) for record in table.to_dict("records")]
    if None in rows:
        problems.append(_damage(path, "has counts that cannot be"))
    named = [row for row in rows if row is not None]
    totals = [row for row in named if row.name in _TOTALS and row.method in {"", "None"}][-1:]
    named = [row for row in named if row not in totals]
    total = totals[0] if totals else None
    if len(problems) > noted:
        return named, total  # the problem is noted already
    if total is None:
        problems.append(_damage(path, "has no Aggregated row, which Locust writes last: lines are missing"))
    elif (total.requests, total.failures) != (
        requests := sum(row.requests for row in named),
        failures := sum(row.failures for row in named),
    ):
        sums = f"{total.requests} requests and {total.failures} failures"
        problems.append(_damage(path, f"adds up to {sums}, its rows to {requests} and {failures}"))
    return named, total


def load_failures(
    path: Path, stats: list[StatsRow], problems: list[Problem], *, own: bool = False
) -> list[FailureRow]:
    """
    Read ``…_failures.csv`` and compare its counts with the statistics.

    A missing file is damage only in a run directory of our own (*own*). In another project's, the statistics count
    the failures too, and whether their messages are needed depends on the verdict.
    """
    failed = sum(row.failures for row in stats)
    if not own and not path.exists():
        return []
    noted = len(problems)
    table = load_table(path, _FAILURES_COLUMNS, problems, aliases=None if own else {})
    records = table.to_dict("records")
    rows = [_failure_row(record) for record in records]
    known = [row for row in rows if row is not None]
    if len(known) < len(rows):
        problems.append(_damage(path, "has counts that cannot be"))
    if len(problems) == noted and (listed := sum(row.count for row in known)) != failed:
        problems.append(_damage(path, f"lists {listed} failures, the statistics count {failed}"))
    return known


def load_exceptions(path: Path, problems: list[Problem], *, own: bool = False) -> list[tuple[int, str]]:
    """
    Read ``…_exceptions.csv``: how often, and the message.

    In another project's run, a missing file means that nothing was raised. In our own (*own*) it is damage, since
    Locust always writes the file.
    """
    if not own and not path.exists():
        return []
    table = load_table(path, _EXCEPTIONS_COLUMNS, problems, aliases=None if own else {})
    pairs = [(_count(record["Count"]), redact(str(record["Message"]))) for record in table.to_dict("records")]
    return [(count or 1, message) for count, message in pairs]


def load_users(path: Path) -> list[tuple[float, int]]:
    """
    Read from ``…_stats_history.csv`` how many users there were, and when, in seconds since the epoch.

    The numbers are drawn, and are in no figure: a missing or damaged line is left out and is no problem.
    """
    table = load_numbers(path, ["Name"], ["Timestamp", "User Count"], [])
    total = table[table["Name"] == _AGGREGATED]
    return [
        (float(at_s), int(users)) for at_s, users in zip(total["Timestamp"], total["User Count"], strict=True)
    ]


def _with_percentiles(table: pd.DataFrame, path: Path, problems: list[Problem]) -> pd.DataFrame:
    """The statistics with the columns of ``…_distribution.csv``, where a name is type and name together."""
    percentiles = load_table(path, ["Name", "Request Count"], problems, aliases=_ALIASES)
    columns = [column for column in percentiles.columns if _PERCENTILE.fullmatch(str(column))]
    percentiles = percentiles.drop_duplicates("Name").set_index("Name")
    keys = (table["Type"] + " " + table["Name"]).str.strip()
    joined = percentiles.reindex(keys).set_axis(table.index)
    counted = joined["Request Count"].fillna(table["Request Count"])
    if (counted != table["Request Count"]).any():
        problems.append(_damage(path, "counts other requests than the statistics: it is of another run"))
        return table
    return table.join(joined[columns]).fillna("")


def _stats_row(record: Mapping[Hashable, str]) -> StatsRow | None:
    requests, failures = _count(record["Request Count"]), _count(record["Failure Count"])
    if requests is None or failures is None or failures > requests:
        return None
    fastest, mean, p50, p95, p99, slowest = (_number(record.get(column)) for column in _LATENCY_COLUMNS)
    percentiles = _percentiles(record)
    if p50 is None and (median := _number(record.get("Median Response Time"))) is not None:
        p50, percentiles = median, percentiles | {50.0: median}
    latency = Latency(fastest, mean, p50, p95, p99, slowest)
    return StatsRow(
        method=record["Type"],
        name=redact(record["Name"]),
        requests=requests,
        failures=failures,
        per_second=_number(record.get("Requests/s")),
        latency=latency if requests else Latency(),
        percentiles=percentiles if requests else {},
    )


def _percentiles(record: Mapping[Hashable, str]) -> dict[float, float]:
    columns = [(match, text) for key, text in record.items() if (match := _PERCENTILE.fullmatch(str(key)))]
    return {float(match[1]): value for match, text in columns if (value := _number(text)) is not None}


def _failure_row(record: Mapping[Hashable, str]) -> FailureRow | None:
    count = _count(record["Occurrences"])
    if count is None:
        return None
    return parse_failure(record["Method"], record["Name"], record["Error"], count)


def parse_failure(method: str, name: str, error: str, count: int) -> FailureRow:
    """A failure from Locust's words; a failure of the suite has its outcome before its message."""
    kind, separator, message = error.partition(": ")
    outcome = Outcome(kind) if separator and kind in set(Outcome) else None
    return FailureRow(method, redact(name), outcome, redact(message if outcome else error), count)


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_COUNT else None


def _number(text: str | None) -> float | None:
    """A number as Locust writes it; None for ``N/A`` and for missing columns."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < math.inf else None


def _damage(path: Path, what: str) -> Problem:
    next_step = "The figures below are what could still be read. Run the journey again for a verdict."
    return Problem(ProblemCode.DAMAGED_FILE, f"{path.name}: {what}", next_step)
