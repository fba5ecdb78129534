"""``errors.jsonl`` of a run directory: errors that the portal and the load logged during the run."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from conf.input_file import open_file, whole_lines
from conf.run_directory import RUN_ERRORS
from monitoring.journal.reading import LONGEST_LINE, parse_record
from monitoring.journal.run_errors import SUMMARY_KIND, error_group
from monitoring.journal.tracker import LOAD
from monitoring.redaction.redact import redact
from reports.record import TrackedErrors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitoring.journal.reading import Record

_MOST = 20
_LONGEST = 300
_MOST_TIMES = 10**15
_SUMMARY = f'{{"kind": "{SUMMARY_KIND}"'.encode()


def load_tracked_errors(run_dir: Path) -> list[TrackedErrors]:
    """
    The errors by kind, route and message, the most frequent first, at most twenty groups.

    Failed requests as the load's users saw them are left out: they are among the failures. A missing file or a damaged
    line is no problem of the run, since no figure comes from the log.
    """
    groups: Counter[_Group] = Counter()
    last: dict[_Group, str] = {}
    counted: dict[_Group, tuple[int, str]] = {}
    for record in _records(run_dir / RUN_ERRORS):
        if record.get("kind") == SUMMARY_KIND:
            counted = _counted(record.get("groups"))
        if record.get("kind") in {None, LOAD, SUMMARY_KIND}:
            continue
        group = _Group(*error_group(record))
        groups[group] += 1
        last[group] = max(last.get(group, ""), redact(str(record.get("time") or ""))[:_LONGEST])
    for group, (times, last_at) in counted.items():  # only the newest records are copied
        groups[group] = max(groups[group], times)
        last[group] = max(last.get(group, ""), last_at[:_LONGEST])
    return [
        TrackedErrors(*group, count=count, last_at=last[group]) for group, count in groups.most_common(_MOST)
    ]


class _Group(NamedTuple):
    kind: str
    route: str
    step: str
    message: str
    status: int | None


def _counted(groups: object) -> dict[_Group, tuple[int, str]]:
    """Groups of the summary with the number of their errors and the last time; everything else is left out."""
    found = {}
    for row in groups if isinstance(groups, list) else []:
        match row:
            case [
                str(kind),
                str(route),
                str(step),
                str(message),
                int() | None as status,
                int(times),
                str(last),
            ]:
                if kind != LOAD and 0 < times < _MOST_TIMES:
                    found[_Group(kind, route, step, redact(message)[:_LONGEST], status)] = times, last
    return found


def _records(path: Path) -> Iterator[Record]:
    try:
        with open_file(path) as file:
            for line, _ in whole_lines(file, LONGEST_LINE):
                record = _summary(line) if line.startswith(_SUMMARY) else parse_record(line)
                if record is not None:
                    yield record
    except OSError:
        return


def _summary(line: bytes) -> Record | None:
    """The last line, which is a summary and no record of the tracker."""
    try:
        summary: Record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return summary
