"""Copies the errors of a run into its directory: the logs' own segments are removed after a week."""

from __future__ import annotations

import json
import logging
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from conf.run_directory import RUN_ERRORS
from monitoring.journal.reading import JournalReader
from monitoring.journal.segments import timestamp
from monitoring.journal.tracker import ERRORS
from monitoring.redaction.redact import redact

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from monitoring.journal.reading import Record

SUMMARY_KIND = "summary"
"""``kind`` of the last line."""
MOST_RECORDS = 1_000
_MOST_GROUPS = 200
"""Most groups of errors that are counted separately."""
_LONGEST = 300

_log = logging.getLogger(__name__)


def error_group(record: Record) -> tuple[str, str, str, str, int | None]:
    """The group of an error: errors of the same kind, route, step, message and status are alike."""
    kind, route, step, message = (
        redact(str(record.get(name) or ""))[:_LONGEST] for name in ("kind", "route", "step", "message")
    )
    status = record.get("status")
    return kind, route, step, message, status if type(status) is int else None


def copy_errors(
    log_dir: Path, run_dir: Path, run_id: str, between: tuple[datetime, datetime], most: int = MOST_RECORDS
) -> int:
    """
    Write the newest errors *between* two moments into the run directory; returns how many there were in all.

    They are the errors of this host: of this run's users, and of the portal where it runs here. The last line, which is
    also there without errors, is a summary of all errors: ``records``, ``copied``, ``left_out`` by the load's own limit,
    ``by_kind``, and ``groups`` of errors that are alike.
    When the log or the run directory fails, only the copy is lost.
    """
    first, last = (timestamp(moment.timestamp()) for moment in between)
    newest: deque[Record] = deque(maxlen=most)
    by_kind: Counter[str] = Counter()
    by_group: Counter[tuple[Any, ...]] = Counter()
    last_at: dict[tuple[Any, ...], str] = {}
    left_out = 0
    try:
        for record in JournalReader(log_dir, ERRORS, since=first).read():
            if str(record.get("time", "")) <= last and record.get("run_id", run_id) == run_id:
                newest.append(record)
                by_kind[str(record.get("kind"))] += 1
                group = error_group(record)
                if group in by_group or len(by_group) < _MOST_GROUPS:
                    by_group[group] += 1
                    last_at[group] = max(last_at.get(group, ""), str(record.get("time", "")))
                left_out += int(record.get("left_out", 0))
        summary = {
            "kind": SUMMARY_KIND,
            "records": by_kind.total(),
            "copied": len(newest),
            "left_out": left_out,
            "by_kind": dict(sorted(by_kind.items())),
            "groups": [[*group, count, last_at[group]] for group, count in by_group.most_common()],
        }
        with (run_dir / RUN_ERRORS).open("w", encoding="ascii") as file:
            file.writelines(json.dumps(record) + "\n" for record in (*newest, summary))
    except (OSError, ValueError, TypeError) as error:
        _log.warning("%s: the run's errors were not copied: %s", log_dir, error)
    return by_kind.total()
