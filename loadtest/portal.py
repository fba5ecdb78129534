"""``loadtest portal``: run the reference portal."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - Typer reads the annotations at run time
from typing import Annotated

import typer

from conf.loading import load_settings


def command(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on.", show_default="portal.host")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port; 0 takes any free one.", show_default="portal.port")
    ] = None,
    contract: Annotated[
        str | None,
        typer.Option(
            help="What it speaks: phase17, phase17-stream, portal-2025-12 or portal-2026, or the path of a file of that name.",
            show_default="target.contract",
        ),
    ] = None,
    config: Annotated[list[Path] | None, typer.Option(help="TOML file laid over conf/loadtest.toml.")] = None,
) -> None:
    """
    Run the reference portal until it is interrupted (Ctrl-C or SIGTERM).

    Reads the [portal] settings, target.contract and, from the environment only, SESSION_SECRET and DATABASE_URL. The
    database must have been seeded for that contract (loadtest seed). Writes chat messages, onboardings and rate limits to
    that database; to stdout one line with its address once it accepts requests; problems to stderr.

    Exits with 0 when it is interrupted, with 2 when the settings, the contract, the port or the database are not in order.
    """
    from portal.serving import serve  # noqa: PLC0415 - the other sub-commands need no web framework

    given = {"portal.host": host, "portal.port": port, "target.contract": contract}
    settings = load_settings(given, config_files=config or ())
    serve(settings, lambda: datetime.now(UTC))
