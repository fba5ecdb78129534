"""``loadtest logs``: show, filter, follow, add up and verify what the tracker has written."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - Typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from conf.errors import ExitCode, LoadTestError
from conf.loading import load_settings
from monitoring.journal.log_lines import Filter, parse_since, show_record
from monitoring.journal.log_summary import PerformanceTimes, count_errors
from monitoring.journal.proof import prove
from monitoring.journal.reading import JournalReader, newest
from monitoring.journal.segments import current_path, timestamp
from monitoring.journal.tracker import ERRORS, PERFORMANCE
from monitoring.redaction.clean_console import CleanConsole
from monitoring.redaction.clean_output import print_record
from monitoring.redaction.output_streams import output_is_lost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitoring.journal.reading import Record

_POLL_S = 0.25


def command(  # noqa: PLR0913 - one parameter per option
    *,
    performance: Annotated[
        bool, typer.Option("--performance", help="How long requests took, instead of errors.")
    ] = False,
    kind: Annotated[str | None, typer.Option(help="Errors of this kind: api, llm, database or load.")] = None,
    route: Annotated[str | None, typer.Option(help="Routes that hold this text.")] = None,
    run: Annotated[str | None, typer.Option(help="Records of this run's load.", metavar="RUN_ID")] = None,
    since: Annotated[
        str | None,
        typer.Option(help="No older than: 90s, 15m, 1h, 7d, or a moment (UTC): 2026-11-28T20:00:00Z."),
    ] = None,
    number: Annotated[int, typer.Option("--number", "-n", min=0, help="How many, the newest.")] = 50,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with what is written, until Ctrl-C.")
    ] = False,
    summary: Annotated[bool, typer.Option("--summary", help="Add them all up instead.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Prove that no record is missing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, one record one line.")] = False,
    config: Annotated[list[Path] | None, typer.Option(help="TOML file laid over conf/loadtest.toml.")] = None,
) -> None:
    """
    Show what the portal and the load have written down: errors, or how long requests took.

    Reads errors.jsonl or performance.jsonl in monitoring.log_dir, with their older segments; sends and writes nothing.
    Prints the newest records, oldest first.

    Exits with 0; with 2 when --verify finds that a record is missing, when there is nothing to verify, or the options
    are not in order.
    """
    directory = load_settings(config_files=config or ()).monitoring.log_dir
    if verify:
        raise typer.Exit(_verify(directory))
    name = PERFORMANCE if performance else ERRORS
    oldest = timestamp(max(parse_since(since, time.time()), 0.0)) if since else ""
    wanted = Filter(kind, route, run, oldest)
    if summary:
        (_add_up_times if performance else _add_up_errors)(directory, wanted, as_json=as_json)
        return
    reader = JournalReader(directory, name)
    if follow:
        reader.skip()  # before the newest are read: a record that is written meanwhile may come twice, and is never missed
    shown = newest(directory, name, number, wanted.accepts, oldest)
    for record in shown:
        _show(record, as_json=as_json)
    if not shown and not follow:
        print(f"No such records in {current_path(directory, name)}.", file=sys.stderr)  # noqa: T201 - its output
    if follow:
        _follow(reader, wanted, {_identity(record) for record in shown}, as_json=as_json)


def _show(record: Record, *, as_json: bool) -> None:
    print_record(json.dumps(record) if as_json else show_record(record), flush=True)


def _identity(record: Record) -> tuple[Any, Any]:
    return record.get("writer"), record.get("sequence")


def _follow(reader: JournalReader, wanted: Filter, shown: set[tuple[Any, Any]], *, as_json: bool) -> None:
    try:
        while not output_is_lost():
            for record in reader.read():
                if wanted.accepts(record) and _identity(record) not in shown:
                    _show(record, as_json=as_json)
            time.sleep(_POLL_S)
    except KeyboardInterrupt:
        return


def _verify(directory: Path) -> ExitCode:
    proofs = {name: prove(directory, name) for name in (ERRORS, PERFORMANCE)}
    if not any(proof.segments for proof in proofs.values()):
        raise LoadTestError(
            f"{directory}: there is nothing to verify: neither errors.jsonl nor performance.jsonl is there",
            "Name the directory that the portal and the load write to: LOADTEST_LOG_DIR=DIR loadtest logs --verify",
        )
    for name, proof in proofs.items():
        state = "whole" if proof.is_whole else "NOT WHOLE"
        removed = f", {proof.removed:,} older ones removed" if proof.removed else ""
        lost = f"; {proof.lost:,} could not be written, and their writers said so" if proof.lost else ""
        print(  # noqa: T201 - this is the command's output
            f"{current_path(directory, name)}: {state}: {proof.records:,} records of {proof.writers:,} writers"
            f" in {proof.segments:,} segments{removed}{lost}"
        )
        for missing in proof.missing:
            print(f"  {missing}")  # noqa: T201 - as above
    return ExitCode.OK if all(proof.is_whole for proof in proofs.values()) else ExitCode.USAGE


def _add_up_errors(directory: Path, wanted: Filter, *, as_json: bool) -> None:
    records = JournalReader(directory, ERRORS, wanted.since).read()
    counts = count_errors(filter(wanted.accepts, records))
    if as_json:
        print_record(json.dumps([asdict(count) for count in counts]))
        return
    rows = [(f"{c.count:,}", c.kind, c.route, c.newest[:19], c.message.partition("\n")[0]) for c in counts]
    _print_table(("Count", "Kind", "Route", "Newest", "Its message"), rows, numbers=1)


def _add_up_times(directory: Path, wanted: Filter, *, as_json: bool) -> None:
    times = PerformanceTimes()
    for record in JournalReader(directory, PERFORMANCE, wanted.since).read():
        if wanted.accepts(record):
            times.add(record)
    if as_json:
        print_record(json.dumps([row._asdict() for row in times.rows()]))
        return
    rows = [
        (f"{row.times:,}", *(f"{ms:,.1f}" for ms in row[3:]), row.route, row.step or "all")
        for row in times.rows()
    ]
    _print_table(("Count", "p50 ms", "p95 ms", "p99 ms", "Route", "Step"), rows, numbers=4)


def _print_table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, numbers: int) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index < numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    CleanConsole().print(table if rows else "There are no such records.")
