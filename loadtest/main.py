"""The command ``loadtest``: one module per sub-command, each with a function ``command``."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn

import typer

from conf.errors import ExitCode, LoadTestError
from loadtest import alerts, baseline, check, compare, logs, portal, qrs, report, run, seed, token

app = typer.Typer(
    name="loadtest",
    help="Load tests of the OpenHouse AI portal: may we deploy, and how far does it carry?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for module in (run, report, check, seed, qrs, token, portal, compare, alerts, logs):
    app.command(module.__name__.rpartition(".")[2])(module.command)
app.add_typer(baseline.app, name="baseline")


def main() -> None:
    """Run the command; mistakes that people can put right end as a sentence on stderr and exit code 2."""
    signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        app()
    except LoadTestError as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is the command's output
        sys.exit(ExitCode.USAGE)


def _on_sigterm(*_: object) -> NoReturn:
    """End as Ctrl-C does, so that everything that was started is stopped."""
    raise KeyboardInterrupt
