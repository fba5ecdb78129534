"""``loadtest compare``: is a run better or worse than a baseline, and how sure is that?"""

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass
from pathlib import Path  # noqa: TC003 - Typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import BaseModel
from rich.table import Table
from rich.text import Text

from conf.loading import load_settings
from loadtest.baseline import OWN_DIR, Directory
from monitoring.redaction.clean_console import CleanConsole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from conf.settings import Floor
    from reports.baselines.baseline import Made
    from reports.baselines.change import Change
    from reports.baselines.comparison import Comparison, Difference

_CHANGED = {"REGRESSED", "IMPROVED"}
_FORMAT = 1
_LOOKS = {
    "NO_CHANGE": ("●", "green"),
    "IMPROVED": ("★", "green"),
    "REGRESSED": ("■", "red"),
    "NOT_DECIDABLE": ("◇", "magenta"),
    "NOT_COMPARABLE": ("◇", "magenta"),
}


def command(
    baseline: Annotated[
        str, typer.Argument(help="Name of a baseline, or path of one, or another run directory.")
    ],
    run_dir: Annotated[Path, typer.Argument(help="The run directory to hold against it.")],
    directory: Directory = OWN_DIR,
    config: Annotated[
        list[Path] | None,
        typer.Option(help="TOML file with another [comparison]; laid over conf/loadtest.toml."),
    ] = None,
) -> None:
    """
    Compare a run with a baseline, figure by figure, each with its interval.

    Reads the baseline and the run directory; sends nothing. Writes comparison.json into RUN_DIR, or into
    RUN_DIR/verdict where RUN_DIR is not one of this suite, and a table to stdout.

    Exits with 0 for NO CHANGE and IMPROVED, 1 for REGRESSED, 2 when there is no such baseline or run, 3 for NOT
    DECIDABLE and NOT COMPARABLE.
    """
    from reports.baselines.change import exit_code  # noqa: PLC0415 - pandas takes a while; --help does without
    from reports.output import write_text  # noqa: PLC0415
    from reports.own_files import COMPARISON_FILE, is_own_run, output_directory  # noqa: PLC0415

    floor = load_settings(config_files=config or (), environ={}).comparison
    comparison = _compare(baseline, run_dir, directory, floor)
    path = output_directory(run_dir, (COMPARISON_FILE,), own=is_own_run(run_dir)) / COMPARISON_FILE
    write_text(path, render_json(comparison))
    print_comparison(CleanConsole(), comparison)
    CleanConsole().print(Text(f"\nEvery figure: {path}"), soft_wrap=True)
    raise typer.Exit(exit_code(comparison.change))


def _compare(baseline: str, run_dir: Path, directory: Path, floor: Floor) -> Comparison:
    from reports.baseline_search import find_baseline, reduce_run  # noqa: PLC0415
    from reports.baselines.baseline import Machine  # noqa: PLC0415 - as above
    from reports.baselines.baseline_file import SHIPPED_DIR  # noqa: PLC0415 - as above
    from reports.baselines.comparison import compare, not_comparable  # noqa: PLC0415
    from reports.baselines.reduction import NotComparableError  # noqa: PLC0415 - as above

    name, here = run_dir.resolve().name, Machine.here()
    try:
        return compare(
            find_baseline(baseline, (directory, SHIPPED_DIR), here), reduce_run(run_dir, name, here), floor
        )
    except NotComparableError as error:
        return not_comparable(baseline, name, floor, error.message)


def render_json(comparison: Comparison) -> str:
    """The whole comparison as JSON; keys are the field names, changes are in the words of the terminal output."""
    return (
        json.dumps({"format": _FORMAT} | _plain(comparison), indent=2, ensure_ascii=False, allow_nan=False)
        + "\n"
    )


def _plain(value: Any) -> Any:
    """*value* as JSON can hold it; an infinite end of an interval becomes null."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_comparison(console: Console, comparison: Comparison) -> None:
    """
    Print the overall change, the circumstances in which the two differ, and every figure that decides.

    A part of a flow is shown where it certainly changed: it says where to look.
    """
    console.print()
    console.print(
        Text.assemble(
            change_text(comparison.change),
            f"  {comparison.run} compared with {comparison.baseline}: ",
            _headline(comparison),
        )
    )
    for reason in comparison.reasons:
        console.print(Text(f"  {reason}"))
    if comparison.differences:
        console.print()
        console.print(_table(comparison.differences))
    if any(
        difference.decides and difference.change.name in _CHANGED for difference in comparison.differences
    ):
        for caution in comparison.cautions:
            console.print(Text.assemble("\n", ("Note: ", "bold"), caution))
    made = _made_differently(comparison.baseline_made, comparison.run_made)
    for what, before, after in made:
        console.print(
            Text.assemble("\n" if what == made[0][0] else "", (f"{what}: ", "bold"), f"{before} → {after}")
        )


def change_text(change: Change) -> Text:
    """A change as shape and word; the colour only repeats them."""
    shape, colour = _LOOKS[change.name]
    return Text(f"{shape} {change}", style=f"bold {colour}")


def _headline(comparison: Comparison) -> str:
    floor = comparison.floor
    deciding = [difference for difference in comparison.differences if difference.decides]
    concerned = sum(difference.change is comparison.change for difference in deciding)
    share = f"{concerned} of {len(deciding)} figures"
    match comparison.change.name:
        case "REGRESSED":
            return f"certainly worse in {share}."
        case "IMPROVED":
            return f"certainly better in {share}, and worse in none."
        case "NOT_DECIDABLE":
            return f"too few results to tell, or too scattered, in {share}."
        case "NOT_COMPARABLE":
            return "the two cannot be compared."
    points = 100 * floor.least_success_ratio
    return (
        f"no latency changed by more than {100 * floor.least_ratio:g} % and {floor.least_ms:g} ms, "
        f"and no success rate by more than {points:g} point{'' if points == 1 else 's'}."
    )


def _table(differences: Sequence[Difference]) -> Table:
    from reports.wording import figures  # noqa: PLC0415 - as above

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("Change", no_wrap=True)
    table.add_column("Figure")
    for heading in ("Baseline", "Run", "Differs by", "95 % interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    subject = ""
    for difference in differences:
        if not difference.decides and difference.change.name not in _CHANGED:
            continue
        if difference.subject != subject:
            subject = difference.subject
            label = Text(figures.subject_label(subject), style="bold")
            table.add_row(
                "", label if difference.decides else label.append("\na part: decides nothing", "dim")
            )
        label = Text(figures.metric_label(difference.metric))
        if difference.note:
            label.append(f"\n{difference.note}", style="dim")
        table.add_row(
            change_text(difference.change),
            label,
            *(
                figures.figure(difference.metric, value, at_least=side in difference.at_least)
                for side, value in (("baseline", difference.baseline), ("new", difference.new))
            ),
            *_effect(difference),
        )
    return table


def _effect(difference: Difference) -> tuple[str, str]:
    """The difference and its interval: of a latency as a share of the baseline's, of a success rate in percentage points."""
    if difference.ratio is not None:
        value, low, high = (_percent(end - 1) for end in difference.ratio)
        return f"{value} %", f"{low} … {high} %" if low else ""
    if difference.difference is not None:
        value, low, high = (_percent(end) for end in difference.difference)
        return f"{value} points", f"{low} … {high} points" if low else ""
    return "", ""


def _percent(share: float) -> str:
    if not math.isfinite(share):
        return "" if math.isnan(share) else "any"
    shown = round(100 * share, 1 if abs(share) < 0.1 else 0) or 0.0  # noqa: PLR2004 - two digits; never -0.0
    return f"{shown:+.1f}" if abs(share) < 0.1 else f"{shown:+,.0f}"  # noqa: PLR2004


def _made_differently(baseline: Made | None, run: Made | None) -> list[tuple[str, str, str]]:
    """What may explain a difference: each circumstance that is not the same, with both values."""
    if baseline is None or run is None:
        return []
    sides = [_made_text(baseline), _made_text(run)]
    return [
        (what, sides[0].get(what, "none"), sides[1].get(what, "none"))
        for what in dict.fromkeys([*sides[0], *sides[1]])
        if sides[0].get(what) != sides[1].get(what)
    ]


def _made_text(made: Made) -> dict[str, str]:
    return {
        "Started": f"{made.started_at:%Y-%m-%d %H:%M:%S} UTC",
        "Commit": made.commit or "not in a Git checkout",
        "Target": made.target,
        "Machine": f"{made.machine.cpus} processors, {made.machine.platform}",
        **{f"Version of {name}": version for name, version in made.versions.items()},
    }
