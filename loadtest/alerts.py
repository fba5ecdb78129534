"""``loadtest alerts``: the thresholds as Prometheus's alert rules and Grafana's dashboard."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003 - Typer reads the annotations at run time
from typing import Annotated

import typer

from conf.errors import LoadTestError
from conf.loading import load_settings
from conf.own_file import refuse_foreign
from monitoring.alerting.rules_file import rules_file
from monitoring.grafana.dashboard import dashboard_file

_RULES = re.compile(rb"^# Written by `loadtest alerts`", re.MULTILINE)
_DASHBOARD = re.compile(rb'"uid": "openhouse"')


def command(
    output: Annotated[Path | None, typer.Option(help="Write the rules there.", show_default="stdout")] = None,
    dashboard: Annotated[Path | None, typer.Option(help="Write Grafana's dashboard there.")] = None,
    config: Annotated[list[Path] | None, typer.Option(help="TOML file laid over conf/loadtest.toml.")] = None,
) -> None:
    """
    Make Prometheus's alert rules of the thresholds.

    Reads the settings. Prints the rules, or writes them, and Grafana's dashboard with the same limits. Sends nothing.
    A file that this command did not write is not overwritten.

    Exits with 0 when all is written, with 2 when the settings are not in order or a file cannot be written.
    """
    settings = load_settings(config_files=config or ())
    if dashboard is not None:
        _write(dashboard, dashboard_file(settings), _DASHBOARD)
    if output is not None:
        _write(output, rules_file(settings), _RULES)
    elif dashboard is None:
        typer.echo(rules_file(settings), nl=False)


def _write(path: Path, text: str, mark: re.Pattern[bytes]) -> None:
    refuse_foreign(path, mark, "Name another file, or move that one away.")
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LoadTestError(
            f"{path}: cannot be written: {error.strerror}", "Name a file in a directory that is there."
        ) from error
