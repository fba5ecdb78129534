"""The sub-commands of ``loadtest``: one module each, imported when the sub-command is called, and not for ``--help``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

if TYPE_CHECKING:
    from typer.core import TyperCommand

COMMANDS = {
    "run": "Run journeys against the portal under test and judge them.",
    "report": "Judge a finished run again, by the thresholds it was configured with or by others.",
    "check": "Look at everything that runs of these journeys need: settings, run directory, fixture, tokens, secret, portal, database, vector index.",
    "seed": "Make the database and the fixture what a load test begins with: Longview Park, no homeowner moved in yet.",
    "houses": "Write the fixture from the database of a portal that has houses of its own.",
    "qrs": "Draw the onboarding QR code of every house of the fixture.",
    "token": "Sign new JWTs, valid for 24 hours, for every house of the fixture.",
    "portal": "Run the reference portal until it is interrupted (Ctrl-C or SIGTERM).",
    "compare": "Compare a run with a baseline, figure by figure, each with its interval.",
    "alerts": "Make Prometheus's alert rules of the thresholds.",
    "logs": "Show what the portal and the load have written down: errors, or how long requests took.",
    "baseline": "Keep runs to compare later ones with.",
}
"""Name of the sub-command, which is also its module's → the first sentence of its help."""
_PLAIN: dict[str, Any] = {
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
}


class _Commands(Mapping[str, "TyperCommand | TyperGroup"]):
    """The sub-commands by name, each made when it is asked for."""

    def __getitem__(self, name: str) -> TyperCommand | TyperGroup:
        if name not in COMMANDS:
            raise KeyError(name)
        module = import_module(f"loadtest.{name}")
        own: typer.Typer | None = getattr(module, "app", None)
        if own is None:
            own = typer.Typer(**_PLAIN)
            own.command(name)(module.command)
        made: Any = get_command(own)
        made.name = name
        return made  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _CommandGroup(TyperGroup):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = _Commands()  # type: ignore[assignment]  # read only, as it is used

    def format_commands(self, _: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(
    name="loadtest",
    cls=_CommandGroup,
    help="Load tests of the OpenHouse AI portal: may we deploy, and how far does it carry?",
    no_args_is_help=True,
    **_PLAIN,
)


@app.callback()
def _loadtest() -> None:
    """Makes `app` a group, though no sub-command is registered."""
