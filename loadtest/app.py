"""The sub-commands of ``loadtest``: one module each, with a function ``command``."""

from __future__ import annotations

import typer

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
