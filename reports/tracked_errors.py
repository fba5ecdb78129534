"""``errors.jsonl`` of a run directory: what the portal and the load wrote down while the run went on."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from conf.input_file import open_file, whole_lines
from monitoring.journal_reading import LONGEST_LINE, parse_record
from monitoring.redaction import redact
from monitoring.run_errors import RUN_ERRORS, SUMMARY_KIND
from monitoring.tracker import LOAD
from reports.record import TrackedErrors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitoring.journal_reading import Record

_MOST = 20
_LONGEST = 300


def load_tracked_errors(run_dir: Path) -> list[TrackedErrors]:
    """
    The errors by kind, route and message, the most frequent first, at most twenty groups.

    Failed requests as the load's users saw them are left out: they are among the failures. A file that is not there,
    or a line that is damaged, is no problem of the run: the log is beside the figures, not among them.
    """
    groups: Counter[_Group] = Counter()
    last: dict[_Group, str] = {}
    for record in _records(run_dir / RUN_ERRORS):
        if record.get("kind") in {None, LOAD, SUMMARY_KIND}:
            continue
        kind, route, step, message = (_text(record, name) for name in ("kind", "route", "step", "message"))
        group = _Group(kind, route, step, message, _status(record))
        groups[group] += 1
        last[group] = max(last.get(group, ""), _text(record, "time"))
    return [
        TrackedErrors(*group, count=count, last_at=last[group]) for group, count in groups.most_common(_MOST)
    ]


class _Group(NamedTuple):
    kind: str
    route: str
    step: str
    message: str
    status: int | None


def _text(record: dict[str, Any], name: str) -> str:
    return redact(str(record.get(name) or ""))[:_LONGEST]


def _status(record: dict[str, Any]) -> int | None:
    status = record.get("status")
    return status if isinstance(status, int) and not isinstance(status, bool) else None


def _records(path: Path) -> Iterator[Record]:
    try:
        with open_file(path) as file:
            for line, _ in whole_lines(file, LONGEST_LINE):
                if (record := parse_record(line)) is not None:
                    yield record
    except OSError:
        return
