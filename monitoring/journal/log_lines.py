"""Records as lines for people, and the filter that chooses them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from conf.errors import LoadTestError

if TYPE_CHECKING:
    from monitoring.journal.reading import Record

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_ALREADY_SHOWN = {
    "time",
    "kind",
    "route",
    "message",
    "stack",
    "process",
    "writer",
    "sequence",
    "steps_ms",
    "total_ms",
}


@dataclass(frozen=True, slots=True)
class Filter:
    """
    Chooses records; a condition of None accepts all.

    Args:
        kind: Kind of the error.
        route: Part of the route.
        run: Id of a run.
        since: The oldest time, spelled as in records.
    """

    kind: str | None = None
    route: str | None = None
    run: str | None = None
    since: str = ""

    def accepts(self, record: Record) -> bool:
        """Whether a record meets all conditions."""
        return (
            (self.kind is None or record.get("kind") == self.kind)
            and (self.route is None or self.route in str(record.get("route")))
            and (self.run is None or record.get("run_id") == self.run)
            and str(record.get("time", "")) >= self.since
        )


def parse_since(text: str, now_s: float) -> float:
    """
    A moment as seconds since the epoch: ``2026-11-28T20:00:00Z``, or an age such as ``15m``.

    Raises:
        LoadTestError: It is neither.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return now_s - parse_age_s(text)


def parse_age_s(text: str) -> float:
    """
    ``90s``, ``15m``, ``1h``, ``7d`` as seconds.

    Raises:
        LoadTestError: It is none of these.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if found is None:
        raise LoadTestError(
            f"--since: {text!r} is not an age, and no moment either",
            "Give a number and s, m, h or d (--since 1h), or a moment in UTC (--since 2026-11-28T20:00:00Z)",
        )
    return float(found[1]) * _SECONDS[found[2]]


def show_record(record: Record) -> str:
    """One line: time, kind, route, and all other fields."""
    head = f"{str(record.get('time'))[:23]}  {record.get('kind')}  {record.get('route')}"
    if "total_ms" in record:
        steps = record.get("steps_ms") or {}
        parts = ", ".join(f"{name} {milliseconds:.1f}" for name, milliseconds in steps.items())
        told = f"{record['total_ms']:.1f} ms" + (f" ({parts})" if parts else "")
    else:
        stack = record.get("stack")
        told = f"{record.get('message')}" + (f"  at {stack[-1]}" if stack else "")
    fields = {key: value for key, value in record.items() if key not in _ALREADY_SHOWN}
    fields |= fields.pop("context", {})
    rest = " ".join(f"{key}={value}" for key, value in fields.items())
    line = f"{head}  {told}" + (f"  {rest}" if rest else "")
    return line.replace("\n", " ⏎ ")
