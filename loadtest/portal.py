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
    config: Annotated[list[Path] | None, typer.Option(help="TOML file laid over conf/loadtest.toml.")] = None,
) -> None:
    """
    Run the reference portal until it is interrupted (Ctrl-C or SIGTERM).

    Reads the [portal] settings and, from the environment only, SESSION_SECRET and DATABASE_URL. The database must
    have been seeded (loadtest seed). Writes chat messages, onboardings and rate limits to that database; to stdout one
    line with its address once it accepts requests; problems to stderr.

    Exits with 0 when it is interrupted, with 2 when the settings, the port or the database are not in order.
    """
    from portal.serving import serve  # noqa: PLC0415 - the other sub-commands need no web framework

    settings = load_settings({"portal.host": host, "portal.port": port}, config_files=config or ())
    serve(settings, lambda: datetime.now(UTC))
