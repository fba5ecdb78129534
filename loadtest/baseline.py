"""``loadtest baseline``: keep runs to compare later ones with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from conf.errors import ExitCode, LoadTestError
from monitoring.redaction.clean_console import CleanConsole

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reports.baselines.baseline import Baseline

app = typer.Typer(
    help="Keep runs to compare later ones with.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

OWN_DIR = Path("baselines")

Directory = Annotated[Path, typer.Option(help="Where baselines are kept.")]


@app.command("save")
def save(
    run_dir: Annotated[Path, typer.Argument(help="A run directory.")],
    name: Annotated[str, typer.Argument(help="Of the baseline: a to z, 0 to 9 and -.")],
    directory: Directory = OWN_DIR,
) -> None:
    """
    Keep a run as a baseline.

    Reads the run directory; sends nothing. Writes NAME.json into the directory of baselines. A baseline of that name is
    replaced; a file that is not a baseline is not overwritten.

    Exits with 0 when it is written, 2 when the run is NO VERDICT or not one of this suite, or NAME is not allowed.
    """
    from reports.baseline_search import reduce_run  # noqa: PLC0415
    from reports.baselines.baseline import Machine  # noqa: PLC0415 - pandas takes a while; --help does without
    from reports.baselines.baseline_file import parse_name, write_baseline  # noqa: PLC0415 - as above

    baseline = reduce_run(run_dir, parse_name(name), Machine.here())
    path = write_baseline(baseline, directory)
    journeys = ", ".join(baseline.made.journeys)
    CleanConsole().print(Text(f"{path}: {_results(baseline):,} results of {journeys}"), soft_wrap=True)


@app.command("list")
def list_(directory: Directory = OWN_DIR) -> None:
    """
    List the baselines of the directory, then those that ship with the suite.

    Writes a line for each to stdout, and for each damaged one an error to stderr.

    Exits with 0, or with 2 when one of them is damaged.
    """
    from reports.baselines.baseline_file import SHIPPED_DIR, load_baseline  # noqa: PLC0415 - as above

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("Name", "Journeys", "Profile", "Results", "Made", "Commit", "In"):
        table.add_column(heading, justify="right" if heading == "Results" else "left", overflow="fold")
    damaged = False
    for path in _paths((directory, SHIPPED_DIR)):
        try:
            baseline = load_baseline(path)
        except LoadTestError as error:
            damaged = True
            print(error, file=sys.stderr)  # noqa: T201 - this is the command's output
            continue
        made = baseline.made
        table.add_row(
            Text(path.stem),
            ", ".join(made.journeys),
            Text(made.profile),
            f"{_results(baseline):,}",
            f"{made.started_at:%Y-%m-%d}",
            Text((made.commit or "none")[:7]),
            Text("conf/baselines" if path.parent == SHIPPED_DIR else str(path.parent)),
        )
    console = CleanConsole()
    if table.row_count:
        console.print(table)
    elif not damaged:
        console.print("There are no baselines yet. Save one: loadtest baseline save RUN_DIR NAME")
    raise typer.Exit(ExitCode.USAGE if damaged else ExitCode.OK)


def _results(baseline: Baseline) -> int:
    return sum(account.requests for account in baseline.accounts)


def _paths(directories: Iterable[Path]) -> list[Path]:
    return [path for directory in directories for path in sorted(directory.glob("*.json"))]
