"""``loadtest check``: look at everything a run needs, without running it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - Typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from conf.errors import ExitCode
from conf.journeys import Chosen, choose_journeys
from conf.loading import choice_name, load_settings
from conf.operations import ALL, Journey
from loadtest.words import known_words
from monitoring.probing.check import Check, check
from monitoring.probing.preflight import preflight
from monitoring.probing.probe import probe
from monitoring.redaction.clean_console import CleanConsole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conf.settings import Settings


def command(
    journeys: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[JOURNEY]…",
            callback=known_words,
            help="Journeys that shall run; all, or none named: all that the contract has.",
            show_default=False,
        ),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="Load profile: a name in conf/profiles/, or a TOML file.")
    ] = None,
    contract: Annotated[
        str | None, typer.Option(help="What the portal speaks: a name in conf/contracts/, or a TOML file.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address of the portal under test.")] = None,
    config: Annotated[list[Path] | None, typer.Option(help="TOML file laid over conf/loadtest.toml.")] = None,
) -> None:
    """
    Look at everything that runs of these journeys need: settings, run directory, fixture, tokens, secret, portal, database, vector index.

    Reads the settings, the fixture and the environment. Connects to the database where a journey searches it; asks the
    portal for its health, and whether it knows houses, JWT and QR token of the fixture, where a journey needs them. Writes
    nothing, uses no token up, sends no load.

    Exits with 0 when a run can begin, with 2 when something must be put right first.
    """
    given = {"run.profile": profile, "target.contract": contract, "target.base_url": host}
    settings = load_settings(given, config_files=config or ())
    chosen, warnings = _chosen(journeys or [], settings)
    longest_s = settings.profile.longest_s(chosen)
    console = CleanConsole(soft_wrap=True)
    failed = False
    spoken = f"{choice_name(settings.target.contract)}: {settings.contract.description}"
    checks = [
        Check("journeys", found="; ".join((", ".join(chosen), *warnings))),
        Check("contract", found=spoken),
    ]
    if any(endpoint.python for endpoint in settings.contract.endpoints.values()):
        from swarm.http.own_endpoint import require_own_endpoints  # noqa: PLC0415 - few contracts have such code

        checks.append(check("code of the contract", lambda: require_own_endpoints(settings.contract, chosen)))
    checks += preflight(settings, chosen, longest_s, datetime.now(UTC))
    if all(each.error is None for each in checks if each.name == "portal"):
        checks += probe(settings, chosen)
    for each in checks:
        failed = failed or each.error is not None
        found = each.found if each.error is None else each.error.message
        console.print(
            Text.assemble(("✓ " if each.error is None else "✗ "), (each.name, "bold"), f": {found}")
        )
        if each.error is not None and each.error.next_step:
            console.print(Text(f"    {each.error.next_step}"))
    if failed:
        raise typer.Exit(ExitCode.USAGE)


def _chosen(named: Sequence[str], settings: Settings) -> Chosen:
    """The journeys of *named*; where none is, all that the settings describe."""
    chosen = [choose_journeys(word, tuple(Journey), settings) for word in named or (ALL,)]
    journeys = tuple(dict.fromkeys(journey for found in chosen for journey in found.journeys))
    return Chosen(journeys, tuple(warning for found in chosen for warning in found.warnings))
