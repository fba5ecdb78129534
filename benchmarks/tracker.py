"""
What does a record cost, and is it there afterwards?

Writes the same records with the journal, the standard library's ``RotatingFileHandler`` and ``concurrent-log-handler``,
with one process and with four at once, all rolling at the same size, several rounds in turn. Counts the records that are
there at the end, and writes the table into docs/error-tracking.md. Run it with ``make bench``.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import re
import tempfile
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from concurrent_log_handler import ConcurrentRotatingFileHandler

from benchmarks.documented import put_table
from monitoring.journal.current_segment import SegmentLimits
from monitoring.journal.tracker import Tracker
from monitoring.journal.writer import Journal

if TYPE_CHECKING:
    from collections.abc import Callable

    Write = Callable[[dict[str, Any]], object]

ROUNDS = 5
RECORDS = 8_000
"""Of each process and round."""
PROCESSES = (1, 4)
SEGMENT_BYTES = 200_000
_LIMITS = SegmentLimits(segment_bytes=SEGMENT_BYTES, patience_s=60)
_HOUSE = "8c8f4f6e-0000-4000-8000-000000000000"


def with_journal(directory: Path) -> Write:
    """The journal alone."""
    journal = Journal(directory, "errors", _LIMITS)
    return lambda record: journal.append(json.dumps(record).encode())


def with_log_api_error(directory: Path) -> Write:
    """The whole call, with an exception's stack, and its texts redacted."""
    tracker = Tracker(directory, limits=_LIMITS, secrets=["a-secret-that-is-not-in-it"])
    try:
        raise LookupError("no such house")  # noqa: TRY301 - for its traceback
    except LookupError as caught:
        error = caught
    return lambda record: tracker.log_api_error(
        "/api/chat", error, house_id=record["house_id"], status=500, step="llm", **{"from": record["from"]}
    )


def with_log_performance(directory: Path) -> Write:
    """The whole call, with four steps."""
    tracker = Tracker(directory, limits=_LIMITS, secrets=["a-secret-that-is-not-in-it"])
    steps_ms = {"auth": 1.25, "retrieval": 10.5, "llm": 1600.25, "insert": 2.5}
    return lambda record: tracker.log_performance(
        "/api/chat", 1614.5, steps_ms, house_id=record["house_id"], status=200, **{"from": record["from"]}
    )


def with_handler(handler: logging.Handler) -> Write:
    """A handler of the standard library's kind, with the record as its message."""
    logger = logging.Logger("benchmark")  # noqa: LOG001 - of its own
    logger.addHandler(handler)
    return lambda record: logger.error(json.dumps(record))


def with_rotating(directory: Path) -> Write:
    """The standard library's; documented as not safe for several processes."""
    path = directory / "log"
    return with_handler(RotatingFileHandler(path, maxBytes=SEGMENT_BYTES, backupCount=500))


def with_concurrent(directory: Path) -> Write:
    """concurrent-log-handler's."""
    path = str(directory / "log")
    return with_handler(ConcurrentRotatingFileHandler(path, maxBytes=SEGMENT_BYTES, backupCount=500))


WAYS: dict[str, Callable[[Path], Write]] = {
    "the journal": with_journal,
    "`log_api_error`, with a stack": with_log_api_error,
    "`log_performance`, with four steps": with_log_performance,
    "`RotatingFileHandler`": with_rotating,
    "`ConcurrentRotatingFileHandler`": with_concurrent,
}


def write(way: str, directory: Path, number: int, gate: Any, times: Any) -> None:
    """One process: writes its records once all are ready, and tells what a call took in microseconds."""
    logging.raiseExceptions = False  # a handler that fails to roll says so for each record
    append = WAYS[way](directory)
    gate.wait()
    began_s = time.perf_counter()
    for count in range(RECORDS):
        append(
            {
                "time": "2026-11-24T17:00:00.000+00:00",
                "kind": "api",
                "route": "/api/chat",
                "message": "no such house",
                "house_id": _HOUSE,
                "from": f"{number}/{count}",
            }
        )
    times.put((time.perf_counter() - began_s) / RECORDS * 1e6)


def measure(way: str, processes: int) -> tuple[float, int]:
    """Microseconds per call, and records that are not there afterwards."""
    context = multiprocessing.get_context("spawn")
    gate, times = context.Barrier(processes), context.Queue()
    with tempfile.TemporaryDirectory() as name:
        started = [
            context.Process(target=write, args=(way, Path(name), number, gate, times))
            for number in range(processes)
        ]
        for process in started:
            process.start()
        took_us = [times.get() for _ in started]
        for process in started:
            process.join()
        there = {
            found
            for path in Path(name).iterdir()
            for found in re.findall(r'"from": "(\d+/\d+)"', path.read_text(errors="replace"))
        }
    return median(took_us), processes * RECORDS - len(there)


def table() -> str:
    """The fastest round of each as a Markdown table; the ways take turns, so that a busy moment strikes them all."""
    measured: dict[tuple[str, int], list[tuple[float, int]]] = {}
    for _ in range(ROUNDS):
        for processes in PROCESSES:
            for way in WAYS:
                measured.setdefault((way, processes), []).append(measure(way, processes))
    lines = [
        "| | 1 process | ÷ journal | 4 processes | ÷ journal | lost of 32,000 |",
        "|---|---|---|---|---|---|",
    ]
    for way in WAYS:
        cells = [way]
        for processes in PROCESSES:
            took = min(us for us, _ in measured[way, processes])
            base = min(us for us, _ in measured["the journal", processes])
            cells += [f"{took:.0f} µs", f"{took / base:.1f}"]
        losses = sorted(lost for _, lost in measured[way, max(PROCESSES)])
        cells.append(f"{losses[0]:,} to {losses[-1]:,}" if losses[-1] else "0")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Write the table into the documentation."""
    made = table()
    put_table("error-tracking.md", "benchmark", made)
    print(made)  # noqa: T201 - a benchmark is run by hand


if __name__ == "__main__":
    main()
