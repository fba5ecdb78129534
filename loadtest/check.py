"""``loadtest check``: look at everything a run needs, without running it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - Typer reads the annotations at run time
from typing import Annotated

import typer
from rich.text import Text

from conf.errors import ExitCode
from conf.journeys import choose_journeys
from conf.loading import load_settings
from conf.operations import ALL, Journey
from monitoring.probing.preflight import Check, preflight
from monitoring.probing.probe import probe
from monitoring.redaction.clean_console import CleanConsole


def command(
    profile: Annotated[
        str | None, typer.Option(help="Load profile: a name in conf/profiles/, or a TOML file.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address of the portal under test.")] = None,
    config: Annotated[list[Path] | None, typer.Option(help="TOML file laid over conf/loadtest.toml.")] = None,
) -> None:
    """
    Look at everything a run needs: settings, run directory, fixture, tokens, secret, portal, database, vector index.

    Reads the settings, the fixture and the environment. Connects to the database; asks the portal for its health, and
    whether it knows the first house's JWT and QR token. Writes nothing, uses no token up, sends no load.

    Exits with 0 when a run can begin, with 2 when something must be put right first.
    """
    settings = load_settings({"run.profile": profile, "target.base_url": host}, config_files=config or ())
    journeys, warnings = choose_journeys(ALL, tuple(Journey), settings)
    longest_s = settings.profile.longest_s(journeys)
    console = CleanConsole(soft_wrap=True)
    failed = False
    checks = [Check("journeys", found="; ".join((", ".join(journeys), *warnings)))]
    checks += preflight(settings, journeys, longest_s, datetime.now(UTC))
    if all(check.error is None for check in checks if check.name == "portal"):
        checks += probe(settings)
    for check in checks:
        failed = failed or check.error is not None
        found = check.found if check.error is None else check.error.message
        console.print(
            Text.assemble(("✓ " if check.error is None else "✗ "), (check.name, "bold"), f": {found}")
        )
        if check.error is not None and check.error.next_step:
            console.print(Text(f"    {check.error.next_step}"))
    if failed:
        raise typer.Exit(ExitCode.USAGE)
